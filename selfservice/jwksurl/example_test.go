package jwksurl_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/jwksurl"
	"github.com/nokkel/nokkel/selfservice/providertest"
)

// How does a program publish its keys, and renew what it publishes?
func Example() {
	ctx := context.Background()
	store := &selfservice.Mem{} // filestore.Dir("/var/lib/app/key")
	rotator := &selfservice.Rotator{Store: store}
	as := providertest.Handler(newServer(site(store))) // in place of the authorization server, which fetches the URL
	published := httptest.NewServer(&keys.Handler{Keys: rotator.Published})
	defer published.Close()
	rotator.Provider = &jwksurl.Provider{
		URL: published.URL, // https://app.example.no/jwks
		Token: func(ctx context.Context, key keys.Source) error {
			signer := &assertion.Signer{ClientID: "app", Audience: "https://as.example.no", Key: key}
			_, err := (&assertion.TokenSource{Endpoint: "https://as.example.no/token", Auth: signer, Base: as}).Token(ctx)
			return err
		},
		MaxAge: time.Millisecond, Margin: time.Millisecond, // as if no server kept a copy
	}
	first, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: first}); err != nil {
		log.Fatal(err)
	}
	if err := rotator.Rotate(ctx); err != nil { // go rotator.Run(ctx) does it when it is due
		log.Fatal(err)
	}
	set, err := rotator.Published(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("published:", len(set.Keys)) // both, until the overlap is over
	now, err := rotator.SigningKey(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("signs with the new one:", now.KeyID() != first.KeyID())
	// Output:
	// published: 2
	// signs with the new one: true
}
