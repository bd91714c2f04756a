package assertion_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"golang.org/x/oauth2"
)

// How do I get a token with my key?
func Example() {
	ctx := context.Background()
	as := exampleServer()
	defer as.Close()

	key, err := keys.Generate(keys.ES256) // or keys.ReadFile
	if err != nil {
		log.Fatal(err)
	}
	tokens := &assertion.TokenSource{
		Endpoint: as.URL,
		Auth:     &assertion.Signer{ClientID: "my-client", Audience: "https://as.example.com", Key: key},
		Scopes:   []string{"patients/read"},
	}
	token, err := tokens.Token(ctx) // keep tokens: it keeps the token
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.Type, token.Scopes, token.AccessToken)
	// Output: Bearer [patients/read] [redacted]
}

// How do I authenticate with an assertion in a login that
// golang.org/x/oauth2 does for me?
func ExampleTransport() {
	as := exampleServer()
	defer as.Close()
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	conf := &oauth2.Config{
		ClientID:    "my-client", // and no ClientSecret
		RedirectURL: "https://app.example.com/callback",
		Endpoint:    oauth2.Endpoint{TokenURL: as.URL, AuthStyle: oauth2.AuthStyleInParams},
	}
	transport := &assertion.Transport{
		Auth:     &assertion.Signer{ClientID: conf.ClientID, Audience: "https://as.example.com", Key: key},
		Endpoint: conf.Endpoint.TokenURL,
	}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Transport: transport})

	token, err := conf.Exchange(ctx, "code-of-the-callback", oauth2.VerifierOption("verifier-of-the-session"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.Type(), token.Valid())
	// Output: Bearer true
}

// How do I use a client secret that may change while the program runs?
func ExampleBasic() {
	as := exampleServer()
	defer as.Close()
	var secret keys.SecretSource = keys.NewSecret("s3cret") // or a selfservice.Rotator
	tokens := &assertion.TokenSource{
		Endpoint: as.URL,
		Auth:     &assertion.Basic{ClientID: "my-client", Secret: secret},
	}
	token, err := tokens.Token(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.Type)
	// Output: Bearer
}

// How do I send claims of my own, such as HelseID's assertion_details?
func ExampleSigner_claims() {
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	signer := &assertion.Signer{
		ClientID: "my-client", Audience: "https://as.example.com", Key: key,
		Claims: map[string]any{"assertion_details": map[string]any{
			"type":  "nhn:sfm:journal-id",
			"value": map[string]any{"journal_id": "17"},
		}},
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if err := signer.Authenticate(context.Background(), nil, form); err != nil {
		log.Fatal(err)
	}
	fmt.Println(form.Get("client_id"), form.Get("client_assertion_type"))
	// Output: my-client urn:ietf:params:oauth:client-assertion-type:jwt-bearer
}

func exampleServer() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); !ok && r.PostFormValue("client_assertion") == "" {
			replyError(w, http.StatusUnauthorized, "invalid_client", "")
			return
		}
		reply(w, http.StatusOK, map[string]any{"access_token": "t", "token_type": "Bearer", "expires_in": 600})
	}))
}
