package keycloak_test

import (
	"context"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
)

// How does a program renew the key of its own client while it runs?
func Example() {
	realm := keycloak.Realm{Server: "https://login.example.no", Name: "hospital"}
	client := &keycloak.Client{Realm: realm, ClientID: "app", DPoP: true}
	rotator := &selfservice.Rotator{
		Provider: keycloak.JWKS{Client: client},
		Store:    filestore.Dir("/var/lib/app/key"),
	}
	key, err := keys.ReadFile("client_private.json") // registered once, by hand
	if err != nil {
		log.Fatal(err)
	}
	if err := rotator.Adopt(context.Background(), selfservice.Credential{Key: key}); err != nil {
		log.Fatal(err)
	}
	go rotator.Run(context.Background())
	tokens := realm.Tokens(realm.Signer("app", rotator), &dpop.Prover{}) // signs with the current key
	fmt.Println(tokens.Endpoint)
}

// start serves a fake Keycloak with the client app in the realm hospital.
func start() (server *keycloaktest.Server, api *admin.API, secret keys.Secret, stop func()) {
	listener := httptest.NewUnstartedServer(nil)
	server = keycloaktest.New("http://" + listener.Listener.Addr().String())
	listener.Config.Handler = server
	listener.Start()
	server.AddRealm("hospital")
	secret = server.AddClient("hospital", "app")
	realm := admin.Realm{Server: server.URL, Name: "hospital"}
	return server, &admin.API{Realm: realm, Tokens: server.Admin()}, secret, listener.Close
}

// How do I rotate a key, with the old one accepted until nobody uses it?
func ExampleJWKS() {
	ctx := context.Background()
	_, api, _, stop := start()
	defer stop()
	info, err := api.FindClient(ctx, "app")
	if err != nil {
		log.Fatal(err)
	}
	old, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	if err := api.SetKeys(ctx, info.ID, keys.Set{Keys: []*keys.PublicKey{old.PublicKey()}}); err != nil {
		log.Fatal(err)
	}

	client := &keycloak.Client{Realm: api.Realm, ClientID: "app", Admin: api}
	rotator := &selfservice.Rotator{
		Provider: keycloak.JWKS{Client: client}, Store: &selfservice.Mem{},
		Timing: selfservice.Timing{Propagation: -1}, // by default a new key signs 12 s later, when all nodes know it
	}
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: old}); err != nil {
		log.Fatal(err)
	}
	if err := rotator.Rotate(ctx); err != nil {
		log.Fatal(err)
	}
	current, err := rotator.SigningKey(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("a new key:", current.KeyID() != old.KeyID())
	fmt.Println("the new key:", client.Verify(ctx, selfservice.Credential{Key: current}))
	fmt.Println("the old key, in its overlap:", client.Verify(ctx, selfservice.Credential{Key: old}))
	// Output:
	// a new key: true
	// the new key: <nil>
	// the old key, in its overlap: <nil>
}

// How do I rotate the key of a certificate without cutting off requests?
//
// Keycloak stores one certificate, so a new one ends the old one. Move the key to
// a JWKS, under the kid by which Keycloak knows it. Nothing changes for programs
// that sign with it, and from then on the old and the new key exist side by side.
func ExampleJWKS_certificate() {
	ctx := context.Background()
	_, api, _, stop := start()
	defer stop()
	info, err := api.FindClient(ctx, "app")
	if err != nil {
		log.Fatal(err)
	}
	key, err := keys.Generate(keys.ES256)
	if err == nil {
		key, err = key.With(keys.Options{KeyID: certs.KeyID(key.PublicKey())})
	}
	if err == nil {
		key, err = certs.SelfSign(ctx, key, certs.Template{Subject: pkix.Name{CommonName: "app"}})
	}
	if err == nil {
		err = api.SetCertificate(ctx, info.ID, key.PublicKey()) // this is how it was
	}
	if err == nil {
		err = api.SetKeys(ctx, info.ID, keys.Set{Keys: []*keys.PublicKey{key.PublicKey()}})
	}
	if err != nil {
		log.Fatal(err)
	}
	client := &keycloak.Client{Realm: api.Realm, ClientID: "app", Admin: api}
	fmt.Println("after the move:", client.Verify(ctx, selfservice.Credential{Key: key}))

	rotator := &selfservice.Rotator{
		Provider: keycloak.JWKS{Client: client}, Store: &selfservice.Mem{}, Timing: selfservice.Timing{Propagation: -1},
	}
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
		log.Fatal(err)
	}
	if err := rotator.Rotate(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("after the rotation:", client.Verify(ctx, selfservice.Credential{Key: key}))
	// Output:
	// after the move: <nil>
	// after the rotation: <nil>
}

// How do I rotate a secret so that the old one is still accepted for a while?
func ExampleSecret() {
	ctx := context.Background()
	_, api, old, stop := start()
	defer stop()
	const day = 24 * time.Hour
	err := api.PutRotationProfile(ctx, admin.RotationProfile{Name: "weekly", Expiration: 7 * day, Rotated: 2 * day})
	if err == nil {
		err = api.PutPolicy(ctx, admin.Policy{Name: "rotate", AccessTypes: []string{"confidential"}, Profiles: []string{"weekly"}})
	}
	if err != nil {
		log.Fatal(err)
	}

	client := &keycloak.Client{Realm: api.Realm, ClientID: "app", Admin: api}
	rotator := &selfservice.Rotator{Provider: keycloak.Secret{Client: client}, Store: &selfservice.Mem{}}
	if err := rotator.Adopt(ctx, selfservice.Credential{Secret: old}); err != nil {
		log.Fatal(err)
	}
	if err := rotator.Rotate(ctx); err != nil {
		log.Fatal(err)
	}
	tokens := api.Realm.Tokens(&assertion.Basic{ClientID: "app", Secret: rotator}, nil) // always the current secret
	_, err = tokens.Token(ctx)
	fmt.Println("the new secret:", err)
	fmt.Println("the old secret:", client.Verify(ctx, selfservice.Credential{Secret: old}))
	// Output:
	// the new secret: <nil>
	// the old secret: <nil>
}

// What must an administrator grant before a client can rotate its own secret?
//
// Its service account needs the role manage-clients of realm-management, and a
// rotation policy must apply to the client so that the old secret lives on.
// Rotator.Check reports both before the first rotation.
func ExampleClient() {
	ctx := context.Background()
	server, api, secret, stop := start()
	defer stop()
	check := func() error {
		client := &keycloak.Client{Realm: api.Realm, ClientID: "app"}
		rotator := &selfservice.Rotator{Provider: keycloak.OwnSecret{Client: client}, Store: &selfservice.Mem{}}
		if err := rotator.Adopt(ctx, selfservice.Credential{Secret: secret}); err != nil {
			return err
		}
		return rotator.Check(ctx)
	}
	fmt.Println("no role:", errors.Is(check(), admin.ErrForbidden))
	server.Grant("hospital", "app", "manage-clients")
	fmt.Println("no policy:", errors.Is(check(), admin.ErrNoOverlap))
	const day = 24 * time.Hour
	err := api.PutRotationProfile(ctx, admin.RotationProfile{Name: "weekly", Expiration: 7 * day, Rotated: 2 * day})
	if err == nil {
		err = api.PutPolicy(ctx, admin.Policy{Name: "rotate", AccessTypes: []string{"confidential"}, Profiles: []string{"weekly"}})
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("both:", check())
	// Output:
	// no role: true
	// no policy: true
	// both: <nil>
}
