package contract_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAnAdministratorWithItsOwnKeyAndDPoP manages clients the way many sites do:
// through one that signs in with private_key_jwt and uses only bound tokens.
func TestAnAdministratorWithItsOwnKeyAndDPoP(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		managerID, _ := tg.client("manager", nil)
		tg.grant("manager", "manage-clients", "manage-realm")
		key := newKey(t)
		require.NoError(t, tg.admin.SetKeys(ctx, managerID, set(key)))
		require.NoError(t, tg.admin.UpdateClient(ctx, managerID, admin.Change{Attributes: map[string]string{"dpop.bound.access.tokens": "true"}}))

		bearer := tg.realm.Tokens(tg.realm.Signer("manager", key), nil)
		_, err := bearer.Token(ctx)
		require.Error(t, err, "the client must prove possession")
		tokens := tg.realm.Tokens(tg.realm.Signer("manager", key), &dpop.Prover{})
		token, err := tokens.Token(ctx)
		require.NoError(t, err)
		assert.Equal(t, "DPoP", token.Type)
		manager := &admin.API{Realm: tg.realm, Tokens: tokens}

		id, _ := tg.client("app", nil)
		appKey := newKey(t)
		require.NoError(t, manager.SetKeys(ctx, id, set(appKey)))
		assert.True(t, tg.acceptsKey("app", appKey))
		require.NoError(t, manager.PutRotationProfile(ctx, admin.RotationProfile{Name: "p", Expiration: day}))

		if !tg.old() { // 26.0 ignores the binding
			stolen := &admin.API{Realm: tg.realm, Tokens: fixed(token.AccessToken.Reveal())}
			_, err = stolen.Client(ctx, id)
			require.ErrorIs(t, err, admin.ErrUnauthorized, "a bound token as a bearer token")
		}

		// It rotates its own key just as it does those of others.
		own := keycloak.JWKS{Client: &keycloak.Client{Realm: tg.realm, ClientID: "manager", DPoP: true}}
		next := newKey(t)
		_, err = own.Register(ctx, selfservice.Credential{Key: key}, selfservice.Credential{Key: next})
		require.NoError(t, err)
		require.NoError(t, own.Remove(ctx, selfservice.Credential{Key: next}, selfservice.Registration{Fingerprint: key.Thumbprint()}))
		_, err = manager.Client(ctx, id)
		require.NoError(t, err, "the token outlives the key it was got with")
	})
}

func TestErrorsOfTheServer(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, secret := tg.client("app", nil)
		_, viewer := tg.client("viewer", nil)
		tg.grant("viewer", "view-clients")
		as := &admin.API{Realm: tg.realm, Tokens: tg.realm.Tokens(&assertion.Post{ClientID: "viewer", Secret: viewer}, nil)}
		read, err := as.ClientSecret(ctx, id)
		require.NoError(t, err)
		assert.True(t, read.Equal(secret), "view-clients reads secrets")
		_, err = as.RegenerateSecret(ctx, id)
		require.ErrorIs(t, err, admin.ErrForbidden)
		_, err = as.Policies(ctx)
		require.ErrorIs(t, err, admin.ErrForbidden)

		wrong := &admin.API{Realm: tg.realm, Tokens: fixed("not-a-token")}
		_, err = wrong.FindClient(ctx, "app")
		require.ErrorIs(t, err, admin.ErrUnauthorized)
		var e *admin.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, http.StatusUnauthorized, e.Status)
		nowhere := &admin.API{Realm: keycloak.Realm{Server: tg.realm.Server, Name: "nowhere"}, Tokens: tg.tokens}
		_, err = nowhere.FindClient(ctx, "app")
		require.ErrorIs(t, err, admin.ErrNotFound)
	})
}

func TestServerInfo(t *testing.T) {
	each(t, func(tg *target) {
		info, err := tg.admin.ServerInfo(tg.t.Context())
		require.NoError(tg.t, err)
		assert.NotEmpty(tg.t, info.Version)
		rotation := admin.On
		if tg.live {
			rotation = rotationFeature()
		}
		assert.Equal(tg.t, rotation, info.Rotation)
		assert.Equal(tg.t, admin.On, info.DPoP)

		_, secret := tg.client("viewer", nil)
		tg.grant("viewer", "view-clients")
		as := &admin.API{Realm: tg.realm, Tokens: tg.realm.Tokens(&assertion.Basic{ClientID: "viewer", Secret: secret}, nil)}
		info, err = as.ServerInfo(tg.t.Context())
		require.NoError(tg.t, err)
		assert.Equal(tg.t, rotation, info.Rotation, "as another realm's administrator sees it")
	})
}

func TestARoleThatIsGrantedActs(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		_, secret := tg.client("app", nil)
		as := selfservice.Credential{Secret: secret}
		provider := keycloak.Secret{Client: &keycloak.Client{Realm: tg.realm, ClientID: "app"}}
		_, err := provider.List(ctx, as)
		require.ErrorIs(t, err, admin.ErrForbidden)
		tg.grant("app", "manage-clients")
		if tg.old() {
			tg.wait(6 * time.Second) // until the token without the role is old enough to be replaced
		}
		_, err = provider.List(ctx, as)
		require.NoError(t, err)
	})
}

// fixed is a bearer token that is never refreshed.
type fixed string

func (f fixed) BoundToken(context.Context) (string, *keys.Key, error) { return string(f), nil, nil }
