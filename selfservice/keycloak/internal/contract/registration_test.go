package contract_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// registered makes a client that has only its registration access token.
func (tg *target) registered(id string, recover bool) (*dcr.Client, dcr.Registration) {
	tg.t.Helper()
	client := &keycloak.Client{Realm: tg.balanced(), ClientID: "app"}
	if recover {
		client.Admin = tg.admin
	}
	return tg.registeredAs(id, client)
}

func (tg *target) registeredAs(id string, client *keycloak.Client) (*dcr.Client, dcr.Registration) {
	tg.t.Helper()
	ctx := tg.t.Context()
	token, err := tg.admin.RegistrationToken(ctx, id)
	require.NoError(tg.t, err)
	r := dcr.Registration{ClientID: client.ClientID, URI: tg.realm.RegistrationURI(client.ClientID), AccessToken: token}
	c := client.Registered(&selfservice.Mem{})
	require.NoError(tg.t, c.Adopt(ctx, r))
	return c, r
}

func TestKeysRotateByARegistrationAccessToken(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		first := newKey(t)
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(first)))
		read := func() map[string]any { return tg.rest(http.MethodGet, tg.path("clients", id), nil).(map[string]any) }
		before := read()
		registered, _ := tg.registered(id, false)
		r := &selfservice.Rotator{Provider: registered.Keys(), Store: &selfservice.Mem{}, Timing: tg.short()}
		require.NoError(t, r.Adopt(ctx, selfservice.Credential{Key: first}))
		tg.rotate("stored keys, by a registration access token", tg.times(10), r, false)
		assert.False(t, tg.acceptsKey("app", first))
		after := read()
		for _, scopes := range []string{"defaultClientScopes", "optionalClientScopes"} { // sets, so the order may differ
			assert.ElementsMatch(t, before[scopes], after[scopes], scopes)
		}
		assert.Equal(t, before["serviceAccountsEnabled"], after["serviceAccountsEnabled"])
	})
}

// TestRegisteredClientsWithoutABearerToken has clients that get no bearer token
// with their own credential: one must use DPoP, the other has no service account.
func TestRegisteredClientsWithoutABearerToken(t *testing.T) {
	each(t, func(tg *target) {
		for _, c := range []struct {
			name string
			dpop bool
		}{{"bound", true}, {"web", false}} {
			t, ctx := tg.t, tg.t.Context()
			first := newKey(t)
			id, _ := tg.client(c.name, map[string]any{"serviceAccountsEnabled": c.dpop})
			require.NoError(t, tg.admin.SetKeys(ctx, id, set(first)))
			require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Attributes: map[string]string{"dpop.bound.access.tokens": strconv.FormatBool(c.dpop)}}))
			registered, _ := tg.registeredAs(id, &keycloak.Client{Realm: tg.realm, ClientID: c.name, DPoP: c.dpop})
			r := &selfservice.Rotator{Provider: registered.Keys(), Store: &selfservice.Mem{}, Timing: tg.short()}
			require.NoError(t, r.Adopt(ctx, selfservice.Credential{Key: first}))
			require.NoError(t, r.Rotate(ctx), c.name)
			second, err := r.SigningKey(ctx)
			require.NoError(t, err)
			assert.NotEqual(t, first.Thumbprint(), second.Thumbprint(), c.name)
			require.NoError(t, registered.Keys().Verify(ctx, selfservice.Credential{Key: second}), c.name)
			require.ErrorIs(t, registered.Keys().Verify(ctx, selfservice.Credential{Key: newKey(t)}), selfservice.ErrInvalidClient, c.name)
		}
	})
}

// TestKeysAtAURLStayByARegistrationAccessToken checks that no update replaces the
// URL of a client's keys by one key.
func TestKeysAtAURLStayByARegistrationAccessToken(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		key := newKey(t)
		published := publish(t, key)
		require.NoError(t, tg.admin.SetJWKSURL(ctx, id, published.URL))
		require.True(t, tg.acceptsKey("app", key))
		registered, _ := tg.registered(id, false)
		as := selfservice.Credential{Key: key}
		_, err := registered.Keys().(selfservice.Registrar).Register(ctx, as, selfservice.Credential{Key: newKey(t)})
		require.ErrorIs(t, err, dcr.ErrKeysByURL)
		_, err = registered.Update(ctx, func(dcr.Metadata) (bool, error) { return true, nil })
		require.NoError(t, err)
		info, err := tg.admin.Client(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, published.URL, info.JWKSURL())
		assert.True(t, tg.acceptsKey("app", key))
	})
}

func TestALostRegistrationAccessTokenIsReplaced(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		key, next := newKey(t), newKey(t)
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(key)))
		for _, recover := range []bool{true, false} {
			registered, _ := tg.registered(id, recover)
			_, err := tg.admin.RegistrationToken(ctx, id) // revokes the stored one
			require.NoError(t, err)
			_, err = registered.Keys().(selfservice.Registrar).Register(ctx, selfservice.Credential{Key: key}, selfservice.Credential{Key: next})
			if recover {
				require.NoError(t, err)
				assert.True(t, tg.acceptsKey("app", next))
			} else {
				require.ErrorIs(t, err, dcr.ErrAccessToken)
			}
		}
	})
}

// TestAnUpdateByARegistrationAccessTokenLeavesTheMethod checks that the method is
// not sent back as shown. That would lock out callers who send the secret in the
// other way.
func TestAnUpdateByARegistrationAccessTokenLeavesTheMethod(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, secret := tg.client("app", nil)
		post := &keycloak.Client{Realm: tg.balanced(), ClientID: "app", Authenticate: func(c selfservice.Credential) assertion.Authenticator {
			return &assertion.Post{ClientID: "app", Secret: c}
		}}
		registered, first := tg.registered(id, false)
		touch := func(dcr.Metadata) (bool, error) { return true, nil }
		m, err := registered.Update(ctx, touch)
		require.NoError(t, err)
		assert.JSONEq(t, `"client_secret_basic"`, string(m["token_endpoint_auth_method"]))
		require.NoError(t, post.Verify(ctx, selfservice.Credential{Secret: secret}))
		assert.True(t, tg.acceptsSecret("app", secret))

		stale := &dcr.Client{Store: &selfservice.Mem{}, Base: tg.realm.Base}
		require.NoError(t, stale.Adopt(ctx, first))
		_, err = stale.Read(ctx)
		require.ErrorIs(t, err, dcr.ErrAccessToken, "an update ends the token that it was made with")

		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Method: admin.MethodSecretJWT}))
		_, err = registered.Update(ctx, touch)
		require.NoError(t, err)
		info, err := tg.admin.Client(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, admin.MethodSecretJWT, info.Method, "left out, it would be a secret in clear")

		_, err = registered.Update(ctx, func(m dcr.Metadata) (bool, error) {
			m["client_secret"] = json.RawMessage(`"another-secret-that-somebody-chose"`)
			return true, nil
		})
		require.NoError(t, err)
		main, err := tg.admin.ClientSecret(ctx, id)
		require.NoError(t, err)
		assert.True(t, main.Equal(secret), "the server keeps its own")
	})
}

func TestSecretsRotateByARegistrationAccessTokenWhenDue(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		tg.policy(7*day, 2*day, day)
		id, first := tg.client("app", nil)
		registered, _ := tg.registered(id, false)
		provider := registered.Secret(func(clientID string, c selfservice.Credential) assertion.Authenticator {
			return &assertion.Basic{ClientID: clientID, Secret: c}
		})
		r := &selfservice.Rotator{Provider: provider, Store: &selfservice.Mem{}, Timing: tg.short()}
		require.NoError(t, r.Adopt(ctx, selfservice.Credential{Secret: first}))
		require.ErrorIs(t, r.Rotate(ctx), dcr.ErrNotRotated, "before the remaining rotation period")
		assert.True(t, tg.acceptsSecret("app", first))
		tg.policy(7*day, 2*day, 7*day)
		require.NoError(t, r.Rotate(ctx))
		second, err := r.ClientSecret(ctx)
		require.NoError(t, err)
		assert.False(t, second.Equal(first))
		assert.True(t, tg.acceptsSecret("app", first), "the old one is still accepted")
		assert.True(t, tg.acceptsSecret("app", second))
		status, err := r.Status(ctx)
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now().Add(7*day), status.Active.Expires, time.Minute)
	})
}
