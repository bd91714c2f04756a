package dcr_test

import (
	"context"
	"log"
	"net/url"
	"os"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/nokkel/nokkel/selfservice/filestore"
)

// How does a client rotate its key with no more than its registration access
// token?
func ExampleClient() {
	ctx := context.Background()
	client := &dcr.Client{Store: filestore.Dir("/var/lib/app/registration"), Issuer: "https://as.example.no"}
	err := client.Adopt(ctx, dcr.Registration{ // what the registration answered, once
		ClientID:    "app",
		URI:         "https://as.example.no/register/app",
		AccessToken: keys.NewSecret(os.Getenv("REGISTRATION_ACCESS_TOKEN")),
	})
	if err != nil {
		log.Fatal(err)
	}
	key, err := keys.ReadFile("client_private.json") // its public part is in the registration
	if err != nil {
		log.Fatal(err)
	}
	rotator := &selfservice.Rotator{Provider: client.Keys(), Store: filestore.Dir("/var/lib/app/key")}
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
		log.Fatal(err)
	}
	go rotator.Run(ctx)
}

// How does a program register itself when it starts for the first time?
func ExampleClient_Register() {
	ctx := context.Background()
	client := &dcr.Client{Store: filestore.Dir("/var/lib/app/registration"), Issuer: "https://as.example.no"}
	rotator := &selfservice.Rotator{Provider: client.Keys(), Store: filestore.Dir("/var/lib/app/key")}
	registration, err := client.Register(ctx, dcr.Application{
		Metadata: dcr.Metadata{
			"client_name": []byte(`"App"`),
			"grant_types": []byte(`["client_credentials"]`),
		},
		Rotator:            rotator, // has the key from before the server hears of it
		InitialAccessToken: keys.NewSecret(os.Getenv("INITIAL_ACCESS_TOKEN")),
	})
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("this is client %s", registration.ClientID)
	go rotator.Run(ctx)
}

// How is the key of a client verified that gets no token without a person?
func ExamplePushedRequest() {
	client := &dcr.Client{
		Store: filestore.Dir("/var/lib/app/registration"), Issuer: "https://as.example.no",
		Verify: dcr.PushedRequest{Params: url.Values{
			"redirect_uri": {"https://app.example.no/callback"},
			"scope":        {"openid"},
		}}.Verify,
	}
	_ = &selfservice.Rotator{Provider: client.Keys(), Store: filestore.Dir("/var/lib/app/key")}
}
