package keycloak_test

import (
	"net/http"
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/require"
)

// faulty is a fake with one client, and what a process needs to rotate it
// through a network with faults.
type faulty struct {
	t       *testing.T
	server  *keycloaktest.Server
	store   *selfservice.Mem
	admin   *keycloak.Admin // without faults
	id      string
	managed bool // by itself
}

const fakeURL = "http://127.0.0.1"

func newFaulty(t *testing.T, managed bool) *faulty {
	f := &faulty{t: t, server: keycloaktest.New(fakeURL), store: &selfservice.Mem{}, managed: managed}
	f.server.AddRealm("test")
	f.server.Fetch = providertest.Handler(http.HandlerFunc(f.publish))
	f.admin = f.administrator(providertest.Handler(f.server))
	tg := &target{t: t, realm: f.realm(providertest.Handler(f.server)), tokens: f.admin.Tokens.(*assertion.TokenSource)}
	f.id = tg.rest(http.MethodPost, tg.path("clients"), map[string]any{
		"clientId": "app", "serviceAccountsEnabled": true, "secret": firstSecret().Reveal(), "attributes": map[string]string{},
	}).(string)
	f.server.Grant("test", "app", "manage-clients")
	return f
}

func (f *faulty) realm(base http.RoundTripper) keycloak.Realm {
	return keycloak.Realm{Server: fakeURL, Name: "test", Base: base}
}

func (f *faulty) administrator(base http.RoundTripper) *keycloak.Admin {
	master := keycloak.Realm{Server: fakeURL, Name: "master", Base: base}
	return &keycloak.Admin{Realm: f.realm(base), Tokens: master.Tokens(&assertion.Basic{
		ClientID: keycloaktest.AdminID, Secret: keys.NewSecret(keycloaktest.AdminSecret),
	}, nil)}
}

// publish is a replica's JWKS endpoint: it serves what the store holds.
func (f *faulty) publish(w http.ResponseWriter, r *http.Request) {
	replica := &selfservice.Rotator{Store: f.store}
	(&keys.Handler{Keys: replica.Published}).ServeHTTP(w, r)
}

// client is the client of a newly started process.
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
		First: first, Store: f.store,
		Provider: func(io *providertest.IO) selfservice.Provider { return provider(f.client(io)) },
		Accepts:  func(fingerprint string) bool { return f.server.Accepts("test", "app", fingerprint) },
	}
}

func (f *faulty) policy() {
	tg := &target{t: f.t, admin: f.admin}
	tg.policy(7*day, 2*day, day)
}

// TestEveryFaultAtEveryPoint rotates in every way, by an administrator and by
// the client itself, with a fault at each point.
func TestEveryFaultAtEveryPoint(t *testing.T) {
	key, certifiedKey := newKey(t), certified(t, keys.ES256)
	for _, managed := range []bool{true, false} {
		by := map[bool]string{true: ", by itself", false: ", by an administrator"}[managed]
		run := func(name string, start func(*faulty) *providertest.Target) {
			t.Run(name+by, func(t *testing.T) {
				providertest.Run(t, func(t *testing.T) *providertest.Target { return start(newFaulty(t, managed)) })
			})
		}
		run("stored keys", func(f *faulty) *providertest.Target {
			require.NoError(f.t, f.admin.SetKeys(f.t.Context(), f.id, set(key)))
			target := f.target(selfservice.Credential{Key: key}, func(c *keycloak.Client) selfservice.Provider { return keycloak.JWKS{Client: c} })
			target.Gone = true
			return target
		})
		run("stored keys at two nodes", func(f *faulty) *providertest.Target {
			f.server.Nodes = 2
			require.NoError(f.t, f.admin.SetKeys(f.t.Context(), f.id, set(key)))
			target := f.target(selfservice.Credential{Key: key}, func(c *keycloak.Client) selfservice.Provider { return keycloak.JWKS{Client: c} })
			target.Gone, target.Timing.Propagation = true, keycloak.JWKS{}.Propagation()
			return target
		})
		run("keys at a URL", func(f *faulty) *providertest.Target {
			require.NoError(f.t, f.admin.SetJWKSURL(f.t.Context(), f.id, fakeURL+"/jwks.json"))
			target := f.target(selfservice.Credential{Key: key}, func(c *keycloak.Client) selfservice.Provider { return keycloak.JWKSURL{Client: c} })
			target.Gone = true
			return target
		})
		run("a secret of the server's under a policy", func(f *faulty) *providertest.Target {
			f.policy()
			target := f.target(selfservice.Credential{Secret: firstSecret()}, func(c *keycloak.Client) selfservice.Provider { return keycloak.Secret{Client: c} })
			target.Gone = true
			return target
		})
		run("an own secret under a policy", func(f *faulty) *providertest.Target {
			f.policy()
			target := f.target(selfservice.Credential{Secret: firstSecret()}, func(c *keycloak.Client) selfservice.Provider { return keycloak.OwnSecret{Client: c} })
			target.Gone = true
			return target
		})
		run("an own secret without a policy", func(f *faulty) *providertest.Target {
			target := f.target(selfservice.Credential{Secret: firstSecret()}, func(c *keycloak.Client) selfservice.Provider {
				return keycloak.OwnSecret{Client: c, Cut: true}
			})
			target.Gone, target.AtOnce = true, true
			return target
		})
		run("a certificate", func(f *faulty) *providertest.Target {
			require.NoError(f.t, f.admin.SetKeys(f.t.Context(), f.id, set(certifiedKey)))
			require.NoError(f.t, f.admin.Upload(f.t.Context(), f.id, certificateFile(certifiedKey)))
			target := f.target(selfservice.Credential{Key: certifiedKey}, func(c *keycloak.Client) selfservice.Provider {
				return keycloak.CertificateCut{Client: c}
			})
			target.Gone, target.AtOnce = true, true
			return target
		})
	}
	registered := func(f *faulty, first selfservice.Credential, provider func(*dcr.Client) selfservice.Provider) *providertest.Target {
		token, err := f.admin.RegistrationToken(f.t.Context(), f.id)
		require.NoError(f.t, err)
		r := dcr.Registration{ClientID: "app", URI: f.realm(nil).RegistrationURI("app"), AccessToken: token}
		registration := &selfservice.Mem{}
		require.NoError(f.t, (&dcr.Client{Store: registration}).Adopt(f.t.Context(), r))
		target := f.target(first, nil)
		target.Provider = func(io *providertest.IO) selfservice.Provider {
			return provider(f.client(io).Registered(io.Store(registration))) // an administrator replaces what is lost
		}
		return target
	}
	t.Run("stored keys, by a registration access token", func(t *testing.T) {
		providertest.Run(t, func(t *testing.T) *providertest.Target {
			f := newFaulty(t, false)
			require.NoError(t, f.admin.SetKeys(t.Context(), f.id, set(key)))
			target := registered(f, selfservice.Credential{Key: key}, (*dcr.Client).Keys)
			target.Gone = true
			return target
		})
	})
	t.Run("a secret under a policy, by a registration access token", func(t *testing.T) {
		providertest.Run(t, func(t *testing.T) *providertest.Target {
			f := newFaulty(t, false)
			(&target{t: t, admin: f.admin}).policy(7*day, 2*day, 7*day) // so that it is due
			return registered(f, selfservice.Credential{Secret: firstSecret()}, func(c *dcr.Client) selfservice.Provider {
				return c.Secret(func(clientID string, c selfservice.Credential) assertion.Authenticator {
					return &assertion.Post{ClientID: clientID, Secret: c}
				})
			})
		})
	})
	t.Run("a secret of the server's without a policy, by an administrator", func(t *testing.T) {
		providertest.Run(t, func(t *testing.T) *providertest.Target {
			f := newFaulty(t, false)
			target := f.target(selfservice.Credential{Secret: firstSecret()}, func(c *keycloak.Client) selfservice.Provider { return keycloak.Secret{Client: c} })
			target.Gone, target.ServerMade = true, true
			return target
		})
	})
}
