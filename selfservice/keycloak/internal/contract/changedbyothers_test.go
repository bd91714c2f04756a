package contract_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWhatAnAdministratorDidIsTold checks that the error names what happened,
// although the server gives the same answer in most cases.
func TestWhatAnAdministratorDidIsTold(t *testing.T) {
	t.Parallel()
	off := map[string]any{"enabled": false, "attributes": map[string]string{}}
	method := func(m string) map[string]any {
		return map[string]any{"clientAuthenticatorType": m, "attributes": map[string]string{}}
	}
	attributes := func(a map[string]string) map[string]any { return map[string]any{"attributes": a} }
	for name, test := range map[string]struct {
		secret bool
		update map[string]any // nil: the client is deleted
		rule   error
		words  string
		goesOn bool // a rotation still succeeds
	}{
		"key, disabled":       {false, off, admin.ErrDisabled, "the client is disabled", false},
		"key, deleted":        {false, nil, admin.ErrNotFound, "no client with that client_id", false},
		"key, method":         {false, method("client-secret"), admin.ErrMode, "its method is client-secret", false},
		"key, set emptied":    {false, attributes(map[string]string{"jwks.string": `{"keys":[]}`}), admin.ErrNotFound, "it has no keys stored", true},
		"key, set removed":    {false, attributes(map[string]string{"jwks.string": ""}), admin.ErrNotFound, "it has no keys stored", true},
		"key, all cleared":    {false, attributes(map[string]string{"jwks.string": "", "use.jwks.string": ""}), admin.ErrNotFound, "it has no keys stored", true},
		"key, algorithm":      {false, attributes(map[string]string{"token.endpoint.auth.signing.alg": "PS256"}), admin.ErrAlgorithm, "it accepts PS256, and the key signs with ES256", true},
		"secret, disabled":    {true, off, admin.ErrDisabled, "the client is disabled", false},
		"secret, deleted":     {true, nil, admin.ErrNotFound, "no client with that client_id", false},
		"secret, client-jwt":  {true, method("client-jwt"), admin.ErrMode, "its method is client-jwt", false},
		"secret, client-x509": {true, method("client-x509"), admin.ErrMode, "its method is client-x509", false},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(tg *target) {
				t, ctx := tg.t, tg.t.Context()
				client := &keycloak.Client{Realm: tg.realm, ClientID: "app", Admin: tg.admin}
				id, secret := tg.client("app", nil)
				key := newKey(t)
				c, next := selfservice.Credential{Secret: secret}, selfservice.Credential{Secret: firstSecret()}
				var provider selfservice.Registrar = keycloak.OwnSecret{Client: client, AllowGap: true}
				if !test.secret {
					require.NoError(t, tg.admin.SetKeys(ctx, id, set(key)))
					c, next = selfservice.Credential{Key: key}, selfservice.Credential{Key: newKey(t)}
					provider = keycloak.JWKS{Client: client}
				}
				require.NoError(t, client.Verify(ctx, c))
				if test.update == nil {
					tg.rest(http.MethodDelete, tg.path("clients", id), nil)
				} else {
					tg.rest(http.MethodPut, tg.path("clients", id), test.update)
				}
				err := client.Verify(ctx, c)
				require.ErrorIs(t, err, selfservice.ErrInvalidClient)
				require.ErrorIs(t, err, test.rule)
				assert.Contains(t, err.Error(), test.words)
				assert.Contains(t, err.Error(), "client", "the server's own words")

				_, err = provider.(selfservice.Provider).List(ctx, c)
				if test.goesOn {
					require.NoError(t, err)
					_, err = provider.Register(ctx, c, next)
					require.NoError(t, err)
					assert.NoError(t, client.Verify(ctx, next))
					return
				}
				require.ErrorIs(t, err, test.rule)
				_, err = provider.Register(ctx, c, next)
				require.ErrorIs(t, err, test.rule)
				assert.Contains(t, err.Error(), test.words)
				assert.NotErrorIs(t, err, selfservice.ErrInvalidClient)
				if test.update == nil {
					return
				}
				info, err := tg.admin.Client(ctx, id)
				require.NoError(t, err)
				if want := test.update["clientAuthenticatorType"]; want != nil {
					assert.EqualValues(t, want, info.Method, "what he did stays")
					client.RestoreMethod = true
					_, err = provider.Register(ctx, c, next)
					require.NoError(t, err)
					assert.NoError(t, client.Verify(ctx, next), "but where the caller wants it otherwise")
				}
			})
		})
	}
}

// TestClearedKeysAreReplaced checks that the Rotator replaces them by itself,
// whatever is left of them.
func TestClearedKeysAreReplaced(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		for name, cleared := range map[string]map[string]string{
			"emptied": {"jwks.string": `{"keys":[]}`},
			"removed": {"jwks.string": ""},
			"all":     {"jwks.string": "", "use.jwks.string": ""},
		} {
			id, _ := tg.client(name, nil)
			key := newKey(t)
			require.NoError(t, tg.admin.SetKeys(ctx, id, set(key)))
			client := &keycloak.Client{Realm: tg.realm, ClientID: name, Admin: tg.admin}
			r := &selfservice.Rotator{Provider: keycloak.JWKS{Client: client}, Store: &selfservice.Mem{}}
			require.NoError(t, r.Adopt(ctx, selfservice.Credential{Key: key}))
			untilIdle(t, r)
			tg.rest(http.MethodPut, tg.path("clients", id), map[string]any{"attributes": cleared})
			_, err := r.KeyRefused(ctx, key)
			require.NoError(t, err)
			untilIdle(t, r)
			now, err := r.SigningKey(ctx)
			require.NoError(t, err)
			assert.True(t, tg.acceptsKey(name, now), name)
		}
	})
}

// TestALockOutSaysWhatTheAdminSees checks that the error also quotes the server.
func TestALockOutSaysWhatTheAdminSees(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		key := newKey(t)
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(key)))
		var told []error
		r := &selfservice.Rotator{
			Provider: keycloak.JWKS{Client: &keycloak.Client{Realm: tg.realm, ClientID: "app", Admin: tg.admin}}, Store: &selfservice.Mem{},
			OnEvent: func(e selfservice.Event) { told = append(told, e.Err) },
		}
		require.NoError(t, r.Adopt(ctx, selfservice.Credential{Key: key}))
		untilIdle(t, r)
		tg.rest(http.MethodPut, tg.path("clients", id), map[string]any{"enabled": false, "attributes": map[string]string{}})
		_, err := r.KeyRefused(ctx, key)
		require.NoError(t, err)
		for range 3 {
			if _, err = r.Step(ctx); err != nil {
				break
			}
		}
		require.ErrorIs(t, err, admin.ErrDisabled, "there is no use in a new key")
		lockedOut := errors.Join(told...)
		require.ErrorIs(t, lockedOut, selfservice.ErrLockedOut)
		require.ErrorIs(t, lockedOut, admin.ErrDisabled)
		assert.Contains(t, lockedOut.Error(), "Invalid client or Invalid client credentials")

		tg.rest(http.MethodPut, tg.path("clients", id), map[string]any{"enabled": true, "attributes": map[string]string{}})
		untilIdle(t, r)
		now, err := r.SigningKey(ctx)
		require.NoError(t, err)
		assert.True(t, tg.acceptsKey("app", now))
	})
}
