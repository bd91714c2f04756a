package contract_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

// TestCheckFindsOutBeforeTheFirstRotation checks that Check reports what would
// stop a rotation, and changes nothing.
func TestCheckFindsOutBeforeTheFirstRotation(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, secret := tg.client("app", nil)
		client := &keycloak.Client{Realm: tg.realm, ClientID: "app"}
		check := func(p selfservice.Provider, c selfservice.Credential) error {
			r := &selfservice.Rotator{Provider: p, Store: &selfservice.Mem{}}
			require.NoError(t, r.Adopt(ctx, c))
			return r.Check(ctx)
		}
		bySecret := selfservice.Credential{Secret: secret}
		poor := &keycloak.Client{Realm: tg.realm, ClientID: "app"} // in 26.0 the token says what it may do
		require.ErrorIs(t, check(keycloak.OwnSecret{Client: poor, AllowGap: true}, bySecret), admin.ErrForbidden, "its service account has no role")
		tg.grant("app", "manage-clients")
		require.NoError(t, check(keycloak.OwnSecret{Client: client, AllowGap: true}, bySecret))
		require.ErrorIs(t, check(keycloak.OwnSecret{Client: client}, bySecret), admin.ErrNoOverlap)
		require.ErrorIs(t, check(keycloak.Secret{Client: client}, bySecret), admin.ErrNoOverlap)
		byAdmin := &keycloak.Client{Realm: tg.realm, ClientID: "app", Admin: tg.admin}
		require.NoError(t, check(keycloak.Secret{Client: byAdmin}, bySecret))
		require.True(t, tg.acceptsSecret("app", secret))

		key := newKey(t)
		require.Error(t, check(keycloak.JWKS{Client: byAdmin}, selfservice.Credential{Key: key}), "it is not registered")
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(key)))
		require.NoError(t, check(keycloak.JWKS{Client: byAdmin}, selfservice.Credential{Key: key}))
		require.NoError(t, check(keycloak.JWKS{Client: client}, selfservice.Credential{Key: key}))
	})
}
