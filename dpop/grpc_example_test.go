package dpop_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
)

// known is a dpop.Tokens of one token; programs use an access.Verifier.
type known struct{ token *dpop.Token }

func (k known) Token(context.Context, string) (*dpop.Token, error) { return k.token, nil }

// admit is the body of a gRPC interceptor. Metadata has the header fields in
// lower case; a call is a POST to the full name of its method.
func admit(ctx context.Context, guard *dpop.Middleware, metadata map[string][]string, fullMethod string) (context.Context, error) {
	verdict := guard.Check(ctx, metadata["authorization"], dpop.Call{
		Method: http.MethodPost,
		URL:    guard.BaseURL + fullMethod,
		Proofs: metadata["dpop"],
		Scopes: []string{"patients/read"},
	})
	// Send verdict.Header as metadata, its names in lower case.
	if verdict.Err != nil {
		return nil, verdict.Err // codes.Unauthenticated; PermissionDenied for 403, Unavailable for 503
	}
	return dpop.WithToken(ctx, verdict.Token), nil
}

// How do I protect a gRPC service?
func ExampleMiddleware_Check_grpc() {
	key, err := keys.Generate(keys.ES256) // of the client
	if err != nil {
		log.Fatal(err)
	}
	guard := &dpop.Middleware{
		Tokens:  known{&dpop.Token{ClientID: "my-client", Scopes: []string{"patients/read"}, JKT: key.Thumbprint()}},
		Proofs:  &dpop.Verifier{Replay: &dpop.Memory{}},
		BaseURL: "https://api.example.no",
	}
	ctx, method := context.Background(), "/no.example.Patients/List"
	_, err = admit(ctx, guard, map[string][]string{"user-agent": {"grpc-go/1.80.0"}}, method)
	fmt.Println(err)

	proof, err := dpop.Sign(ctx, key, dpop.Proof{Method: http.MethodPost, URL: guard.BaseURL + method, AccessToken: keys.NewSecret("t")})
	if err != nil {
		log.Fatal(err)
	}
	ctx, err = admit(ctx, guard, map[string][]string{"authorization": {"DPoP t"}, "dpop": {proof}}, method)
	fmt.Println(err, dpop.TokenFrom(ctx).ClientID)
	// Output:
	// dpop: no access token of an accepted scheme: no Authorization
	// <nil> my-client
}
