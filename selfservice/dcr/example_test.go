package dcr_test

import (
	"context"
	"log"
	"net/url"
	"os"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
)

// How does a client rotate its key with no more than its registration access
// token?
func ExampleClient() {
	ctx := context.Background()
	client := &dcr.Client{Store: selfservice.Dir("/var/lib/app/registration"), Issuer: "https://as.example.no"}
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
	rotator := &selfservice.Rotator{Provider: client.Keys(), Store: selfservice.Dir("/var/lib/app/key")}
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
		log.Fatal(err)
	}
	go rotator.Run(ctx)
}

// How is the key of a client verified that gets no token without a person?
func ExamplePushedRequest() {
	client := &dcr.Client{
		Store: selfservice.Dir("/var/lib/app/registration"), Issuer: "https://as.example.no",
		Verify: dcr.PushedRequest{Params: url.Values{
			"redirect_uri": {"https://app.example.no/callback"},
			"scope":        {"openid"},
		}}.Verify,
	}
	_ = &selfservice.Rotator{Provider: client.Keys(), Store: selfservice.Dir("/var/lib/app/key")}
}
