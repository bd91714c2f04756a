package okta_test

import (
	"flag"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/nokkel/nokkel/selfservice/providertest"
)

var full = flag.Bool("full", false, "rotate in every combination, and make every fault at each point")

const (
	storedKeys    = "stored keys"
	publishedKeys = "keys at a URL"
	clientSecrets = "secrets"

	serviceManager = "a service app"
	customManager  = "a service app that is not shown secrets"
	tokenManager   = "an API token"
	itself         = "itself"
)

// A setting is what a rotation under test may meet.
type setting struct {
	kind    string // of credential
	manager string
	doubts  bool // Okta gives the less likely answers
	nodes   int
	turn    providertest.Fault // of the first point; empty: each point gets every fault
}

// settings returns every combination, or by default enough of them that each
// pair of a kind, a manager, answers and a number of nodes is met. Those of a kind
// begin with different faults, so that a request that adds a credential meets
// all of them.
func settings() (all []setting) {
	if !*full {
		return []setting{
			{storedKeys, serviceManager, false, 1, providertest.ErrorBefore},
			{storedKeys, customManager, true, 1, providertest.ErrorAfter},
			{storedKeys, itself, false, 1, providertest.CrashAfter},
			{storedKeys, tokenManager, true, 5, providertest.ErrorBefore}, // needs no token, so it is two points ahead
			{publishedKeys, serviceManager, true, 1, providertest.ErrorBefore},
			{publishedKeys, customManager, false, 1, providertest.ErrorAfter},
			{publishedKeys, itself, true, 5, providertest.CrashAfter},
			{publishedKeys, tokenManager, false, 1, providertest.ErrorBefore},
			{clientSecrets, serviceManager, false, 5, providertest.ErrorBefore},
			{clientSecrets, serviceManager, true, 1, providertest.ErrorAfter},
			{clientSecrets, customManager, true, 5, providertest.CrashBefore},
			{clientSecrets, tokenManager, false, 1, providertest.ErrorAfter},
		}
	}
	for _, kind := range []string{storedKeys, publishedKeys, clientSecrets} {
		for _, manager := range []string{serviceManager, customManager, tokenManager, itself} {
			if kind == clientSecrets && manager == itself {
				continue // a service app has no secret
			}
			for _, nodes := range []int{1, 5} {
				all = append(all, setting{kind, manager, false, nodes, ""}, setting{kind, manager, true, nodes, ""})
			}
		}
	}
	return all
}

// TestEveryFaultAtEveryPoint rotates each kind of credential with faults on the
// way. Even if a reply is lost, exactly one credential is created.
func TestEveryFaultAtEveryPoint(t *testing.T) {
	for _, s := range settings() {
		t.Run(fmt.Sprintf("%s by %s, doubts: %t, nodes: %d", s.kind, s.manager, s.doubts, s.nodes), func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, s.target)
		})
	}
}

// target sets up an app and its manager at a fake.
func (s setting) target(t *testing.T) *providertest.Target {
	const id = "0oaapp00000000000000"
	f := newFaulty(t)
	f.server.Nodes, f.server.Lag = s.nodes, 10*time.Second
	if s.doubts {
		f.server.Doubts = oktatest.Doubts{NoRepeat: true, ArrayOfKeys: true, EmptyObject: true, TakesTwice: true, OldWords: true}
	}
	if s.manager == customManager {
		f.hideSecrets()
	}
	key := newKey(t)
	first, app := credential(key), oktatest.App{Keys: publicKeys(key)}
	if s.manager == itself {
		app = serviceApp(key)
	}
	app.ID, app.ClientID = id, "client-of-"+id
	target := &providertest.Target{Gone: true}
	provider := stored
	switch s.kind {
	case publishedKeys:
		provider = func(c *okta.Client) selfservice.Provider { return okta.JWKSURL{Client: c, Cached: 2 * time.Minute} }
		app.Keys, app.KeysURL = nil, fakeURL+"/jwks.json"
		f.server.KeysAge = time.Minute
		target.Gone = false // Okta accepts the old key until it fetches again
	case clientSecrets:
		provider = secrets
		first = firstSecret()
		app.Keys, app.Secret = nil, first.Secret
		app.Service = s.manager == tokenManager // at a custom authorization server
	}
	f.server.AddApp(app)
	target.First, target.Store, target.Nodes, target.Turn = first, f.store, s.nodes, s.turn
	target.Provider = func(io *providertest.IO) selfservice.Provider {
		org := f.org(io)
		c := &okta.Client{Org: org, AppID: id, ClientID: app.ClientID, Admin: f.admin(s.manager, org)}
		if s.kind == clientSecrets && app.Service {
			c.TokenEndpoint, c.Scopes = fakeURL+"/oauth2/default/v1/token", []string{"patients"}
		}
		return provider(c)
	}
	target.Accepts = func(fingerprint string) bool { return f.server.Accepts(id, fingerprint) }
	target.Knows = func(fingerprint string) bool { return f.server.Knows(id, fingerprint) }
	if s.kind != publishedKeys {
		target.Registered = func() (n int) {
			for _, e := range f.server.Events(oktatest.EventCreate) {
				if e.Reason == "" {
					n++
				}
			}
			return n
		}
	}
	return target
}

// faulty is a fake and what a process keeps.
type faulty struct {
	server  *oktatest.Server
	store   *selfservice.Mem
	key     *keys.Key // of the manager
	manager string    // ID of the service app that manages others
}

func newFaulty(t *testing.T) *faulty {
	f := &faulty{server: oktatest.New(fakeURL), store: &selfservice.Mem{}, key: newKey(t)}
	f.server.Fetch = providertest.Handler(http.HandlerFunc(f.publish))
	f.manager = f.server.AddApp(serviceApp(f.key))
	return f
}

// hideSecrets gives the manager a role without okta.apps.clientCredentials.read.
func (f *faulty) hideSecrets() {
	app := serviceApp(f.key)
	app.Role = oktatest.Custom
	f.manager = f.server.AddApp(app)
}

// publish serves the public keys of what is stored.
func (f *faulty) publish(w http.ResponseWriter, r *http.Request) {
	replica := &selfservice.Rotator{Store: f.store}
	(&keys.Handler{Keys: replica.Published}).ServeHTTP(w, r)
}

func (f *faulty) org(io *providertest.IO) okta.Org {
	mux := http.NewServeMux()
	mux.Handle("/", f.server)
	mux.HandleFunc("/jwks.json", f.publish)
	return okta.Org{URL: fakeURL, Base: io.Transport(providertest.Handler(mux))}
}

func (f *faulty) admin(manager string, org okta.Org) *okta.Admin {
	switch manager {
	case itself:
		return nil
	case tokenManager:
		return &okta.Admin{Org: org, APIToken: keys.NewSecret(oktatest.APIToken)}
	}
	return &okta.Admin{Org: org, Tokens: org.Tokens(org.Signer(f.manager, f.key), &dpop.Prover{})}
}
