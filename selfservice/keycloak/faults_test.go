package keycloak_test

import (
	"cmp"
	"context"
	"crypto/x509/pkix"
	"flag"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/require"
)

// faulty is a fake with one client, and what a process needs to rotate that
// client over a faulty network.
type faulty struct {
	t       *testing.T
	server  *keycloaktest.Server
	store   *selfservice.Mem
	admin   *admin.API // without faults
	id      string
	managed bool // by the client itself

	mu        sync.Mutex
	published keys.Set // by what the store held
	at        string   // the store's version then
}

const fakeURL = "http://127.0.0.1"

func newFaulty(t *testing.T, managed bool, nodes int) *faulty {
	f := &faulty{t: t, server: keycloaktest.New(fakeURL), store: &selfservice.Mem{}, managed: managed}
	f.server.Nodes = nodes
	f.server.AddRealm("test")
	f.server.Fetch = providertest.Handler(http.HandlerFunc(f.publish))
	f.admin = f.administrator(providertest.Handler(f.server))
	f.server.AddClient("test", "app")
	f.server.Grant("test", "app", "manage-clients")
	info, err := f.admin.FindClient(t.Context(), "app")
	require.NoError(t, err)
	f.id = info.ID
	require.NoError(t, f.admin.UpdateClient(t.Context(), f.id, admin.Change{Secret: firstSecret()}))
	return f
}

func (f *faulty) realm(base http.RoundTripper) keycloak.Realm {
	return keycloak.Realm{Server: fakeURL, Name: "test", Base: base}
}

func (f *faulty) administrator(base http.RoundTripper) *admin.API {
	master := keycloak.Realm{Server: fakeURL, Name: "master", Base: base}
	return &admin.API{Realm: f.realm(base), Tokens: master.Tokens(&assertion.Basic{
		ClientID: keycloaktest.AdminID, Secret: keys.NewSecret(keycloaktest.AdminSecret),
	}, nil)}
}

// publish is a replica's JWKS endpoint: it serves what the store holds.
func (f *faulty) publish(w http.ResponseWriter, r *http.Request) {
	(&keys.Handler{Keys: func(ctx context.Context) (keys.Set, error) {
		_, version, err := f.store.Load(ctx)
		f.mu.Lock()
		defer f.mu.Unlock()
		if err == nil && version != f.at {
			f.published, err = (&selfservice.Rotator{Store: f.store}).Published(ctx)
			f.at = version
		}
		return f.published, err
	}}).ServeHTTP(w, r)
}

// client returns the client of a newly started process.
func (f *faulty) client(io *providertest.IO) *keycloak.Client {
	mux := http.NewServeMux()
	mux.Handle("/", f.server)
	mux.HandleFunc("/jwks.json", f.publish)
	base := io.Transport(providertest.Handler(mux))
	c := &keycloak.Client{Realm: f.realm(base), ClientID: "app"}
	if !f.managed {
		c.Admin = f.administrator(base)
	}
	return c
}

func (f *faulty) target(first selfservice.Credential, provider func(*keycloak.Client) selfservice.Provider) *providertest.Target {
	return &providertest.Target{
		First: first, Store: f.store, Nodes: f.server.Nodes,
		Provider: func(io *providertest.IO) selfservice.Provider { return provider(f.client(io)) },
		Accepts:  func(fingerprint string) bool { return f.server.Accepts("test", "app", fingerprint) },
		Knows: func(fingerprint string) bool { // a single node has it at once
			for node := range f.server.Nodes {
				if f.server.AcceptsAt(node, "test", "app", fingerprint) {
					return true
				}
			}
			return false
		},
	}
}

// policy makes a rotation policy for all confidential clients of the realm.
func (f *faulty) policy(remaining time.Duration) {
	ctx := f.t.Context()
	require.NoError(f.t, f.admin.PutRotationProfile(ctx, admin.RotationProfile{
		Name: "rotation", Expiration: 7 * day, Rotated: 2 * day, Remaining: remaining,
	}))
	require.NoError(f.t, f.admin.PutPolicy(ctx, admin.Policy{Name: "rotate", AccessTypes: []string{"confidential"}, Profiles: []string{"rotation"}}))
}

func set(list ...*keys.Key) (s keys.Set) {
	for _, key := range list {
		s.Keys = append(s.Keys, key.PublicKey())
	}
	return s
}

const day = 24 * time.Hour

func firstSecret() keys.Secret { return keys.NewSecret("the-secret-that-was-registered-by-hand") }

func newKey(t testing.TB) *keys.Key { return keystest.Key(t, keys.ES256) }

// certified returns a key with a certificate, under the kid by which Keycloak
// finds it.
func certified(t *testing.T) *keys.Key {
	t.Helper()
	key := newKey(t)
	key, err := key.With(keys.Options{KeyID: certs.KeyID(key.PublicKey())})
	require.NoError(t, err)
	key, err = certs.SelfSign(t.Context(), key, certs.Template{Subject: pkix.Name{CommonName: "app"}})
	require.NoError(t, err)
	return key
}

var full = flag.Bool("full", false, "rotate in every combination, and make every fault at each point")

// setting is a combination of conditions for a rotation.
type setting struct {
	managed bool // by the client itself
	nodes   int
	turn    providertest.Fault // of the first point; empty: each point gets every fault
}

// everySetting has each manager on one node and on several.
func everySetting() []setting {
	return []setting{{false, 1, ""}, {false, 5, ""}, {true, 1, ""}, {true, 5, ""}}
}

// TestEveryFaultAtEveryPoint rotates in every way, by an administrator and by
// the client itself, on one node and on several, with faults on the way. By
// default a way meets each manager, each number of nodes and at most requests
// each fault; at a request that changes the client it meets all four.
func TestEveryFaultAtEveryPoint(t *testing.T) {
	everyFault(t, ways(t), everySetting(), []setting{
		{false, 1, providertest.ErrorBefore}, {false, 1, providertest.CrashBefore},
		{true, 1, providertest.ErrorAfter}, {true, 5, providertest.CrashAfter},
	})
	everyFault(t, waysUnderAPolicy(), everySetting(), []setting{ // the client itself makes requests that an administrator does not
		{false, 1, providertest.ErrorBefore}, {true, 1, ""}, {true, 5, providertest.CrashAfter},
	})
	everyFault(t, waysOfAnAdministrator(t), everySetting()[:2], []setting{
		{false, 1, providertest.ErrorBefore}, {false, 1, providertest.ErrorAfter},
		{false, 1, providertest.CrashBefore}, {false, 5, providertest.CrashAfter},
	})
}

func everyFault(t *testing.T, ways map[string]func(*faulty) *providertest.Target, all, fewer []setting) {
	if *full {
		fewer = all
	}
	for name, start := range ways {
		for _, s := range fewer {
			t.Run(fmt.Sprintf("%s, by itself: %t, nodes: %d, first %s", name, s.managed, s.nodes, cmp.Or(s.turn, "all")), func(t *testing.T) {
				t.Parallel()
				providertest.Run(t, func(t *testing.T) *providertest.Target {
					target := start(newFaulty(t, s.managed, s.nodes))
					target.Turn = s.turn
					return target
				})
			})
		}
	}
}

// ways are open both to an administrator and to the client itself.
func ways(t *testing.T) map[string]func(*faulty) *providertest.Target {
	key, certifiedKey := newKey(t), certified(t)
	return map[string]func(*faulty) *providertest.Target{
		"stored keys": func(f *faulty) *providertest.Target {
			require.NoError(f.t, f.admin.SetKeys(f.t.Context(), f.id, set(key)))
			target := f.target(selfservice.Credential{Key: key}, func(c *keycloak.Client) selfservice.Provider { return keycloak.JWKS{Client: c} })
			target.Gone = true
			return target
		},
		"keys at a URL": func(f *faulty) *providertest.Target {
			require.NoError(f.t, f.admin.SetJWKSURL(f.t.Context(), f.id, fakeURL+"/jwks.json"))
			target := f.target(selfservice.Credential{Key: key}, func(c *keycloak.Client) selfservice.Provider { return keycloak.JWKSURL{Client: c} })
			target.Gone = true
			return target
		},
		"an own secret without a policy": func(f *faulty) *providertest.Target {
			target := f.target(selfservice.Credential{Secret: firstSecret()}, func(c *keycloak.Client) selfservice.Provider {
				return keycloak.OwnSecret{Client: c, AllowGap: true}
			})
			target.Gone, target.AtOnce = true, true
			return target
		},
		"a certificate": func(f *faulty) *providertest.Target {
			require.NoError(f.t, f.admin.SetCertificate(f.t.Context(), f.id, certifiedKey.PublicKey()))
			target := f.target(selfservice.Credential{Key: certifiedKey}, func(c *keycloak.Client) selfservice.Provider {
				return keycloak.Certificate{Client: c}
			})
			target.Gone, target.AtOnce = true, true
			return target
		},
	}
}

// waysUnderAPolicy are open to both, too, and need a policy.
func waysUnderAPolicy() map[string]func(*faulty) *providertest.Target {
	return map[string]func(*faulty) *providertest.Target{
		"a secret of the server's under a policy": func(f *faulty) *providertest.Target {
			f.policy(day)
			target := f.target(selfservice.Credential{Secret: firstSecret()}, func(c *keycloak.Client) selfservice.Provider { return keycloak.Secret{Client: c} })
			target.Gone = true
			return target
		},
		"an own secret under a policy": func(f *faulty) *providertest.Target {
			f.policy(day)
			target := f.target(selfservice.Credential{Secret: firstSecret()}, func(c *keycloak.Client) selfservice.Provider { return keycloak.OwnSecret{Client: c} })
			target.Gone = true
			return target
		},
	}
}

// waysOfAnAdministrator are those that need one, or a registration access
// token, which an administrator replaces when it is lost.
func waysOfAnAdministrator(t *testing.T) map[string]func(*faulty) *providertest.Target {
	key := newKey(t)
	return map[string]func(*faulty) *providertest.Target{
		"stored keys, by a registration access token": func(f *faulty) *providertest.Target {
			require.NoError(f.t, f.admin.SetKeys(f.t.Context(), f.id, set(key)))
			target := f.registered(selfservice.Credential{Key: key}, (*dcr.Client).Keys)
			target.Gone = true
			return target
		},
		"a secret under a policy, by a registration access token": func(f *faulty) *providertest.Target {
			f.policy(7 * day) // so that a rotation is due
			return f.registered(selfservice.Credential{Secret: firstSecret()}, func(c *dcr.Client) selfservice.Provider {
				return c.Secret(func(clientID string, c selfservice.Credential) assertion.Authenticator {
					return &assertion.Post{ClientID: clientID, Secret: c}
				})
			})
		},
		"a secret of the server's without a policy, by an administrator": func(f *faulty) *providertest.Target {
			target := f.target(selfservice.Credential{Secret: firstSecret()}, func(c *keycloak.Client) selfservice.Provider { return keycloak.Secret{Client: c} })
			target.Gone, target.ServerMade = true, true
			return target
		},
	}
}

func (f *faulty) registered(first selfservice.Credential, provider func(*dcr.Client) selfservice.Provider) *providertest.Target {
	token, err := f.admin.RegistrationToken(f.t.Context(), f.id)
	require.NoError(f.t, err)
	r := dcr.Registration{ClientID: "app", URI: f.realm(nil).RegistrationURI("app"), AccessToken: token}
	registration := &selfservice.Mem{}
	require.NoError(f.t, (&dcr.Client{Store: registration}).Adopt(f.t.Context(), r))
	target := f.target(first, nil)
	target.Provider = func(io *providertest.IO) selfservice.Provider {
		return provider(f.client(io).Registered(io.Store(registration)))
	}
	return target
}
