package okta_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/nokkel/nokkel/selfservice/providertest"
)

// How does a service app renew its own key while it runs?
func ExampleJWKS() {
	ctx := context.Background()
	key := exampleKey() // keys.ReadFile("client_private.json"), pasted in at Okta, once
	server, org := exampleOrg(oktatest.App{
		ID: "0oa1service", Keys: []*keys.PublicKey{key.PublicKey()}, Service: true, DPoP: true,
		Scopes: []string{okta.ScopeRead, okta.ScopeManage}, Role: oktatest.SuperAdmin,
	})

	client := &okta.Client{Org: org, AppID: "0oa1service", Propagates: time.Millisecond}
	rotator := &selfservice.Rotator{Provider: okta.JWKS{Client: client}, Store: &selfservice.Mem{}} // filestore.Dir("/var/lib/app/key")
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
		log.Fatal(err)
	}
	if err := rotator.Check(ctx); err != nil { // names the scope or role that is missing
		log.Fatal(err)
	}
	if err := rotator.Rotate(ctx); err != nil { // go rotator.Run(ctx) does it when it is due
		log.Fatal(err)
	}
	tokens := org.Tokens(org.Signer("0oa1service", rotator), &dpop.Prover{}) // always as the key of the moment
	_, err := tokens.Token(ctx)
	fmt.Println(err, len(server.Events(oktatest.EventCreate)), "key was added")
	// Output: <nil> 1 key was added
}

// How does a service app renew the keys of other apps?
func ExampleAdmin() {
	ctx := context.Background()
	own, key := exampleKey(), exampleKey()
	server, org := exampleOrg(
		oktatest.App{
			ID: "0oa2manager", Keys: []*keys.PublicKey{own.PublicKey()}, Service: true, DPoP: true,
			Scopes: []string{okta.ScopeRead, okta.ScopeManage}, Role: oktatest.AppAdmin,
		},
		oktatest.App{ID: "0oa3web", Keys: []*keys.PublicKey{key.PublicKey()}},
	)

	admin := &okta.Admin{Org: org, Tokens: org.Tokens(org.Signer("0oa2manager", own), &dpop.Prover{})}
	client := &okta.Client{Org: org, AppID: "0oa3web", Admin: admin, Propagates: time.Millisecond}
	rotator := &selfservice.Rotator{Provider: okta.JWKS{Client: client}, Store: &selfservice.Mem{}}
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
		log.Fatal(err)
	}
	if err := rotator.Rotate(ctx); err != nil {
		log.Fatal(err)
	}
	for _, e := range server.Events(oktatest.EventCreate) {
		fmt.Println(e.Actor, "added a key to", e.AppID)
	}
	// Output: 0oa2manager added a key to 0oa3web
}

// How is the client secret of a web app renewed, of which Okta has two at most?
func ExampleSecrets() {
	ctx := context.Background()
	first := keys.NewSecret("what Okta made for the app, 1234") // os.Getenv("CLIENT_SECRET")
	server, org := exampleOrg(oktatest.App{ID: "0oa3web", Secret: first})

	admin := &okta.Admin{Org: org, APIToken: keys.NewSecret(oktatest.APIToken)} // or as a service app
	rotator := &selfservice.Rotator{
		Provider: okta.Secrets{
			Client: &okta.Client{Org: org, AppID: "0oa3web", Admin: admin, Propagates: time.Millisecond},
			Yield: func(_ context.Context, s okta.Secret) bool { // unused if inactive for a month
				return s.Status == okta.Inactive && time.Since(s.LastUpdated) > 30*24*time.Hour
			},
		},
		Store: &selfservice.Mem{},
	}
	if err := rotator.Adopt(ctx, selfservice.Credential{Secret: first}); err != nil {
		log.Fatal(err)
	}
	if err := rotator.Rotate(ctx); err != nil {
		log.Fatal(err)
	}
	secret, err := rotator.ClientSecret(ctx) // for assertion.Basic{ClientID: "0oa3web", Secret: rotator}
	fmt.Println(err, secret, server.Accepts("0oa3web", selfservice.Credential{Secret: secret}.Fingerprint()))
	// Output: <nil> [redacted] true
}

// How does an app renew keys that Okta fetches from a URL?
func ExampleJWKSURL() {
	org := okta.Org{URL: "https://acme.okta.com"}
	rotator := &selfservice.Rotator{
		Provider: okta.JWKSURL{Client: &okta.Client{Org: org, AppID: "0oa1service"}},
		Store:    filestore.Dir("/var/lib/app/key"),
		Timing:   selfservice.Timing{Overlap: 4 * time.Hour}, // longer than Okta keeps a copy
	}
	http.Handle("/jwks.json", &keys.Handler{Keys: rotator.Published})
	go rotator.Run(context.Background())
}

// How does a service get tokens for APIs of my own, of a custom authorization server?
func ExampleAuthorizationServer() {
	key := exampleKey()
	_, org := exampleOrg(oktatest.App{ID: "0oa1service", Keys: []*keys.PublicKey{key.PublicKey()}, Service: true, DPoP: true})

	custom := okta.AuthorizationServer{Org: org, ID: "aus1internal"} // without an ID: "default"
	tokens := custom.Tokens(custom.Signer("0oa1service", key), &dpop.Prover{}, "patients")
	token, err := tokens.Token(context.Background()) // or a dpop.Transport{Tokens: tokens}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.Type, token.Scopes)
	// Output: DPoP [patients]
}

// How does a service that is running move from a secret to a key?
func ExampleAdmin_SetAuthentication() {
	ctx := context.Background()
	secret := keys.NewSecret("what Okta made for the app, 1234") // os.Getenv("CLIENT_SECRET")
	_, org := exampleOrg(oktatest.App{ID: "0oa1service", Secret: secret, Service: true, DPoP: true})
	admin := &okta.Admin{Org: org, APIToken: keys.NewSecret(oktatest.APIToken)} // or as a service app
	custom := okta.AuthorizationServer{Org: org}

	// Every replica has both, until the move is over. The new key is saved
	// before Okta knows it, in one store for all: the first replica's counts.
	rotator := &selfservice.Rotator{
		Provider: okta.JWKS{Client: &okta.Client{
			Org: org, AppID: "0oa1service", Admin: admin,
			TokenEndpoint: custom.TokenEndpoint(), Scopes: []string{"patients"},
		}},
		Store: &selfservice.Mem{}, // a sqlstore.Store
	}
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: exampleKey()}); err != nil {
		log.Fatal(err)
	}
	auth := &assertion.Moving{
		From: &assertion.Basic{ClientID: "0oa1service", Secret: secret},
		To:   custom.Signer("0oa1service", rotator),
	}
	prover := &dpop.Prover{}
	request := func() error {
		_, err := custom.Tokens(auth, prover, "patients").Token(ctx)
		return err
	}
	fmt.Println("with the secret:", request())

	// One program moves the app, to the key that is in the store: an earlier run
	// may have saved another one than this.
	key, err := rotator.SigningKey(ctx)
	if err != nil {
		log.Fatal(err)
	}
	to := okta.Authentication{Method: okta.MethodPrivateKey, Keys: keys.Set{Keys: []*keys.PublicKey{key.PublicKey()}}}
	losses, err := admin.Losses(ctx, "0oa1service", to)
	if err != nil {
		log.Fatal(err)
	}
	var confirmed []string
	for _, l := range losses {
		fmt.Println("this ends for good:", l.Status, "secret") // ask whoever is there
		confirmed = append(confirmed, l.ID)
	}
	fmt.Println(errors.Is(admin.SetAuthentication(ctx, "0oa1service", to, nil), okta.ErrUnconfirmed))
	if err := admin.SetAuthentication(ctx, "0oa1service", to, confirmed); err != nil {
		log.Fatal(err)
	}
	fmt.Println("with the key:", request())
	fmt.Println("can be rotated:", rotator.Check(ctx)) // go rotator.Run(ctx), in every replica
	// Output:
	// with the secret: <nil>
	// this ends for good: ACTIVE secret
	// true
	// with the key: <nil>
	// can be rotated: <nil>
}

// exampleOrg is a fake org with these apps, in place of https://acme.okta.com.
func exampleOrg(apps ...oktatest.App) (*oktatest.Server, okta.Org) {
	server := oktatest.New("http://127.0.0.1")
	for _, app := range apps {
		server.AddApp(app)
	}
	return server, okta.Org{URL: server.URL, Base: providertest.Handler(server)}
}

func exampleKey() *keys.Key {
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	return key
}
