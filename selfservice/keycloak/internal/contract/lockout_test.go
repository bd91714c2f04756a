package contract_test

import (
	"testing"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// untilIdle steps until nothing is left to do.
func untilIdle(t *testing.T, r *selfservice.Rotator) {
	t.Helper()
	for range 20 {
		next, err := r.Step(t.Context())
		require.NoError(t, err)
		if time.Until(next) > time.Second {
			return
		}
	}
	t.Fatal("it does not come to rest")
}

func TestAnAdministratorReplacesKeysThatAPersonDeleted(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		key, another := newKey(t), newKey(t)
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(key)))
		client := &keycloak.Client{Realm: tg.realm, ClientID: "app", Admin: tg.admin}
		r := &selfservice.Rotator{Provider: keycloak.JWKS{Client: client}, Store: &selfservice.Mem{}, Timing: selfservice.Timing{Propagation: -1}}
		require.NoError(t, r.Adopt(ctx, selfservice.Credential{Key: key}))
		untilIdle(t, r)

		require.NoError(t, tg.admin.SetKeys(ctx, id, set(another)))
		require.False(t, tg.acceptsKey("app", key))
		_, err := r.KeyRefused(ctx, key)
		require.NoError(t, err)
		untilIdle(t, r)
		now, err := r.SigningKey(ctx)
		require.NoError(t, err)
		assert.True(t, tg.acceptsKey("app", now))
		assert.True(t, tg.acceptsKey("app", another), "the other one is left alone")
	})
}

func TestASecretThatAPersonRegeneratedIsTakenOver(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, secret := tg.client("app", nil)
		client := &keycloak.Client{Realm: tg.realm, ClientID: "app", Admin: tg.admin}
		r := &selfservice.Rotator{Provider: keycloak.Secret{Client: client}, Store: &selfservice.Mem{}, Timing: selfservice.Timing{Propagation: -1}}
		require.NoError(t, r.Adopt(ctx, selfservice.Credential{Secret: secret}))
		untilIdle(t, r)

		byHand, err := tg.admin.RegenerateSecret(ctx, id)
		require.NoError(t, err)
		_, err = r.SecretRefused(ctx, secret)
		require.NoError(t, err)
		untilIdle(t, r)
		now, err := r.ClientSecret(ctx)
		require.NoError(t, err)
		assert.True(t, now.Equal(byHand))
		assert.True(t, tg.acceptsSecret("app", now))
	})
}
