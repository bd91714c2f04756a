package okta_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/okta"
)

// How does a service app renew its own key while it runs?
func ExampleJWKS() {
	ctx := context.Background()
	org := okta.Org{URL: "https://acme.okta.com"}
	client := &okta.Client{Org: org, AppID: "0oa1service"}
	rotator := &selfservice.Rotator{
		Provider: okta.JWKS{Client: client},
		Store:    filestore.Dir("/var/lib/app/key"),
	}
	key, err := keys.ReadFile("client_private.json") // pasted in at Okta, once
	if err != nil {
		log.Fatal(err)
	}
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
		log.Fatal(err)
	}
	go rotator.Run(ctx)
	tokens := org.Tokens(org.Signer("0oa1service", rotator), &dpop.Prover{}) // always as the key of the moment
	fmt.Println(tokens.Endpoint)
}

// How does a service app renew the client secret of a web app?
func ExampleSecrets() {
	ctx := context.Background()
	org := okta.Org{URL: "https://acme.okta.com"}
	manager, err := keys.ReadFile("manager_private.json")
	if err != nil {
		log.Fatal(err)
	}
	admin := &okta.Admin{Org: org, Tokens: org.Tokens(org.Signer("0oa2manager", manager), &dpop.Prover{})}
	rotator := &selfservice.Rotator{
		Provider: okta.Secrets{
			Client: &okta.Client{Org: org, AppID: "0oa3web", Admin: admin},
			Yield: func(_ context.Context, s okta.Secret) bool { // what has been off for a month is nobody's
				return s.Status == okta.Inactive && time.Since(s.LastUpdated) > 30*24*time.Hour
			},
		},
		Store: filestore.Dir("/var/lib/web/secret"),
	}
	first := selfservice.Credential{Secret: keys.NewSecret(os.Getenv("CLIENT_SECRET"))}
	if err := rotator.Adopt(ctx, first); err != nil {
		log.Fatal(err)
	}
	go rotator.Run(ctx)
	transport := &assertion.Transport{ // for the code flow of golang.org/x/oauth2
		Auth:     &assertion.Basic{ClientID: "0oa3web", Secret: rotator},
		Endpoint: "https://acme.okta.com/oauth2/default/v1/token",
	}
	fmt.Println(transport.Endpoint)
}

// How does an app renew keys that Okta fetches from a URL?
func ExampleJWKSURL() {
	org := okta.Org{URL: "https://acme.okta.com"}
	rotator := &selfservice.Rotator{
		Provider: okta.JWKSURL{Client: &okta.Client{Org: org, AppID: "0oa1service"}},
		Store:    filestore.Dir("/var/lib/app/key"),
		Timing:   selfservice.Timing{Overlap: 4 * time.Hour}, // longer than Okta keeps a copy
	}
	http.Handle("/jwks.json", &keys.Handler{Keys: rotator.Published})
	go rotator.Run(context.Background())
}

// How does an app move from a secret to a key?
func ExampleAdmin_SetAuthentication() {
	ctx := context.Background()
	admin := &okta.Admin{Org: okta.Org{URL: "https://acme.okta.com"}, APIToken: keys.NewSecret(os.Getenv("OKTA_API_TOKEN"))}
	key, err := keys.ReadFile("client_private.json")
	if err != nil {
		log.Fatal(err)
	}
	to := okta.Authentication{Method: okta.MethodPrivateKey, Keys: keys.Set{Keys: []*keys.PublicKey{key.PublicKey()}}}
	losses, err := admin.Losses(ctx, "0oa3web", to)
	if err != nil {
		log.Fatal(err)
	}
	var confirmed []string
	for _, l := range losses {
		fmt.Println("this ends for good:", l.ID, l.Status) // ask whoever is there
		confirmed = append(confirmed, l.ID)
	}
	if err := admin.SetAuthentication(ctx, "0oa3web", to, confirmed); err != nil {
		log.Fatal(err)
	}
}
