package okta_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSecretCalls makes each call and checks what refusals mean.
func TestSecretCalls(t *testing.T) {
	for _, words := range []bool{false, true} {
		server := oktatest.Start(t)
		server.Doubts.OldWords, server.Doubts.NoRepeat = words, words
		ctx, a := t.Context(), manager(t, server, server.Org())
		value := firstSecret().Secret
		id := server.AddApp(oktatest.App{Secret: value, Method: okta.MethodSecretJWT})

		list, err := a.Secrets(ctx, id)
		require.NoError(t, err)
		require.Len(t, list, 1)
		first := list[0]
		assert.True(t, first.Value.Equal(value))
		assert.True(t, first.Is(selfservice.Credential{Secret: value}.Fingerprint()))
		assert.False(t, first.Created.IsZero())
		assert.Equal(t, okta.Active, first.Status)

		require.ErrorIs(t, a.DeleteSecret(ctx, id, first.ID), okta.ErrActive)
		require.ErrorIs(t, a.DeactivateSecret(ctx, id, first.ID), okta.ErrLastActive)
		_, err = a.AddSecret(ctx, id, keys.NewSecret("sixteen-chars-or"))
		require.ErrorIs(t, err, okta.ErrConfig, "too short for client_secret_jwt")
		second, err := a.AddSecret(ctx, id, keys.NewSecret(strings.Repeat("own ", 10)))
		require.NoError(t, err)
		again, err := a.AddSecret(ctx, id, second.Value)
		require.NoError(t, err, "the first reply may have been lost")
		assert.Equal(t, second.ID, again.ID)
		_, err = a.GenerateSecret(ctx, id)
		require.ErrorIs(t, err, okta.ErrFull)
		var refused *okta.Error
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, "E0000001", refused.Code)
		assert.Contains(t, err.Error(), "delete one of the two")

		twice(t, a.DeactivateSecret, id, first.ID)
		_, err = a.AddSecret(ctx, id, value)
		require.ErrorIs(t, err, okta.ErrInactive)
		got, err := a.Secret(ctx, id, first.ID)
		require.NoError(t, err)
		assert.Equal(t, okta.Inactive, got.Status)
		twice(t, a.ActivateSecret, id, first.ID)
		require.NoError(t, a.DeactivateSecret(ctx, id, first.ID))
		twice(t, a.DeleteSecret, id, first.ID)
		require.ErrorIs(t, a.ActivateSecret(ctx, id, first.ID), okta.ErrNotFound)
		require.ErrorIs(t, a.DeleteSecret(ctx, "0oanobody", first.ID), okta.ErrNotFound, "a missing app is not a missing secret")
		third, err := a.GenerateSecret(ctx, id)
		require.NoError(t, err)
		assert.Len(t, third.Value.Reveal(), 64)
	}
}

// twice repeats a call, as after a lost reply.
func twice(t *testing.T, call func(ctx context.Context, appID, id string) error, appID, id string) {
	t.Helper()
	for range 2 {
		require.NoError(t, call(t.Context(), appID, id))
	}
}

// TestKeyCalls makes each call and checks what refusals mean.
func TestKeyCalls(t *testing.T) {
	for _, d := range []oktatest.Doubts{{}, {ArrayOfKeys: true, NoRepeat: true}, {WrappedKeys: true}} {
		server := oktatest.Start(t)
		server.Doubts = d
		ctx, a := t.Context(), manager(t, server, server.Org())
		first := newKey(t)
		id := server.AddApp(oktatest.App{Keys: publicKeys(first)})
		list, err := a.Keys(ctx, id)
		require.NoError(t, err)
		require.Len(t, list, 1)
		assert.Equal(t, first.Thumbprint(), list[0].Thumbprint())
		require.ErrorIs(t, a.DeleteKey(ctx, id, list[0].ID), okta.ErrActive)
		require.ErrorIs(t, a.DeactivateKey(ctx, id, list[0].ID), okta.ErrLastActive)

		for _, alg := range []keys.Algorithm{keys.RS256, keys.ES384, keys.ES512} {
			key := newKeyOf(t, alg)
			added, err := a.AddKey(ctx, id, key.PublicKey())
			require.NoError(t, err)
			again, err := a.AddKey(ctx, id, key.PublicKey())
			require.NoError(t, err)
			assert.Equal(t, added.ID, again.ID)
			assert.Equal(t, key.Thumbprint(), added.Thumbprint())
			assert.Equal(t, "sig", added.Use)
			assert.Equal(t, alg, added.PublicKey.Algorithm())
			twice(t, a.DeactivateKey, id, added.ID)
			_, err = a.AddKey(ctx, id, key.PublicKey())
			require.ErrorIs(t, err, okta.ErrInactive)
			got, err := a.Key(ctx, id, added.ID)
			require.NoError(t, err)
			assert.Equal(t, okta.Inactive, got.Status)
			twice(t, a.ActivateKey, id, added.ID)
			require.NoError(t, a.DeactivateKey(ctx, id, added.ID))
			twice(t, a.DeleteKey, id, added.ID)
		}
		for range okta.MaxKeys - 1 {
			_, err := a.AddKey(ctx, id, newKey(t).PublicKey())
			require.NoError(t, err)
		}
		_, err = a.AddKey(ctx, id, newKey(t).PublicKey())
		require.ErrorIs(t, err, okta.ErrFull)
	}
}

// TestKidsAreCheckedBeforeAKeyIsAdded: a key without a kid makes every later
// addition fail, and one with a kid that its program does not send stops working.
func TestKidsAreCheckedBeforeAKeyIsAdded(t *testing.T) {
	server := oktatest.Start(t)
	ctx, a := t.Context(), manager(t, server, server.Org())
	lone := newKey(t)
	id := server.AddApp(oktatest.App{Keys: publicKeys(lone), Bare: true})
	_, err := a.AddKey(ctx, id, newKey(t).PublicKey())
	require.ErrorIs(t, err, okta.ErrKeyID)
	require.ErrorContains(t, err, "replace it by the same key with a kid")
	list, err := a.Keys(ctx, id)
	require.NoError(t, err)
	require.Len(t, list, 1)
	assert.Empty(t, list[0].KeyID)
	assert.Equal(t, lone.Thumbprint(), list[0].Thumbprint(), "with use and alg null")

	// Do what the error says, which gives the key another ID.
	to := okta.Authentication{Method: okta.MethodPrivateKey, Keys: keys.Set{Keys: publicKeys(lone)}}
	require.NoError(t, a.SetAuthentication(ctx, id, to, nil))
	next := newKey(t)
	_, err = a.AddKey(ctx, id, next.PublicKey())
	require.NoError(t, err)

	same, err := newKey(t).With(keys.Options{KeyID: lone.KeyID()})
	require.NoError(t, err)
	_, err = a.AddKey(ctx, id, same.PublicKey())
	require.ErrorIs(t, err, okta.ErrKeyID)
	renamed, err := next.With(keys.Options{KeyID: "another"})
	require.NoError(t, err)
	_, err = a.AddKey(ctx, id, renamed.PublicKey())
	require.ErrorIs(t, err, okta.ErrKeyID)
	client := &okta.Client{Org: server.Org(), AppID: id, Admin: a}
	_, err = okta.JWKS{Client: client}.Register(ctx, credential(renamed), credential(newKey(t)))
	require.ErrorIs(t, err, okta.ErrKeyID, "the active key would be refused beside a second one")
	for _, e := range server.Events(oktatest.EventCreate) {
		assert.Empty(t, e.Reason, "a request was sent that must fail")
	}
}

func TestUnsupportedAlgorithmsAreNotSent(t *testing.T) {
	server := oktatest.Start(t)
	a := manager(t, server, server.Org())
	id := server.AddApp(oktatest.App{Keys: publicKeys(newKey(t))})
	for _, alg := range []keys.Algorithm{keys.PS256, keys.EdDSA} {
		key := newKeyOf(t, alg)
		_, err := a.AddKey(t.Context(), id, key.PublicKey())
		require.ErrorIs(t, err, okta.ErrAlgorithm, alg)
		for _, of := range []func(*okta.Client) selfservice.Provider{stored, atURL} {
			r := &selfservice.Rotator{Provider: of(&okta.Client{Org: server.Org(), AppID: id, Admin: a}), Store: &selfservice.Mem{}}
			require.ErrorIs(t, r.Adopt(t.Context(), credential(key)), okta.ErrAlgorithm, alg)
			_, err = r.SigningKey(t.Context())
			require.ErrorIs(t, err, selfservice.ErrNotAdopted, alg)
		}
	}
	_, err := a.AddKey(t.Context(), id, nil)
	require.ErrorIs(t, err, okta.ErrConfig)
	assert.Empty(t, server.Events(oktatest.EventCreate))
}

func TestEmptyIDsAreNotSent(t *testing.T) {
	server := oktatest.Start(t)
	a, id := server.Admin(), server.AddApp(oktatest.App{})
	server.Inject(func(int, *http.Request) *oktatest.Fault { t.Error("a request was sent"); return nil })
	ctx := t.Context()
	for _, bad := range []string{"", ".", ".."} {
		_, err := a.Secret(ctx, id, bad)
		for _, err := range []error{
			err, a.DeleteSecret(ctx, id, bad), a.ActivateKey(ctx, id, bad), a.DeactivateKey(ctx, bad, "pks"), a.DeleteKey(ctx, id, bad),
		} {
			require.ErrorIs(t, err, okta.ErrConfig)
		}
	}
}

func TestAppIDAndClientIDDiffer(t *testing.T) {
	server := oktatest.Start(t)
	ctx, key := t.Context(), newKey(t)
	in := serviceApp(key)
	in.ClientID = "something_from_somewhere"
	id := server.AddApp(in)
	client := &okta.Client{Org: server.Org(), AppID: id, ClientID: "something_from_somewhere"}
	require.NoError(t, client.Verify(ctx, credential(key)))
	list, err := okta.JWKS{Client: client}.List(ctx, credential(key))
	require.NoError(t, err)
	assert.Len(t, list, 1)
	_, err = manager(t, server, server.Org()).Keys(ctx, "something_from_somewhere")
	require.ErrorIs(t, err, okta.ErrNotFound)
}

// TestMissingScopesAndRoles: the error says what to grant.
func TestMissingScopesAndRoles(t *testing.T) {
	server := oktatest.Start(t)
	ctx, org := t.Context(), server.Org()
	web, managed := server.AddApp(oktatest.App{}), server.AddApp(serviceApp(newKey(t)))
	as := func(in oktatest.App, asked ...string) *okta.Admin {
		key := newKey(t)
		in.Service, in.DPoP, in.Keys = true, true, publicKeys(key)
		return &okta.Admin{Org: org, Tokens: org.Tokens(org.Signer(server.AddApp(in), key), &dpop.Prover{}, asked...)}
	}
	reader := as(oktatest.App{Scopes: []string{okta.ScopeRead}, Role: oktatest.SuperAdmin}, okta.ScopeRead)
	_, err := reader.Secrets(ctx, web)
	require.NoError(t, err)
	_, err = reader.GenerateSecret(ctx, web)
	require.ErrorIs(t, err, okta.ErrScope)
	require.ErrorContains(t, err, okta.ScopeManage)
	var refused *okta.Error
	require.ErrorAs(t, err, &refused)
	assert.Zero(t, refused.Status, "a request was sent although the token lacks the scope")

	hidden := &okta.Admin{Org: org, Tokens: bare{reader.Tokens}} // which scopes it has is not known
	_, err = hidden.GenerateSecret(ctx, web)
	require.ErrorIs(t, err, okta.ErrScope)
	require.ErrorContains(t, err, "grant the scope "+okta.ScopeManage)
	require.ErrorContains(t, err, "403 insufficient_scope: The access token provided does not contain the required scopes.")

	roleless := as(oktatest.App{Scopes: scopes()})
	_, err = roleless.GenerateSecret(ctx, web)
	require.ErrorIs(t, err, okta.ErrForbidden)
	appAdmin := as(oktatest.App{Scopes: scopes(), Role: oktatest.AppAdmin})
	_, err = appAdmin.GenerateSecret(ctx, web)
	require.NoError(t, err)
	_, err = appAdmin.AddKey(ctx, managed, newKey(t).PublicKey())
	require.ErrorIs(t, err, okta.ErrForbidden)
	require.ErrorContains(t, err, "Super Administrator")

	_, err = (&okta.Admin{Org: org, APIToken: keys.NewSecret("wrong")}).Secrets(ctx, web)
	require.ErrorIs(t, err, okta.ErrUnauthorized)
	require.ErrorContains(t, err, "E0000011")

	// Okta leaves the scope out without an error.
	server.Doubts.SilentScopes = true
	silent := as(oktatest.App{Scopes: []string{okta.ScopeRead}, Role: oktatest.SuperAdmin})
	_, err = silent.GenerateSecret(ctx, web)
	require.ErrorIs(t, err, okta.ErrScope)
}

// bare hides the scopes of tokens.
type bare struct{ dpop.TokenSource }
