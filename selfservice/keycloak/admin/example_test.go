package admin_test

import (
	"context"
	"log"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

// How does an administrator let secrets live on beside new ones?
func ExampleAPI_PutPolicy() {
	ctx := context.Background()
	realm := admin.Realm{Server: "https://login.example.no", Name: "hospital"}
	key, err := keys.ReadFile("manager_private.json")
	if err != nil {
		log.Fatal(err)
	}
	api := &admin.API{Realm: realm, Tokens: realm.Tokens(realm.Signer("manager", key), &dpop.Prover{})}
	const day = 24 * time.Hour
	err = api.PutRotationProfile(ctx, admin.RotationProfile{
		Name: "weekly", Expiration: 7 * day, Rotated: 2 * day, Remaining: day,
	})
	if err != nil {
		log.Fatal(err)
	}
	err = api.PutPolicy(ctx, admin.Policy{
		Name: "rotate", AccessTypes: []string{"confidential"}, Profiles: []string{"weekly"},
	})
	if err != nil {
		log.Fatal(err)
	}
}
