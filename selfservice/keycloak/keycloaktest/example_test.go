package keycloaktest_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop/access"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
)

// How do I test that my program survives an expired secret?
//
// In a test, Start(t) does what the first four lines do here.
func Example() {
	listener := httptest.NewUnstartedServer(nil)
	server := keycloaktest.New("http://" + listener.Listener.Addr().String())
	listener.Config.Handler = server
	listener.Start()
	defer listener.Close()

	ctx := context.Background()
	server.AddRealm("hospital")
	realm := admin.Realm{Server: server.URL, Name: "hospital"}
	api := &admin.API{Realm: realm, Tokens: server.Admin()}
	err := api.PutRotationProfile(ctx, admin.RotationProfile{Name: "weekly", Expiration: 7 * 24 * time.Hour})
	if err == nil {
		err = api.PutPolicy(ctx, admin.Policy{Name: "rotate", AccessTypes: []string{"confidential"}, Profiles: []string{"weekly"}})
	}
	if err != nil {
		log.Fatal(err)
	}
	secret := server.AddClient("hospital", "app") // its clock starts now

	request := func(secret keys.Secret) error { // your program, with the server's URL
		_, err := realm.Tokens(&assertion.Basic{ClientID: "app", Secret: secret}, nil).Token(ctx)
		return err
	}
	fmt.Println("today:", request(secret))
	server.Advance(8 * 24 * time.Hour)
	fmt.Println("in a week it is refused:", request(secret) != nil)
	// Output:
	// today: <nil>
	// in a week it is refused: true
}

// How do I test an API that takes Keycloak's tokens?
func ExampleServer_AddClientScope() {
	listener := httptest.NewUnstartedServer(nil)
	server := keycloaktest.New("http://" + listener.Listener.Addr().String())
	listener.Config.Handler = server
	listener.Start()
	defer listener.Close()

	server.AddRealm("hospital")
	secret := server.AddClient("hospital", "app")
	server.AddAudience("hospital", "app", "https://api.example.no")
	server.AddClientScope("hospital", "app", "patients")

	ctx := context.Background()
	tokens := admin.Realm{Server: server.URL, Name: "hospital"}.Tokens(&assertion.Basic{ClientID: "app", Secret: secret}, nil)
	tokens.Scopes = []string{"patients"}
	token, err := tokens.Token(ctx)
	if err != nil {
		log.Fatal(err)
	}
	api := &access.Verifier{Issuer: server.URL + "/realms/hospital", Audiences: []string{"https://api.example.no"}, PlainType: true}
	checked, err := api.Token(ctx, token.AccessToken.Reveal())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(checked.Audience, checked.Scopes)
	// Output: [https://api.example.no account] [profile email patients]
}
