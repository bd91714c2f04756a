package access_test

import (
	"context"
	"log"
	"net/http"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/access"
	"github.com/nokkel/nokkel/keys"
)

// How is an API protected?
func ExampleVerifier() {
	guard := &dpop.Middleware{
		Tokens:  &access.Verifier{Issuer: "https://sts.example.no", Audiences: []string{"nhn:patients"}},
		Proofs:  &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: &dpop.Nonces{}},
		BaseURL: "https://api.example.no",
		OnError: func(_ context.Context, err error) { log.Print(err) },
	}
	if err := guard.Validate(); err != nil {
		return
	}
	patients := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(dpop.TokenFrom(r.Context()).ClientID))
	})
	http.Handle("GET /patients", guard.Handler(patients, "nhn:patients/read"))
}

// How does an API ask the issuer about tokens that it cannot read, or that may
// have been revoked?
func ExampleIntrospector() {
	ctx := context.Background()
	key, err := keys.ReadFile("api_private.json")
	if err != nil {
		return
	}
	server, err := assertion.Discover(ctx, nil, "https://sts.example.no")
	if err != nil {
		return
	}
	tokens := &access.Introspector{
		Endpoint: server.IntrospectionEndpoint,
		Auth:     &assertion.Signer{ClientID: "my-api", Audience: server.Issuer, Key: key},
		Issuer:   server.Issuer,
	}
	token, err := tokens.Token(ctx, "the access token")
	if err != nil {
		return // errors.Is(err, dpop.ErrInvalidToken), or the issuer cannot be asked
	}
	log.Print(token.Subject)
}
