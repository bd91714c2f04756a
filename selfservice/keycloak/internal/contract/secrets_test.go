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

const day = 24 * time.Hour

func TestRegenerateWithoutAPolicyEndsTheOldSecretAtOnce(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, old := tg.client("app", nil)
		require.True(t, tg.acceptsSecret("app", old))
		next, err := tg.admin.RegenerateSecret(ctx, id)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, len(next.Reveal()), 32)
		assert.False(t, tg.acceptsSecret("app", old))
		assert.True(t, tg.acceptsSecret("app", next))
		read, err := tg.admin.ClientSecret(ctx, id)
		require.NoError(t, err)
		assert.True(t, read.Equal(next))
		rotated, err := tg.admin.RotatedSecret(ctx, id)
		require.NoError(t, err)
		assert.True(t, rotated.IsZero())
		assert.NoError(t, tg.admin.InvalidateRotatedSecret(ctx, id), "ending what is not there is no error")
		overlap, err := tg.admin.Overlap(ctx, id)
		require.NoError(t, err)
		assert.False(t, overlap)
	})
}

func TestSecretsOfClientsWithoutCredentials(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("public", map[string]any{"publicClient": true, "serviceAccountsEnabled": false})
		_, err := tg.admin.RegenerateSecret(ctx, id)
		require.ErrorIs(t, err, admin.ErrMode)
		before := tg.whole(id)
		require.ErrorIs(t, tg.admin.SetKeys(ctx, id, set(newKey(t))), admin.ErrMode)
		require.ErrorIs(t, tg.admin.SetJWKSURL(ctx, id, "https://example.com/jwks.json"), admin.ErrMode)
		require.ErrorIs(t, tg.admin.Upload(ctx, id, certificateFile(certified(t, keys.ES256))), admin.ErrMode)
		require.ErrorIs(t, tg.admin.UpdateClient(ctx, id, admin.Change{Secret: firstSecret()}), admin.ErrMode)
		assert.Equal(t, before, tg.whole(id))
		_, err = tg.admin.ClientSecret(ctx, "00000000-0000-0000-0000-000000000000")
		require.ErrorIs(t, err, admin.ErrNotFound)
		_, err = tg.admin.RotatedSecret(ctx, "00000000-0000-0000-0000-000000000000")
		require.ErrorIs(t, err, admin.ErrNotFound, "not the same as a client without a rotated secret")
		_, err = tg.admin.FindClient(ctx, "nobody")
		require.ErrorIs(t, err, admin.ErrNotFound)
	})
}

// TestDocumentedRotation is the example in Keycloak's documentation: a weekly
// policy with a rotated period of two days and a window of one day.
func TestDocumentedRotation(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, first := tg.client("app", nil)
		tg.policy(7*day, 2*day, day)
		require.True(t, tg.acceptsSecret("app", first), "nor does a token request start its clock")
		info, err := tg.admin.Client(ctx, id)
		require.NoError(t, err)
		assert.Zero(t, info.SecretTimes().Expires, "the policy does not act before an update")
		overlap, err := tg.admin.Overlap(ctx, id)
		require.NoError(t, err)
		assert.True(t, overlap)
		info, err = tg.admin.Client(ctx, id)
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now().Add(7*day), info.SecretTimes().Expires, time.Minute, "the update starts the clock")
		assert.True(t, tg.acceptsSecret("app", first), "and changes no secret")

		second, err := tg.admin.RegenerateSecret(ctx, id)
		require.NoError(t, err)
		assert.True(t, tg.acceptsSecret("app", first), "inside the window")
		assert.True(t, tg.acceptsSecret("app", second))
		rotated, err := tg.admin.RotatedSecret(ctx, id)
		require.NoError(t, err)
		assert.True(t, rotated.Equal(first))
		info, err = tg.admin.Client(ctx, id)
		require.NoError(t, err)
		times := info.SecretTimes()
		assert.WithinDuration(t, time.Now(), times.Created, time.Minute)
		assert.WithinDuration(t, times.Created.Add(7*day), times.Expires, 5*time.Second)
		assert.WithinDuration(t, times.Created.Add(2*day), times.RotatedExpires, 5*time.Second)

		third, err := tg.admin.RegenerateSecret(ctx, id)
		require.NoError(t, err)
		assert.False(t, tg.acceptsSecret("app", first), "only one old secret is kept")
		assert.True(t, tg.acceptsSecret("app", second))
		require.NoError(t, tg.admin.InvalidateRotatedSecret(ctx, id))
		assert.False(t, tg.acceptsSecret("app", second))
		assert.True(t, tg.acceptsSecret("app", third))
	})
}

func TestExpiryOfSecrets(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		tg.policy(24*time.Second, 8*time.Second, time.Second)
		id, first := tg.client("app", nil)
		second, err := tg.admin.RegenerateSecret(ctx, id)
		require.NoError(t, err)
		assert.True(t, tg.acceptsSecret("app", first))
		tg.wait(10 * time.Second)
		assert.False(t, tg.acceptsSecret("app", first), "after the rotated period")
		assert.True(t, tg.acceptsSecret("app", second))
		rotated, err := tg.admin.RotatedSecret(ctx, id)
		require.NoError(t, err)
		assert.True(t, rotated.Equal(first), "it is shown although it has ended")
		tg.wait(16 * time.Second)
		assert.False(t, tg.acceptsSecret("app", second), "the main one has ended")

		// Any update makes the server issue a new one; the former main one works again.
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{}))
		third, err := tg.admin.ClientSecret(ctx, id)
		require.NoError(t, err)
		assert.False(t, third.Equal(second))
		assert.True(t, tg.acceptsSecret("app", third))
		assert.True(t, tg.acceptsSecret("app", second))
	})
}

func TestAnExpiredMainSecretTakesTheRotatedOneWithIt(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, first := tg.client("app", nil)
		tg.policy(7*day, 2*day, day)
		second, err := tg.admin.RegenerateSecret(ctx, id)
		require.NoError(t, err)
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Attributes: map[string]string{
			"client.secret.expiration.time": strconv.FormatInt(time.Now().Add(8*time.Second).Unix(), 10),
		}}))
		assert.True(t, tg.acceptsSecret("app", first))
		tg.wait(10 * time.Second)
		assert.False(t, tg.acceptsSecret("app", second))
		assert.False(t, tg.acceptsSecret("app", first), "although its own time has not come")
	})
}

func TestUpdateKeepsWhatItDoesNotName(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, secret := tg.client("app", map[string]any{"authorizationServicesEnabled": true, "attributes": map[string]string{"mine": "1", "other": "2"}})
		tg.policy(7*day, 2*day, day)
		status, _ := tg.raw(http.MethodPut, tg.path("clients", id), "application/json", map[string]any{"authorizationServicesEnabled": true})
		assert.Equal(t, http.StatusInternalServerError, status, "an update without attributes that would start the clock")

		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Attributes: map[string]string{"mine": "", "new": "3"}}))
		info, err := tg.admin.Client(ctx, id)
		require.NoError(t, err)
		assert.True(t, info.AuthorizationServices)
		assert.True(t, info.ServiceAccount)
		assert.Equal(t, admin.MethodSecret, info.Method)
		assert.NotContains(t, info.Attributes, "mine")
		assert.Equal(t, "2", info.Attributes["other"])
		assert.Equal(t, "3", info.Attributes["new"])
		assert.True(t, tg.acceptsSecret("app", secret))
		require.ErrorIs(t, tg.admin.UpdateClient(ctx, id, admin.Change{Secret: keys.NewSecret("**********")}), admin.ErrMasked)

		// The trap itself: a plain update turns off what our updates send back.
		tg.rest(http.MethodPut, tg.path("clients", id), map[string]any{"attributes": map[string]string{}})
		info, err = tg.admin.Client(ctx, id)
		require.NoError(t, err)
		assert.False(t, info.AuthorizationServices)
	})
}
