package keycloak_test

import (
	"context"
	"fmt"
	"log"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/keycloak"
)

// How does a client that may manage itself renew its key while it runs?
func ExampleJWKS() {
	realm := keycloak.Realm{Server: "https://login.example.no", Name: "hospital"}
	client := &keycloak.Client{Realm: realm, ClientID: "app", DPoP: true}
	rotator := &selfservice.Rotator{
		Provider: keycloak.JWKS{Client: client},
		Store:    filestore.Dir("/var/lib/app/key"),
	}
	key, err := keys.ReadFile("client_private.json") // registered by hand, once
	if err != nil {
		log.Fatal(err)
	}
	if err := rotator.Adopt(context.Background(), selfservice.Credential{Key: key}); err != nil {
		log.Fatal(err)
	}
	go rotator.Run(context.Background())
	tokens := realm.Tokens(realm.Signer("app", rotator), &dpop.Prover{}) // always as the key of the moment
	fmt.Println(tokens.Endpoint)
}
