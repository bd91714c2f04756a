package keycloak_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAServerThatForgetsIsStillRotated makes a server lose the last change it
// confirmed, as a killed one may, at several points of a rotation.
func TestAServerThatForgetsIsStillRotated(t *testing.T) {
	key := newKey(t)
	type kind struct {
		first    selfservice.Credential
		provider func(*keycloak.Client) selfservice.Provider
	}
	byPolicy := selfservice.Credential{Secret: firstSecret()}
	for name, k := range map[string]kind{
		"stored keys":          {selfservice.Credential{Key: key}, func(c *keycloak.Client) selfservice.Provider { return keycloak.JWKS{Client: c} }},
		"the server's secrets": {byPolicy, func(c *keycloak.Client) selfservice.Provider { return keycloak.Secret{Client: c} }},
		"secrets of our own":   {byPolicy, func(c *keycloak.Client) selfservice.Provider { return keycloak.OwnSecret{Client: c} }},
	} {
		for _, at := range []selfservice.EventKind{selfservice.EventRegistered, selfservice.EventSwitched, selfservice.EventRetired} {
			t.Run(name+" when "+string(at), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFaulty(t, false, 1)
					if k.first.Key != nil {
						require.NoError(t, f.admin.SetKeys(t.Context(), f.id, set(key)))
					} else {
						f.policy(day)
					}
					forgot := false
					r := &selfservice.Rotator{Provider: k.provider(f.client(&providertest.IO{})), Store: f.store}
					r.OnEvent = func(e selfservice.Event) {
						if e.Kind == at && !forgot {
							forgot = true
							f.server.Forget(1)
						}
					}
					require.NoError(t, r.Adopt(t.Context(), k.first))
					ctx, stop := context.WithCancel(t.Context())
					defer stop()
					go r.Run(ctx)
					for range 2 {
						for r.Rotate(ctx) != nil {
							time.Sleep(time.Second)
						}
						time.Sleep(2 * time.Hour)
					}
					require.True(t, forgot)
					st, err := r.Status(ctx)
					require.NoError(t, err)
					assert.True(t, f.server.Accepts("test", "app", st.Active.Fingerprint))
					assert.Nil(t, st.Pending)
					assert.Empty(t, st.Retiring)
				})
			})
		}
	}
}
