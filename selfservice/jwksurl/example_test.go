package jwksurl_test

import (
	"context"
	"log"
	"net/http"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/jwksurl"
)

// How does a program publish its keys and rotate what it publishes?
func Example() {
	ctx := context.Background()
	tokens := func(key keys.Source) *assertion.TokenSource {
		return &assertion.TokenSource{
			Endpoint: "https://as.example.no/token",
			Auth:     &assertion.Signer{ClientID: "app", Audience: "https://as.example.no", Key: key},
		}
	}
	provider := &jwksurl.Provider{
		URL: "https://app.example.no/jwks",
		Token: func(ctx context.Context, key keys.Source) error {
			_, err := tokens(key).Token(ctx)
			return err
		},
	}
	rotator := &selfservice.Rotator{Provider: provider, Store: filestore.Dir("/var/lib/app/key")}
	key, err := keys.ReadFile("client_private.json") // the first one, which the URL shows from now on
	if err != nil {
		log.Fatal(err)
	}
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
		log.Fatal(err)
	}
	http.Handle("/jwks", &keys.Handler{Keys: rotator.Published})
	go rotator.Run(ctx)
	_ = tokens(rotator) // for the program itself
}
