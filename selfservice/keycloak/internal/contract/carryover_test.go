package contract_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCarryOver(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, first := tg.client("app", nil)
		next := func() keys.Secret {
			return keys.NewSecret("a-secret-that-was-made-and-saved-here-" + time.Now().String())
		}
		second := next()
		err := tg.admin.CarryOver(ctx, id, first, second, day, time.Hour)
		require.ErrorIs(t, err, admin.ErrNoOverlap, "without a policy")
		require.True(t, tg.acceptsSecret("app", first), "and nothing has happened")

		tg.policy(7*day, 2*day, day)
		require.NoError(t, tg.admin.CarryOver(ctx, id, first, second, day, 8*time.Second))
		assert.True(t, tg.acceptsSecret("app", first))
		assert.True(t, tg.acceptsSecret("app", second))
		info, err := tg.admin.Client(ctx, id)
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now().Add(day), info.SecretTimes().Expires, time.Minute)
		assert.NotContains(t, info.Attributes, "client.secret.rotated", "it would be the old secret in clear text")
		require.NoError(t, tg.admin.CarryOver(ctx, id, first, second, day, 8*time.Second), "repeated")
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{}), "another update keeps it")
		assert.True(t, tg.acceptsSecret("app", first))
		tg.wait(10 * time.Second)
		assert.False(t, tg.acceptsSecret("app", first), "after the overlap")
		assert.True(t, tg.acceptsSecret("app", second))

		third := next()
		require.NoError(t, tg.admin.CarryOver(ctx, id, second, third, day, time.Hour))
		require.NoError(t, tg.admin.InvalidateRotatedSecret(ctx, id))
		assert.False(t, tg.acceptsSecret("app", second))
		assert.True(t, tg.acceptsSecret("app", third))
	})
}

// TestWhatAnUpdateDoesWithASecret pins down what CarryOver works around, and why
// it reads the client again afterwards.
func TestWhatAnUpdateDoesWithASecret(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		at := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).Unix(), 10) }
		id, first := tg.client("app", nil)
		require.ErrorIs(t, tg.admin.UpdateClient(ctx, id, admin.Change{Secret: keys.NewSecret("x")}), admin.ErrConfig)
		tg.rest(http.MethodPut, tg.path("clients", id), map[string]any{"secret": "x", "attributes": map[string]string{
			"client.secret.rotated": first.Reveal(), "client.secret.rotated.creation.time": at(0), "client.secret.rotated.expiration.time": at(day),
		}})
		assert.True(t, tg.acceptsSecret("app", keys.NewSecret("x")), "one of any length")
		assert.False(t, tg.acceptsSecret("app", first), "without a policy nothing is kept")
		require.ErrorIs(t, tg.admin.CarryOver(ctx, id, keys.NewSecret("x"), first, day, time.Hour), admin.ErrNoOverlap)

		tg.policy(7*day, 2*day, day)
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Secret: first}))
		assert.True(t, tg.acceptsSecret("app", first))
		assert.False(t, tg.acceptsSecret("app", keys.NewSecret("x")), "nor under one, unless it is carried over")
		made, _ := tg.client("made", nil)
		info, err := tg.admin.Client(ctx, made)
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now().Add(7*day), info.SecretTimes().Expires, time.Minute, "a new client's clock runs")
		assert.Zero(t, info.SecretTimes().Created, "nothing more is known of a secret that it was made with")

		// Once the main secret has expired, the one sent is not the main one.
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Attributes: map[string]string{"client.secret.expiration.time": at(2 * time.Second)}}))
		tg.wait(4 * time.Second)
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Secret: firstSecret()}))
		main, err := tg.admin.ClientSecret(ctx, id)
		require.NoError(t, err)
		assert.False(t, main.Equal(firstSecret()))
		rotated, err := tg.admin.RotatedSecret(ctx, id)
		require.NoError(t, err)
		assert.True(t, rotated.Equal(firstSecret()))
	})
}

// TestCarryOverNoticesAClockThatIsBehind checks the case where the server would
// see the new secret end before it began, and end the old one with it.
func TestCarryOverNoticesAClockThatIsBehind(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		tg.policy(7*day, 2*day, day)
		id, secret := tg.client("app", nil)
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Attributes: map[string]string{
			"client.secret.creation.time": strconv.FormatInt(time.Now().Add(2*time.Hour).Unix(), 10),
		}}))
		require.ErrorIs(t, tg.admin.CarryOver(ctx, id, secret, firstSecret(), day, time.Hour), admin.ErrConfig)
		assert.True(t, tg.acceptsSecret("app", secret))
		require.NoError(t, tg.admin.CarryOver(ctx, id, secret, firstSecret(), day, 3*time.Hour))
		assert.True(t, tg.acceptsSecret("app", secret))
		assert.True(t, tg.acceptsSecret("app", firstSecret()))
	})
}
