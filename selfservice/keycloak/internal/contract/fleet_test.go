package contract_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAFleetThroughOneAdministrator rotates many clients through one that signs
// in with a key, and rotates that key in between.
func TestAFleetThroughOneAdministrator(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		managerID, _ := tg.client("manager", nil)
		tg.grant("manager", "manage-clients")
		key := newKey(t)
		require.NoError(t, tg.admin.SetKeys(ctx, managerID, set(key)))
		own := &selfservice.Rotator{
			Provider: keycloak.JWKS{Client: &keycloak.Client{Realm: tg.balanced(), ClientID: "manager", DPoP: true}},
			Store:    &selfservice.Mem{}, Timing: tg.short(),
		}
		require.NoError(t, own.Adopt(ctx, selfservice.Credential{Key: key}))
		manager := &admin.API{Realm: tg.realm, Tokens: tg.realm.Tokens(tg.realm.Signer("manager", own), &dpop.Prover{})}

		const clients = 12
		first := make([]*keys.Key, clients)
		rotators := make([]*selfservice.Rotator, clients)
		for i := range clients {
			name := fmt.Sprintf("app-%d", i)
			id, _ := tg.client(name, nil)
			first[i] = newKey(t)
			require.NoError(t, manager.SetKeys(ctx, id, set(first[i])))
			rotators[i] = &selfservice.Rotator{
				Provider: keycloak.JWKS{Client: &keycloak.Client{Realm: tg.balanced(), ClientID: name, Admin: manager}},
				Store:    &selfservice.Mem{}, Timing: tg.short(),
			}
			require.NoError(t, rotators[i].Adopt(ctx, selfservice.Credential{Key: first[i]}))
		}
		fleet := &selfservice.Fleet{Concurrency: 4, Rotators: func(yield func(*selfservice.Rotator) bool) {
			for i, r := range rotators {
				if i == clients/2 {
					assert.NoError(t, own.Rotate(ctx)) // the others keep using the token that is still valid
				}
				if !yield(r) {
					return
				}
			}
		}}
		report, err := fleet.RotateOlder(ctx, time.Now())
		require.NoError(t, err)
		assert.Equal(t, clients, report.Rotated, "%v", report.Causes)
		for i, r := range rotators {
			now, err := r.SigningKey(ctx)
			require.NoError(t, err)
			assert.NotEqual(t, first[i].Thumbprint(), now.Thumbprint())
			assert.True(t, tg.acceptsKey(fmt.Sprintf("app-%d", i), now))
		}
		served, err := own.SigningKey(ctx)
		require.NoError(t, err)
		assert.NotEqual(t, key.Thumbprint(), served.Thumbprint())
		assert.True(t, tg.acceptsKey("manager", served))
	})
}
