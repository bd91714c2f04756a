package access_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/access"
	"github.com/nokkel/nokkel/keys"
)

// How do I protect an API?
func ExampleVerifier_middleware() {
	guard := &dpop.Middleware{
		Tokens:  &access.Verifier{Issuer: "https://sts.example.no", Audiences: []string{"nhn:patients"}},
		Proofs:  &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: &dpop.Nonces{}},
		BaseURL: "https://api.example.no",
		OnError: func(_ context.Context, err error) { fmt.Println(err) },
	}
	if err := guard.Validate(); err != nil { // before the program listens
		log.Fatal(err)
	}
	patients := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(dpop.TokenFrom(r.Context()).ClientID))
	})
	protected := guard.Handler(patients, "nhn:patients/read")

	w := httptest.NewRecorder()
	protected.ServeHTTP(w, httptest.NewRequest("GET", "/patients", nil)) // no token
	fmt.Println(w.Code, w.Header().Get("DPoP-Nonce") != "")
	// Output:
	// dpop: no access token of an accepted scheme: no Authorization
	// 401 true
}

// How does an API ask the issuer about tokens that it cannot read, or that may
// have been revoked?
func ExampleIntrospector() {
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"active":%t,"client_id":"my-client","scope":"nhn:patients/read"}`, r.FormValue("token") == "good")
	}))
	defer issuer.Close()
	tokens := &access.Introspector{
		Endpoint: issuer.URL, // IntrospectionEndpoint of assertion.Discover
		Auth:     &assertion.Basic{ClientID: "my-api", Secret: keys.NewSecret("correct horse")},
		Issuer:   "https://sts.example.no",
	}
	for _, text := range []string{"good", "revoked"} {
		token, err := tokens.Token(context.Background(), text)
		if errors.Is(err, dpop.ErrInvalidToken) { // any other error: nobody can tell now
			fmt.Println("not valid")
		} else if err == nil {
			fmt.Println(token.ClientID, token.Has("nhn:patients/read"))
		}
	}
	// Output:
	// my-client true
	// not valid
}
