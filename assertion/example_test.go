package assertion_test

import (
	"context"
	"errors"
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

// How do I set up an oauth2.Config with assertions in place of a ClientSecret?
func ExampleTransport_oauth2Config() {
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

// How does a program go over from a secret to a key while it runs?
func ExampleMoving() {
	moved := false // at the server, which takes one of the two
	as := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _, secret := r.BasicAuth()
		fmt.Println("the server sees a secret:", secret)
		if secret == moved {
			replyError(w, http.StatusUnauthorized, "invalid_client", "")
			return
		}
		reply(w, http.StatusOK, map[string]any{"access_token": "t", "token_type": "Bearer", "expires_in": 600})
	}))
	defer as.Close()
	key, err := keys.Generate(keys.ES256) // or a selfservice.Rotator, which has saved it
	if err != nil {
		log.Fatal(err)
	}
	auth := &assertion.Moving{
		From: &assertion.Basic{ClientID: "my-client", Secret: keys.NewSecret("s3cret")},
		To:   &assertion.Signer{ClientID: "my-client", Audience: "https://as.example.com", Key: key},
	}
	for range 3 {
		tokens := &assertion.TokenSource{Endpoint: as.URL, Auth: auth}
		if _, err := tokens.Token(context.Background()); err != nil {
			log.Fatal(err)
		}
		moved = true
	}
	// Output:
	// the server sees a secret: true
	// the server sees a secret: true
	// the server sees a secret: false
	// the server sees a secret: false
}

// How do I call an API with these tokens, through golang.org/x/oauth2?
func ExampleTokenSource_OAuth2() {
	as := exampleServer()
	defer as.Close()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("the API sees", r.Header.Get("Authorization"))
	}))
	defer api.Close()
	tokens := &assertion.TokenSource{
		Endpoint: as.URL,
		Auth:     &assertion.Post{ClientID: "my-client", Secret: keys.NewSecret("correct horse")},
	}
	ctx := context.Background()
	client := oauth2.NewClient(ctx, tokens.OAuth2(ctx))
	resp, err := client.Get(api.URL)
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	// Output: the API sees Bearer t
}

// Why did I get no token, and when may I ask again?
func ExampleError() {
	as := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		replyError(w, http.StatusUnauthorized, "invalid_client", "unknown key")
	}))
	defer as.Close()
	tokens := &assertion.TokenSource{
		Endpoint: as.URL,
		Auth:     &assertion.Post{ClientID: "my-client", Secret: keys.NewSecret("correct horse")},
	}
	_, err := tokens.Token(context.Background())
	fmt.Println(errors.Is(err, assertion.ErrInvalidClient))
	var refused *assertion.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Status, refused.Code, refused.RetryAfter())
	}
	// Output:
	// true
	// 401 invalid_client 2m0s
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
		if _, _, ok := r.BasicAuth(); !ok && r.PostFormValue("client_assertion") == "" && r.PostFormValue("client_secret") == "" {
			replyError(w, http.StatusUnauthorized, "invalid_client", "")
			return
		}
		reply(w, http.StatusOK, map[string]any{"access_token": "t", "token_type": "Bearer", "expires_in": 600})
	}))
}
