package dcr_test

import (
	"context"
	"fmt"
	"log"
	"net/url"
	"os"
	"strings"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/providertest"
)

// How does a client rotate its key with only its registration access token?
func ExampleClient() {
	ctx := context.Background()
	key, err := keys.Generate(keys.ES256) // keys.ReadFile("client_private.json"): its public part is in the registration
	if err != nil {
		log.Fatal(err)
	}
	server := newServer(withKey(key.PublicKey())) // in place of https://as.example.no
	registered := server.registration()           // the ClientID, URI and AccessToken of its response

	client := &dcr.Client{Store: &selfservice.Mem{}, Issuer: issuer, Base: providertest.Handler(server)} // filestore.Dir("/var/lib/app/registration")
	if err := client.Adopt(ctx, registered); err != nil {
		log.Fatal(err)
	}
	rotator := &selfservice.Rotator{Provider: client.Keys(), Store: &selfservice.Mem{}} // filestore.Dir("/var/lib/app/key")
	rotator.Timing.Propagation = -1                                                     // the server of the example has one node
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
		log.Fatal(err)
	}
	if err := rotator.Rotate(ctx); err != nil { // go rotator.Run(ctx) does it when it is due
		log.Fatal(err)
	}
	metadata, err := client.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Count(string(metadata["jwks"]), `"kid"`), "keys are registered")
	// Output: 2 keys are registered
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
		Rotator:            rotator, // stores the key before the server sees it
		InitialAccessToken: keys.NewSecret(os.Getenv("INITIAL_ACCESS_TOKEN")),
	})
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("this is client %s", registration.ClientID)
	go rotator.Run(ctx)
}

// How is a key verified if the client gets no token without a user?
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
