package contract_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/load"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// underFAPI runs a test under each FAPI profile that the server has, applied to
// confidential clients by bind.
func underFAPI(t *testing.T, test func(tg *target, bind func())) {
	t.Parallel()
	for _, profile := range []string{"fapi-1-advanced", "fapi-2-security-profile", "fapi-2-dpop-security-profile"} {
		t.Run(profile, func(t *testing.T) {
			each(t, func(tg *target) {
				if strings.Contains(profile, "dpop") && tg.old() {
					tg.t.Skip("26.0 has no such profile")
				}
				test(tg, func() {
					tg.t.Helper()
					require.NoError(tg.t, tg.admin.PutPolicy(tg.t.Context(), admin.Policy{
						Name: "fapi", AccessTypes: []string{"confidential"}, Profiles: []string{profile},
					}))
				})
			})
		})
	}
}

// proves reports whether the server accepts the key's signature: it issues a
// token, or goes on to ask for mutual TLS, which most FAPI profiles require.
func (tg *target) proves(clientID string, k *keys.Key) bool {
	tg.t.Helper()
	_, err := tg.realm.Tokens(tg.realm.Signer(clientID, k), &dpop.Prover{}).Token(tg.t.Context())
	var refused *assertion.Error
	if err == nil {
		return true
	}
	require.ErrorAs(tg.t, err, &refused)
	return refused.Code == "invalid_request" && strings.Contains(refused.Description, "MTLS")
}

// byHand makes a client whose key was registered by somebody else.
func (tg *target) byHand(clientID string, k *keys.Key) (id string) {
	tg.t.Helper()
	text, err := json.Marshal(set(k))
	require.NoError(tg.t, err)
	id, _ = tg.client(clientID, nil)
	tg.rest(http.MethodPut, tg.path("clients", id), map[string]any{"clientAuthenticatorType": "client-jwt", "attributes": map[string]string{
		"use.jwks.string": "true", "jwks.string": string(text),
	}})
	return id
}

// TestUpdatesUnderFAPILockNobodyOut checks updates under a policy that fills in
// whatever an update leaves out, including PS256.
func TestUpdatesUnderFAPILockNobodyOut(t *testing.T) {
	underFAPI(t, func(tg *target, bind func()) {
		t, ctx := tg.t, tg.t.Context()
		one, two, three := newKey(t), newKey(t), newKey(t)
		rest := tg.byHand("rest", one)
		tg.rest(http.MethodPut, tg.path("clients", rest), map[string]any{"attributes": map[string]string{}})
		untouched, added, replaced := tg.byHand("untouched", one), tg.byHand("added", one), tg.byHand("replaced", one)
		subject, secret := tg.byHand("subject", one), tg.byHand("secret", one)
		tg.rest(http.MethodPut, tg.path("clients", subject), map[string]any{"clientAuthenticatorType": "client-x509", "attributes": map[string]string{"x509.subjectdn": "CN=app"}})
		tg.rest(http.MethodPut, tg.path("clients", secret), map[string]any{"clientAuthenticatorType": "client-secret", "attributes": map[string]string{}})
		bind()
		tg.rest(http.MethodPut, tg.path("clients", rest), map[string]any{"attributes": map[string]string{}})
		require.False(t, tg.proves("rest", one), "what this is about")
		require.NoError(t, tg.admin.UpdateClient(ctx, rest, admin.Change{}))
		assert.True(t, tg.proves("rest", one), "an algorithm that none of its keys has is corrected")

		for range 2 {
			require.NoError(t, tg.admin.UpdateClient(ctx, untouched, admin.Change{}))
			assert.True(t, tg.proves("untouched", one), "an update that changes nothing")
		}
		require.NoError(t, tg.admin.UpdateClient(ctx, untouched, admin.Change{Attributes: map[string]string{"id.token.signed.response.alg": "ES256"}}))
		require.NoError(t, tg.admin.AddKey(ctx, untouched, two.PublicKey()))
		info, err := tg.admin.Client(ctx, untouched)
		require.NoError(t, err)
		assert.Equal(t, "ES256", info.Attributes["id.token.signed.response.alg"], "what somebody has set")

		require.NoError(t, tg.admin.AddKey(ctx, added, two.PublicKey()))
		assert.True(t, tg.proves("added", one) && tg.proves("added", two))
		require.NoError(t, tg.admin.RemoveKey(ctx, added, one.Thumbprint()))
		assert.True(t, tg.proves("added", two))
		require.NoError(t, tg.admin.SetKeys(ctx, replaced, set(three)))
		assert.True(t, tg.proves("replaced", three))

		require.NoError(t, tg.admin.UpdateClient(ctx, subject, admin.Change{}))
		info, err = tg.admin.Client(ctx, subject)
		require.NoError(t, err)
		assert.Equal(t, admin.MethodX509, info.Method)
		require.ErrorIs(t, tg.admin.UpdateClient(ctx, secret, admin.Change{}), admin.ErrRefused, "a method that FAPI does not know")
		info, err = tg.admin.Client(ctx, secret)
		require.NoError(t, err)
		assert.Equal(t, admin.MethodSecret, info.Method, "the server makes another one of it")
	})
}

// TestAnotherAlgorithm checks a change of algorithm under a policy that allows a
// client only one, so that the old and the new key cannot work side by side.
func TestAnotherAlgorithm(t *testing.T) {
	underFAPI(t, func(tg *target, bind func()) {
		t, ctx := tg.t, tg.t.Context()
		ps, err := rsaKey().With(keys.Options{Algorithm: keys.PS256})
		require.NoError(t, err)
		es := newKey(t)
		id := tg.byHand("app", ps)
		bind()
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{}))
		require.True(t, tg.proves("app", ps))
		before, err := tg.admin.Client(ctx, id)
		require.NoError(t, err)
		client := &keycloak.Client{Realm: tg.realm, ClientID: "app", Admin: tg.admin, DPoP: true}
		_, err = keycloak.JWKS{Client: client}.Register(ctx, selfservice.Credential{Key: ps}, selfservice.Credential{Key: es})
		require.ErrorIs(t, err, admin.ErrAlgorithm)
		assert.Contains(t, err.Error(), "not allowed signature algorithm")
		after, err := tg.admin.Client(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, before.Attributes, after.Attributes)
		assert.True(t, tg.proves("app", ps))

		_, err = keycloak.JWKS{Client: client, AllowGap: true}.Register(ctx, selfservice.Credential{Key: ps}, selfservice.Credential{Key: es})
		require.NoError(t, err)
		assert.True(t, tg.proves("app", es))
		assert.False(t, tg.proves("app", ps), "a cut")
		require.NoError(t, keycloak.JWKS{Client: client}.Remove(ctx, selfservice.Credential{Key: es}, selfservice.Registration{Fingerprint: ps.Thumbprint()}))
		assert.True(t, tg.proves("app", es))
	})
}

// TestAnotherAlgorithmWithoutAPolicy checks that a client's algorithm, if it was
// set, is unset while both keys work.
func TestAnotherAlgorithmWithoutAPolicy(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		for name, pinned := range map[string]string{"free": "", "pinned": "RS256"} {
			old, next := rsaKey(), newKey(t)
			id := tg.byHand(name, old)
			tg.rest(http.MethodPut, tg.path("clients", id), map[string]any{"attributes": map[string]string{"token.endpoint.auth.signing.alg": pinned}})
			client := &keycloak.Client{Realm: tg.realm, ClientID: name, Admin: tg.admin}
			made := func(t *testing.T) *selfservice.Rotator {
				r := &selfservice.Rotator{Provider: keycloak.JWKS{Client: client}, Store: &selfservice.Mem{}, Timing: tg.short(), New: toKey(next)}
				require.NoError(t, r.Adopt(ctx, selfservice.Credential{Key: old}))
				return r
			}
			r := made(t)
			require.NoError(t, r.Rotate(ctx))
			assert.True(t, tg.acceptsKey(name, old), name)
			assert.True(t, tg.acceptsKey(name, next), name)
			require.NoError(t, tg.admin.RemoveKey(ctx, id, old.Thumbprint()))
			assert.True(t, tg.acceptsKey(name, next), name)
			info, err := tg.admin.Client(ctx, id)
			require.NoError(t, err)
			assert.Empty(t, info.Attributes["token.endpoint.auth.signing.alg"], name)
		}
		id := tg.byHand("same", newKey(t))
		tg.rest(http.MethodPut, tg.path("clients", id), map[string]any{"attributes": map[string]string{"token.endpoint.auth.signing.alg": "ES256"}})
		require.NoError(t, tg.admin.AddKey(ctx, id, newKey(t).PublicKey()))
		info, err := tg.admin.Client(ctx, id)
		require.NoError(t, err)
		assert.Equal(t, "ES256", info.Attributes["token.endpoint.auth.signing.alg"], "what fits all keys stays")
	})
}

// toKey makes a Rotator rotate to the given key.
func toKey(k *keys.Key) func(context.Context, selfservice.Credential) (selfservice.Credential, error) {
	return func(context.Context, selfservice.Credential) (selfservice.Credential, error) {
		return selfservice.Credential{Key: k}, nil
	}
}

// TestCertificatesUnderFAPI changes the algorithm, too. The keys that the server
// makes are RSA keys, which can sign in several ways.
func TestCertificatesUnderFAPI(t *testing.T) {
	underFAPI(t, func(tg *target, bind func()) {
		t, ctx := tg.t, tg.t.Context()
		one := newKey(t)
		id := tg.byHand("app", one)
		bind()
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{}))
		ec := certified(t, keys.ES384)
		require.NoError(t, tg.admin.Upload(ctx, id, certificateFile(ec)))
		assert.True(t, tg.proves("app", ec))
		generated, err := tg.admin.GenerateKey(ctx, id)
		require.NoError(t, err)
		assert.True(t, tg.proves("app", generated), "as it is returned")
		cut := keycloak.Certificate{Client: &keycloak.Client{Realm: tg.realm, ClientID: "app", Admin: tg.admin, DPoP: true}}
		like, err := rsaKey().With(keys.Options{Algorithm: generated.Algorithm()}) // smaller than the server's keys
		require.NoError(t, err)
		made, err := cut.Make(ctx, selfservice.Credential{Key: like})
		require.NoError(t, err)
		_, err = cut.Register(ctx, selfservice.Credential{Key: generated}, made)
		require.NoError(t, err)
		assert.True(t, tg.proves("app", made.Key))
		back := certified(t, keys.ES256)
		_, err = cut.Register(ctx, made, selfservice.Credential{Key: back})
		require.NoError(t, err)
		assert.True(t, tg.proves("app", back))

		forbidden := withCertificate(t, rsaKey())
		_, err = cut.Register(ctx, made, selfservice.Credential{Key: forbidden})
		require.ErrorIs(t, err, admin.ErrAlgorithm)
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{}))
		assert.True(t, tg.proves("app", back), "a refusal changes nothing")
		assert.Equal(t, certs.KeyID(back.PublicKey()), back.KeyID())
	})
}

// TestKeysByARegistrationAccessTokenUnderFAPI checks that RFC 7592 updates pass
// the same policies.
func TestKeysByARegistrationAccessTokenUnderFAPI(t *testing.T) {
	underFAPI(t, func(tg *target, bind func()) {
		t, ctx := tg.t, tg.t.Context()
		one, two := newKey(t), newKey(t)
		id := tg.byHand("app", one)
		bind()
		registered, _ := tg.registered(id, false)
		provider := registered.Keys()
		_, err := provider.(selfservice.Registrar).Register(ctx, selfservice.Credential{Key: one}, selfservice.Credential{Key: two})
		require.NoError(t, err)
		assert.True(t, tg.proves("app", one))
		assert.True(t, tg.proves("app", two))
		require.NoError(t, provider.(selfservice.Remover).Remove(ctx, selfservice.Credential{Key: two}, selfservice.Registration{Fingerprint: one.Thumbprint()}))
		assert.True(t, tg.proves("app", two))
	})
}

// TestKeysRotateUnderFAPIBesideRequests rotates through an administrator, and
// through the client itself. Under the policy the client's tokens carry only the
// roles in its scope.
func TestKeysRotateUnderFAPIBesideRequests(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		if tg.old() {
			t.Skip("26.0 has no profile for DPoP")
		}
		rotators := map[string]*selfservice.Rotator{}
		for _, name := range []string{"managed", "itself"} {
			client := &keycloak.Client{Realm: tg.realm, ClientID: name, DPoP: true}
			key := newKey(t)
			tg.byHand(name, key)
			if name == "managed" {
				client.Admin = tg.admin
			} else {
				tg.grant(name, "manage-clients")
				tg.scopeRole(name, "manage-clients")
			}
			r := &selfservice.Rotator{Provider: keycloak.JWKS{Client: client}, Store: &selfservice.Mem{}, Timing: tg.short()}
			require.NoError(t, r.Adopt(ctx, selfservice.Credential{Key: key}))
			rotators[name] = r
		}
		require.NoError(t, tg.admin.PutPolicy(ctx, admin.Policy{Name: "fapi", AccessTypes: []string{"confidential"}, Profiles: []string{"fapi-2-dpop-security-profile"}}))
		for name, r := range rotators {
			l := load.Start(1, tg.pause(), func() *assertion.TokenSource {
				return tg.realm.Tokens(tg.realm.Signer(name, r), &dpop.Prover{})
			})
			for range tg.times(6) {
				require.NoError(t, r.Rotate(ctx))
				for st, err := r.Status(ctx); len(st.Retiring) > 0; st, err = r.Status(ctx) {
					require.NoError(t, err)
					next, err := r.Step(ctx)
					require.NoError(t, err)
					time.Sleep(time.Until(next))
				}
			}
			l.Stop(t, name+" under FAPI")
		}
	})
}
