package dpop_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
)

// known is a dpop.Tokens that knows one token; programs have an access.Verifier.
type known struct{ token *dpop.Token }

func (k known) Token(context.Context, string) (*dpop.Token, error) { return k.token, nil }

// How do I protect a gRPC service? Metadata has the header fields in lower
// case; a call is a POST to the full name of its method.
func ExampleMiddleware_Check_grpc() {
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		return
	}
	guard := &dpop.Middleware{
		Tokens:  known{&dpop.Token{ClientID: "my-client", Scopes: []string{"patients/read"}, JKT: key.Thumbprint()}},
		Proofs:  &dpop.Verifier{Replay: &dpop.Memory{}},
		BaseURL: "https://api.example.no",
	}
	intercept := func(ctx context.Context, metadata map[string][]string, fullMethod string) (context.Context, error) {
		verdict := guard.Check(ctx, metadata["authorization"], dpop.Call{
			Method: http.MethodPost,
			URL:    guard.BaseURL + fullMethod,
			Proofs: metadata["dpop"],
			Scopes: []string{"patients/read"},
		})
		// verdict.Header goes back as metadata, with its names in lower case.
		if verdict.Err != nil {
			return nil, verdict.Err // codes.Unauthenticated; PermissionDenied for 403, Unavailable for 503
		}
		return dpop.WithToken(ctx, verdict.Token), nil
	}

	ctx, method := context.Background(), "/no.example.Patients/List"
	_, err = intercept(ctx, map[string][]string{"user-agent": {"grpc-go/1.80.0"}}, method)
	fmt.Println(err)

	proof, err := dpop.Sign(ctx, key, dpop.Proof{Method: http.MethodPost, URL: guard.BaseURL + method, AccessToken: keys.NewSecret("t")})
	if err != nil {
		return
	}
	ctx, err = intercept(ctx, map[string][]string{"authorization": {"DPoP t"}, "dpop": {proof}}, method)
	fmt.Println(err, dpop.TokenFrom(ctx).ClientID)
	// Output:
	// dpop: no access token of a scheme that is taken here: no Authorization
	// <nil> my-client
}
