package oktatest_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/nokkel/nokkel/selfservice/providertest"
)

// How is a rotation tested without a network, and what did it do at Okta?
func Example() {
	const url = "http://127.0.0.1"
	server := oktatest.New(url)
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		log.Fatal(err)
	}
	id := server.AddApp(oktatest.App{
		Keys: []*keys.PublicKey{key.PublicKey()}, Service: true, DPoP: true,
		Scopes: []string{okta.ScopeRead, okta.ScopeManage}, Role: oktatest.SuperAdmin,
	})
	org := okta.Org{URL: url, Base: providertest.Handler(server)}
	rotator := &selfservice.Rotator{
		Provider: okta.JWKS{Client: &okta.Client{Org: org, AppID: id, Propagates: time.Millisecond}},
		Store:    &selfservice.Mem{},
		Timing:   selfservice.Timing{Overlap: 40 * time.Millisecond, Reread: 20 * time.Millisecond},
	}
	ctx := context.Background()
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
		log.Fatal(err)
	}
	if err := rotator.Rotate(ctx); err != nil {
		log.Fatal(err)
	}
	for server.Accepts(id, key.Thumbprint()) || len(server.Events(oktatest.EventDelete)) == 0 {
		next, err := rotator.Step(ctx)
		if err != nil {
			log.Fatal(err)
		}
		time.Sleep(time.Until(next))
	}
	for _, e := range server.Events(oktatest.EventCreate, oktatest.EventDeactivate, oktatest.EventDelete) {
		fmt.Println(e.Type)
	}
	// Output:
	// app.oauth2.credentials.lifecycle.create
	// app.oauth2.credentials.lifecycle.deactivate
	// app.oauth2.credentials.lifecycle.delete
}
