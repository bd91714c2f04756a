package admin_test

import (
	"context"
	"crypto/x509/pkix"
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
)

// How does an administrator authenticate with a key of its own and DPoP?
func Example() {
	realm := admin.Realm{Server: "https://login.example.no", Name: "hospital"}
	key, err := keys.ReadFile("manager_private.json")
	if err != nil {
		log.Fatal(err)
	}
	api := &admin.API{Realm: realm, Tokens: realm.Tokens(realm.Signer("manager", key), &dpop.Prover{})}
	client, err := api.FindClient(context.Background(), "app")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Method, client.SecretTimes().Expires)
}

// start serves a fake Keycloak with the client app in the realm hospital.
func start() (api *admin.API, id string, stop func()) {
	listener := httptest.NewUnstartedServer(nil)
	server := keycloaktest.New("http://" + listener.Listener.Addr().String())
	listener.Config.Handler = server
	listener.Start()
	server.AddRealm("hospital")
	server.AddClient("hospital", "app")
	api = &admin.API{Realm: admin.Realm{Server: server.URL, Name: "hospital"}, Tokens: server.Admin()}
	client, err := api.FindClient(context.Background(), "app")
	if err != nil {
		log.Fatal(err)
	}
	return api, client.ID, listener.Close
}

// How do I have Keycloak accept the old secret beside the new one?
func ExampleAPI_PutPolicy() {
	ctx := context.Background()
	api, id, stop := start()
	defer stop()
	const day = 24 * time.Hour
	err := api.PutRotationProfile(ctx, admin.RotationProfile{
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

	old, err := api.ClientSecret(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := api.RegenerateSecret(ctx, id); err != nil {
		log.Fatal(err)
	}
	rotated, err := api.RotatedSecret(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	client, err := api.Client(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	times := client.SecretTimes()
	fmt.Println("the old secret is kept:", rotated.Equal(old))
	fmt.Println("for", times.RotatedExpires.Sub(times.RotatedCreated))
	// Output:
	// the old secret is kept: true
	// for 48h0m0s
}

// How do I upload a keystore without sending its private key?
func ExampleAPI_Upload() {
	ctx := context.Background()
	api, id, stop := start()
	defer stop()
	key, err := keys.Generate(keys.ES256)
	if err == nil {
		key, err = certs.SelfSign(ctx, key, certs.Template{Subject: pkix.Name{CommonName: "app"}})
	}
	if err != nil {
		log.Fatal(err)
	}
	file, err := keystore.MarshalPKCS12(key, "app", "changeit")
	if err != nil {
		log.Fatal(err)
	}

	err = api.Upload(ctx, id, admin.KeyFile{
		Format: admin.FormatPKCS12, Content: file, Alias: "app", Password: keys.NewSecret("changeit"),
	})
	if err != nil {
		log.Fatal(err)
	}
	stored, err := api.StoredKey(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("certificate:", stored.Certificate.Subject)
	fmt.Println("private key at the server:", stored.PrivateKey)
	// Output:
	// certificate: CN=app
	// private key at the server: false
}

// How do I find and remove keys that nobody should sign with any more?
func ExampleAPI_RemoveKey() {
	ctx := context.Background()
	api, id, stop := start()
	defer stop()
	lost, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	current, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	if err := api.SetKeys(ctx, id, keys.Set{Keys: []*keys.PublicKey{lost.PublicKey(), current.PublicKey()}}); err != nil {
		log.Fatal(err)
	}

	set, err := api.Keys(ctx, id)
	if err != nil {
		log.Fatal(err)
	}
	for _, key := range set.Keys {
		if key.Thumbprint() == current.Thumbprint() {
			continue
		}
		if err := api.RemoveKey(ctx, id, key.Thumbprint()); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(api.RemoveKey(ctx, id, current.Thumbprint()))
	// Output:
	// keycloak: refusing to remove the last key
}
