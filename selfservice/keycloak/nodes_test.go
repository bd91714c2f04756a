package keycloak_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTwoNodesAreRotatedWithoutARefusal runs on the fake, where a caller asks both
// nodes all the time. Package contract does the same live.
func TestTwoNodesAreRotatedWithoutARefusal(t *testing.T) {
	stored := func(c *keycloak.Client, f *faulty) *keycloak.Client {
		c.Realm, c.ClientID = f.realm(providertest.Handler(f.server)), "app"
		return c
	}
	providers := map[string]func(*faulty) selfservice.Provider{
		"keys at a URL": func(f *faulty) selfservice.Provider {
			require.NoError(f.t, f.admin.SetJWKSURL(f.t.Context(), f.id, fakeURL+"/jwks.json"))
			return keycloak.JWKSURL{Client: f.client(&providertest.IO{})}
		},
		"stored keys by an administrator": func(f *faulty) selfservice.Provider {
			return keycloak.JWKS{Client: stored(&keycloak.Client{Admin: f.admin}, f)}
		},
		"stored keys by itself": func(f *faulty) selfservice.Provider {
			return keycloak.JWKS{Client: stored(&keycloak.Client{}, f)}
		},
		"stored keys by a registration access token": func(f *faulty) selfservice.Provider {
			token, err := f.admin.RegistrationToken(f.t.Context(), f.id)
			require.NoError(f.t, err)
			client := stored(&keycloak.Client{}, f)
			registered := client.Registered(&selfservice.Mem{})
			require.NoError(f.t, registered.Adopt(f.t.Context(), dcr.Registration{ClientID: "app", URI: client.Realm.RegistrationURI("app"), AccessToken: token}))
			return registered.Keys()
		},
	}
	for name, provider := range providers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFaulty(t, false, 1)
				f.server.Nodes = 2
				key := newKey(t)
				require.NoError(t, f.admin.SetKeys(t.Context(), f.id, set(key)))
				r := &selfservice.Rotator{Provider: provider(f), Store: f.store, Timing: selfservice.Timing{Overlap: 4 * time.Second}}
				require.NoError(t, r.Adopt(t.Context(), selfservice.Credential{Key: key}))
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				go r.Run(ctx)
				asked, refused := 0, 0
				ask := func() {
					for node := range f.server.Nodes {
						realm := f.realm(providertest.Handler(f.server.Node(node)))
						_, err := realm.Tokens(realm.Signer("app", alone{r}), nil).Token(t.Context())
						asked++
						if err != nil {
							refused++
						}
					}
				}
				var last *keys.Key // the last one that was removed
				for range 5 {
					var err error
					last, err = r.SigningKey(ctx)
					require.NoError(t, err)
					done := make(chan error, 1)
					go func() { done <- r.Rotate(ctx) }()
					for rotated := false; !rotated; time.Sleep(400 * time.Millisecond) {
						ask()
						select {
						case err := <-done:
							require.NoError(t, err)
							rotated = true
						default:
						}
					}
				}
				for range 100 {
					ask()
					time.Sleep(400 * time.Millisecond)
				}
				assert.Zero(t, refused, "of %d", asked)
				for node := range f.server.Nodes {
					assert.False(t, f.server.AcceptsAt(node, "test", "app", last.Thumbprint()), "a removed key, at node %d", node)
				}
				t.Logf("5 rotations, %d requests, %d refused", asked, refused)
			})
		})
	}
}

// alone signs with the rotator's key, but does not report refusals to it.
type alone struct{ r *selfservice.Rotator }

func (a alone) SigningKey(ctx context.Context) (*keys.Key, error) { return a.r.SigningKey(ctx) }
