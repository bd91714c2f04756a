package okta_test

import (
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

// faulty is a fake with one app, and what a process needs to rotate it through
// a network with faults.
type faulty struct {
	t       *testing.T
	server  *oktatest.Server
	store   *selfservice.Mem
	manager string // ID of the service app that manages others
	key     *keys.Key
}

func newFaulty(t *testing.T) *faulty {
	f := &faulty{t: t, server: oktatest.New(fakeURL), store: &selfservice.Mem{}, key: newKey(t)}
	f.server.Fetch = providertest.Handler(http.HandlerFunc(f.publish))
	f.manager = f.server.AddApp(serviceApp(f.key))
	return f
}

// publish is a replica's JWKS endpoint: it serves what the store holds.
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

// mode is who manages the app.
type mode struct {
	name  string
	admin func(*faulty, okta.Org) *okta.Admin
}

func modes() []mode {
	return []mode{
		{"by a service app", func(f *faulty, org okta.Org) *okta.Admin {
			return &okta.Admin{Org: org, Tokens: org.Tokens(org.Signer(f.manager, f.key), &dpop.Prover{})}
		}},
		{"by an API token", func(_ *faulty, org okta.Org) *okta.Admin {
			return &okta.Admin{Org: org, APIToken: keys.NewSecret(oktatest.APIToken)}
		}},
		{"by itself", func(*faulty, okta.Org) *okta.Admin { return nil }},
	}
}

// target rotates an app that begins with first, at the nodes that the server
// has.
func (f *faulty) target(m mode, id string, first selfservice.Credential, provider func(*okta.Client) selfservice.Provider) *providertest.Target {
	return &providertest.Target{
		First: first, Store: f.store, Gone: true, Nodes: f.server.Nodes,
		Provider: func(io *providertest.IO) selfservice.Provider {
			org := f.org(io)
			return provider(&okta.Client{Org: org, AppID: id, ClientID: "client-of-" + id, Admin: m.admin(f, org)})
		},
		Accepts: func(fingerprint string) bool { return f.server.Accepts(id, fingerprint) },
		Knows:   func(fingerprint string) bool { return f.server.Knows(id, fingerprint) },
		Registered: func() int {
			n := 0
			for _, e := range f.server.Events(oktatest.EventCreate) {
				if e.Reason == "" {
					n++
				}
			}
			return n
		},
	}
}

// TestEveryFaultAtEveryPoint rotates in every way, in every mode and with the
// likeliest and the other answers of Okta, though not in every combination of
// the three, with a fault at each point, on one node and on five that learn of
// a change one after the other: a lost reply, too, makes exactly one new
// credential.
func TestEveryFaultAtEveryPoint(t *testing.T) {
	key := newKey(t)
	const id = "0oaapp00000000000000"
	secret := selfservice.Credential{Secret: keys.NewSecret("the-first-secret-of-the-app-1234")}
	for _, m := range modes() {
		run := func(name string, otherAnswers bool, start func(*faulty) *providertest.Target) {
			for _, nodes := range []int{1, 5} {
				t.Run(fmt.Sprint(name, " ", m.name, ", nodes: ", nodes), func(t *testing.T) {
					t.Parallel()
					providertest.Run(t, func(t *testing.T) *providertest.Target {
						f := newFaulty(t)
						f.server.Nodes, f.server.Lag = nodes, 10*time.Second
						if otherAnswers {
							f.server.Doubts = oktatest.Doubts{NoRepeat: true, ArrayOfKeys: true, EmptyObject: true, TakesTwice: true, OldWords: true}
						}
						return start(f)
					})
				})
			}
		}
		app := func(in oktatest.App) oktatest.App {
			in.ID, in.ClientID = id, "client-of-"+id
			if m.name == "by itself" {
				in.Service, in.DPoP, in.Scopes, in.Role = true, true, scopes(), oktatest.SuperAdmin
			}
			return in
		}
		other := m.name == "by an API token" // who meets the other answers
		run("stored keys", other, func(f *faulty) *providertest.Target {
			f.server.AddApp(app(oktatest.App{Keys: publicKeys(key)}))
			return f.target(m, id, credential(key), func(c *okta.Client) selfservice.Provider { return okta.JWKS{Client: c} })
		})
		if !other {
			run("keys at a URL", false, func(f *faulty) *providertest.Target {
				f.server.AddApp(app(oktatest.App{KeysURL: fakeURL + "/jwks.json"}))
				f.server.KeysAge = time.Minute
				target := f.target(m, id, credential(key), func(c *okta.Client) selfservice.Provider {
					return okta.JWKSURL{Client: c, Cached: 2 * time.Minute}
				})
				target.Registered, target.Gone = nil, false // Okta believes the old key until it fetches again
				return target
			})
		}
		if m.name == "by itself" {
			continue // a service app has no secret
		}
		run("secrets", other, func(f *faulty) *providertest.Target {
			f.server.AddApp(app(oktatest.App{Secret: secret.Secret, Service: other}))
			return f.target(m, id, secret, func(c *okta.Client) selfservice.Provider {
				if other { // an app of a custom server
					c.TokenEndpoint, c.Scopes = fakeURL+"/oauth2/default/v1/token", []string{"patients"}
				}
				return okta.Secrets{Client: c}
			})
		})
		if other {
			continue
		}
		run("secrets that are not shown", true, func(f *faulty) *providertest.Target {
			hidden := serviceApp(f.key)
			hidden.Role = oktatest.Custom
			f.manager = f.server.AddApp(hidden)
			f.server.AddApp(app(oktatest.App{Secret: secret.Secret}))
			return f.target(m, id, secret, func(c *okta.Client) selfservice.Provider { return okta.Secrets{Client: c} })
		})
	}
}
