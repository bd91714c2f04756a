package contract_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/require"
)

// TestARefusedAdministratorIsNotARefusedClient checks the error. If the engine
// took it for the client's, it would try other credentials and report a lockout.
func TestARefusedAdministratorIsNotARefusedClient(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, secret := tg.client("app", nil)
		wrong := &assertion.Basic{ClientID: "app", Secret: firstSecret()}
		client := &keycloak.Client{Realm: tg.realm, ClientID: "app", Admin: &admin.API{Realm: tg.realm, Tokens: tg.realm.Tokens(wrong, nil)}}
		_, err := keycloak.Secret{Client: client}.List(ctx, selfservice.Credential{Secret: secret})
		require.ErrorIs(t, err, assertion.ErrInvalidClient)
		require.NotErrorIs(t, err, selfservice.ErrInvalidClient)
		client.Admin = nil
		_, err = keycloak.Secret{Client: client}.List(ctx, selfservice.Credential{Secret: firstSecret()})
		require.ErrorIs(t, err, selfservice.ErrInvalidClient)

		client.Admin = &admin.API{Realm: tg.realm, Tokens: tg.realm.Tokens(wrong, nil)}
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(newKey(t))))
		registered := client.Registered(&selfservice.Mem{})
		require.NoError(t, registered.Adopt(ctx, dcr.Registration{ClientID: "app", URI: tg.realm.RegistrationURI("app"), AccessToken: keys.NewSecret("lost")}))
		_, err = registered.Keys().List(ctx, selfservice.Credential{})
		require.Error(t, err)
		require.NotErrorIs(t, err, selfservice.ErrInvalidClient)
	})
}

// TestAClientManagesItselfAsTheKeyThatItIsTold covers a key with two names.
func TestAClientManagesItselfAsTheKeyThatItIsTold(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		tg.grant("app", "manage-clients")
		key := newKey(t)
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(key)))
		provider := keycloak.JWKS{Client: &keycloak.Client{Realm: tg.realm, ClientID: "app"}}
		_, err := provider.List(ctx, selfservice.Credential{Key: key})
		require.NoError(t, err)
		renamed, err := key.With(keys.Options{KeyID: "not that of the server"})
		require.NoError(t, err)
		_, err = provider.List(ctx, selfservice.Credential{Key: renamed})
		require.ErrorIs(t, err, selfservice.ErrInvalidClient)
	})
}

func TestASecretWithoutOverlapIsNotManagedByItself(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		_, secret := tg.client("app", nil)
		tg.grant("app", "manage-clients")
		first := selfservice.Credential{Secret: secret}
		client := &keycloak.Client{Realm: tg.realm, ClientID: "app"}
		before, err := keycloak.Secret{Client: client}.List(ctx, first)
		require.NoError(t, err)
		_, _, err = keycloak.Secret{Client: client}.Issue(ctx, first, before)
		require.ErrorIs(t, err, admin.ErrNoOverlap)
		_, err = keycloak.OwnSecret{Client: client}.Register(ctx, first, selfservice.Credential{Secret: firstSecret()})
		require.ErrorIs(t, err, admin.ErrNoOverlap)
		keeping := keycloak.Secret{Client: &keycloak.Client{Realm: tg.realm, ClientID: "app", Admin: tg.admin}, KeepOld: true}
		_, _, err = keeping.Issue(ctx, first, before)
		require.ErrorIs(t, err, admin.ErrNoOverlap, "as an administrator, who asked for that")
		require.ErrorIs(t, keeping.Check(ctx, first), admin.ErrNoOverlap)
		require.True(t, tg.acceptsSecret("app", secret), "and nothing has happened")
	})
}

func TestVerifyWithoutAServiceAccount(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, secret := tg.client("web", map[string]any{"serviceAccountsEnabled": false})
		require.True(t, tg.acceptsSecret("web", secret))
		require.False(t, tg.acceptsSecret("web", keys.NewSecret("another")))
		key := newKey(t)
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(key)))
		require.True(t, tg.acceptsKey("web", key))
		require.False(t, tg.acceptsKey("web", newKey(t)))
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestSecretsThatSomebodyEndedStayEnded checks that a rotation never restores a
// secret that an administrator has replaced.
func TestSecretsThatSomebodyEndedStayEnded(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*target, string){
		"by ending it": func(tg *target, id string) {
			require.NoError(tg.t, tg.admin.InvalidateRotatedSecret(tg.t.Context(), id))
		},
		"by time": func(tg *target, id string) { // the server still shows it
			require.NoError(tg.t, tg.admin.UpdateClient(tg.t.Context(), id, admin.Change{Attributes: map[string]string{
				"client.secret.rotated.expiration.time": strconv.FormatInt(time.Now().Add(-time.Minute).Unix(), 10),
			}}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(tg *target) {
				t, ctx := tg.t, tg.t.Context()
				tg.policy(7*day, 2*day, day)
				id, stolen := tg.client("app", nil)
				theirs, err := tg.admin.RegenerateSecret(ctx, id)
				require.NoError(t, err)
				end(tg, id)
				require.False(t, tg.acceptsSecret("app", stolen))
				own := keycloak.OwnSecret{Client: &keycloak.Client{Realm: tg.realm, ClientID: "app", Admin: tg.admin}, Overlap: time.Hour}
				list, err := own.List(ctx, selfservice.Credential{Secret: stolen})
				require.NoError(t, err)
				for _, r := range list {
					require.Equal(t, r.Matches(selfservice.Credential{Secret: stolen}), r.Inactive)
				}
				for range 2 { // the second time as if the response was lost
					_, err = own.Register(ctx, selfservice.Credential{Secret: stolen}, selfservice.Credential{Secret: firstSecret()})
					require.NoError(t, err)
				}
				require.True(t, tg.acceptsSecret("app", firstSecret()))
				require.True(t, tg.acceptsSecret("app", theirs))
				require.False(t, tg.acceptsSecret("app", stolen))
			})
		})
	}
}

// TestSecretsInAVaultStayThere has a realm that holds only a reference.
func TestSecretsInAVaultStayThere(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		tg.policy(7*day, 2*day, day)
		id, secret := tg.client("app", nil)
		reference := keys.NewSecret("${vault.app}")
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Secret: reference}))
		client := &keycloak.Client{Realm: tg.realm, ClientID: "app", Admin: tg.admin}
		before, err := keycloak.Secret{Client: client}.List(ctx, selfservice.Credential{})
		require.NoError(t, err)
		_, _, err = keycloak.Secret{Client: client}.Issue(ctx, selfservice.Credential{Secret: secret}, before)
		require.ErrorIs(t, err, admin.ErrMode)
		_, err = keycloak.OwnSecret{Client: client}.Register(ctx, selfservice.Credential{Secret: secret}, selfservice.Credential{Secret: firstSecret()})
		require.ErrorIs(t, err, admin.ErrMode)
		main, err := tg.admin.ClientSecret(ctx, id)
		require.NoError(t, err)
		require.True(t, main.Equal(reference))
	})
}

func firstSecret() keys.Secret { return keys.NewSecret("the-secret-that-was-registered-by-hand") }
