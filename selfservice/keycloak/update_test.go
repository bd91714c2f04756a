package keycloak_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAClientIsMadeConfidential(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		for name, what := range map[string]string{"public": "publicClient", "bearer": "bearerOnly"} {
			id, _ := tg.client(name, map[string]any{what: true, "serviceAccountsEnabled": false})
			require.ErrorIs(t, tg.admin.UpdateClient(ctx, id, keycloak.Change{ServiceAccount: true}), keycloak.ErrMode)
			require.ErrorIs(t, tg.admin.SetKeys(ctx, id, set(newKey(t))), keycloak.ErrMode)
			require.NoError(t, tg.admin.UpdateClient(ctx, id, keycloak.Change{Confidential: true, ServiceAccount: true}))
			secret, err := tg.admin.ClientSecret(ctx, id)
			require.NoError(t, err)
			assert.True(t, tg.acceptsSecret(name, secret))
			require.NoError(t, tg.admin.UpdateClient(ctx, id, keycloak.Change{Confidential: true}), "repeated")
			assert.True(t, tg.acceptsSecret(name, secret))
			key := newKey(t)
			require.NoError(t, tg.admin.SetKeys(ctx, id, set(key)))
			assert.True(t, tg.acceptsKey(name, key))
		}
	})
}

// TestAPolicyByARole is how the documents of Keycloak bind a policy to some
// clients: by a role that they define.
func TestAPolicyByARole(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		require.NoError(t, tg.admin.PutRotationProfile(ctx, keycloak.RotationProfile{Name: "rotation", Expiration: day, Rotated: time.Hour}))
		require.NoError(t, tg.admin.PutPolicy(ctx, keycloak.Policy{Name: "rotate", Roles: []string{"rotates secrets/weekly"}, Profiles: []string{"rotation"}}))
		id, _ := tg.client("app", nil)
		overlap := func() bool {
			t.Helper()
			has, err := tg.admin.Overlap(ctx, id)
			require.NoError(t, err)
			return has
		}
		assert.False(t, overlap())
		require.ErrorIs(t, tg.admin.DefineRole(ctx, id, ""), keycloak.ErrConfig)
		require.NoError(t, tg.admin.DefineRole(ctx, id, "rotates secrets/weekly"))
		require.NoError(t, tg.admin.DefineRole(ctx, id, "rotates secrets/weekly"), "repeated")
		assert.True(t, overlap())

		before := tg.rest(http.MethodGet, tg.path("client-policies/policies"), nil).(map[string]any)["policies"].([]any)[0].(map[string]any)
		require.NoError(t, tg.admin.SetPolicyEnabled(ctx, "rotate", false))
		assert.False(t, overlap())
		require.NoError(t, tg.admin.SetPolicyEnabled(ctx, "rotate", true))
		assert.True(t, overlap())
		after := tg.rest(http.MethodGet, tg.path("client-policies/policies"), nil).(map[string]any)["policies"].([]any)[0]
		assert.Equal(t, before, after)
		require.ErrorIs(t, tg.admin.SetPolicyEnabled(ctx, "another", true), keycloak.ErrNotFound)
		require.ErrorIs(t, tg.admin.DefineRole(ctx, "no-such-client", "role"), keycloak.ErrNotFound)
	})
}
