package contract_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const mask = "**********"

// TestAMaskIsNeverWritten checks that no masked secret is written back. The mask
// would become the secret, and everybody knows the mask.
func TestAMaskIsNeverWritten(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		tg.policy(7*day, 2*day, day)
		id, first := tg.client("app", nil)
		second, err := tg.admin.RegenerateSecret(ctx, id)
		require.NoError(t, err)
		if tg.live { // the fake has no export
			secret, rotated := tg.exported("app")
			assert.Equal(t, mask, secret)
			assert.Equal(t, mask, rotated)
		}

		masked := selfservice.Credential{Secret: keys.NewSecret(mask)}
		own := keycloak.OwnSecret{Client: &keycloak.Client{Realm: tg.realm, ClientID: "app", Admin: tg.admin}, AllowGap: true}
		_, err = own.Register(ctx, selfservice.Credential{Secret: second}, masked)
		require.ErrorIs(t, err, admin.ErrMasked)
		require.ErrorIs(t, tg.admin.UpdateClient(ctx, id, admin.Change{Secret: masked.Secret}), admin.ErrMasked)
		require.ErrorIs(t, tg.admin.UpdateClient(ctx, id, admin.Change{Attributes: map[string]string{"client.secret.rotated": mask}}), admin.ErrMasked)
		require.ErrorIs(t, tg.admin.CarryOver(ctx, id, masked.Secret, firstSecret(), day, time.Hour), admin.ErrMasked)
		assert.True(t, tg.acceptsSecret("app", first))
		assert.True(t, tg.acceptsSecret("app", second))
		assert.False(t, tg.acceptsSecret("app", masked.Secret))

		tg.rest(http.MethodPut, tg.path("clients", id), map[string]any{"secret": mask, "attributes": map[string]string{}})
		assert.True(t, tg.acceptsSecret("app", masked.Secret), "the server takes it as it is")
		_, err = own.List(ctx, selfservice.Credential{})
		require.ErrorIs(t, err, admin.ErrMasked)
		third, err := tg.admin.RegenerateSecret(ctx, id)
		require.NoError(t, err)
		assert.True(t, tg.acceptsSecret("app", third), "which is how one gets out of it")
		_, err = own.List(ctx, selfservice.Credential{})
		require.ErrorIs(t, err, admin.ErrMasked, "it is the rotated one now")
	})
}

// exported returns the secrets of a client from a partial export of the realm.
func (tg *target) exported(clientID string) (secret, rotated any) {
	export := tg.rest(http.MethodPost, tg.path("partial-export?exportClients=true"), nil).(map[string]any)
	for _, c := range export["clients"].([]any) {
		if client := c.(map[string]any); client["clientId"] == clientID {
			return client["secret"], client["attributes"].(map[string]any)["client.secret.rotated"]
		}
	}
	return nil, nil
}
