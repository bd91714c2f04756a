package contract_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAClientIsMadeConfidential(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		for name, what := range map[string]string{"public": "publicClient", "bearer": "bearerOnly"} {
			id, _ := tg.client(name, map[string]any{what: true, "serviceAccountsEnabled": false})
			require.ErrorIs(t, tg.admin.UpdateClient(ctx, id, admin.Change{ServiceAccount: true}), admin.ErrMode)
			require.ErrorIs(t, tg.admin.SetKeys(ctx, id, set(newKey(t))), admin.ErrMode)
			require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Confidential: true, ServiceAccount: true}))
			secret, err := tg.admin.ClientSecret(ctx, id)
			require.NoError(t, err)
			assert.True(t, tg.acceptsSecret(name, secret))
			require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Confidential: true}), "repeated")
			assert.True(t, tg.acceptsSecret(name, secret))
			key := newKey(t)
			require.NoError(t, tg.admin.SetKeys(ctx, id, set(key)))
			assert.True(t, tg.acceptsKey(name, key))
		}
	})
}

// TestAPolicyByARole applies a policy to some clients as Keycloak's documentation
// does it: by a role that they define.
func TestAPolicyByARole(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		require.NoError(t, tg.admin.PutRotationProfile(ctx, admin.RotationProfile{Name: "rotation", Expiration: day, Rotated: time.Hour}))
		require.NoError(t, tg.admin.PutPolicy(ctx, admin.Policy{Name: "rotate", Roles: []string{"rotates secrets/weekly"}, Profiles: []string{"rotation"}}))
		id, _ := tg.client("app", nil)
		overlap := func() bool {
			t.Helper()
			has, err := tg.admin.Overlap(ctx, id)
			require.NoError(t, err)
			return has
		}
		assert.False(t, overlap())
		require.ErrorIs(t, tg.admin.DefineRole(ctx, id, ""), admin.ErrConfig)
		require.NoError(t, tg.admin.DefineRole(ctx, id, "rotates secrets/weekly"))
		require.NoError(t, tg.admin.DefineRole(ctx, id, "rotates secrets/weekly"), "repeated")
		assert.True(t, overlap())

		before := tg.rest(http.MethodGet, tg.path("client-policies/policies"), nil).(map[string]any)["policies"].([]any)[0].(map[string]any)
		require.NoError(t, tg.admin.SetPolicyEnabled(ctx, "rotate", false))
		assert.False(t, overlap())
		require.NoError(t, tg.admin.SetPolicyEnabled(ctx, "rotate", true))
		assert.True(t, overlap())
		after := tg.rest(http.MethodGet, tg.path("client-policies/policies"), nil).(map[string]any)["policies"].([]any)[0]
		assert.Equal(t, before, after)
		require.ErrorIs(t, tg.admin.SetPolicyEnabled(ctx, "another", true), admin.ErrNotFound)
		require.ErrorIs(t, tg.admin.DefineRole(ctx, "no-such-client", "role"), admin.ErrNotFound)
	})
}

func TestAJWKSURLIsOneThatCanBeFetched(t *testing.T) {
	each(t, func(tg *target) {
		id, _ := tg.client("app", nil)
		for _, address := range []string{"https://example.no/jwks.json?a=b", "http://127.0.0.1:1/jwks.json", "http://localhost/jwks.json"} {
			require.NoError(tg.t, tg.admin.SetJWKSURL(tg.t.Context(), id, address))
			info, err := tg.admin.Client(tg.t.Context(), id)
			require.NoError(tg.t, err)
			assert.Equal(tg.t, address, info.Attributes["jwks.url"])
		}
	})
}

// TestNoCallChangesMoreThanItSays uses a client in which everything is set.
func TestNoCallChangesMoreThanItSays(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		one, two := newKey(t), newKey(t)
		id, _ := tg.client("app", map[string]any{
			"name": "Name", "description": "of it", "rootUrl": "https://example.no", "baseUrl": "/app", "adminUrl": "https://example.no/admin",
			"redirectUris": []string{"https://example.no/a", "https://example.no/b"}, "webOrigins": []string{"https://example.no", "+"},
			"standardFlowEnabled": true, "implicitFlowEnabled": true, "directAccessGrantsEnabled": true, "consentRequired": true, "fullScopeAllowed": false,
			"frontchannelLogout": true, "surrogateAuthRequired": false, "alwaysDisplayInConsole": true, "authorizationServicesEnabled": true,
			"notBefore": 7, "nodeReRegistrationTimeout": 60, "optionalClientScopes": []string{"phone"}, "defaultClientScopes": []string{"email"},
			"authenticationFlowBindingOverrides": map[string]string{},
			"attributes": map[string]string{
				"access.token.lifespan": "77", "post.logout.redirect.uris": "+", "dpop.bound.access.tokens": "false", "access.token.signed.response.alg": "PS256",
				"tls.client.certificate.bound.access.tokens": "false", "pkce.code.challenge.method": "S256", "mine": "1",
			},
			"protocolMappers": []any{map[string]any{"name": "m", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper", "config": map[string]string{"claim.name": "c", "claim.value": "v"}}},
		})
		read := func() map[string]any { return tg.whole(id) }
		keysAre := []string{"use.jwks.string", "jwks.string", "use.jwks.url", "jwks.url", "jwt.credential.certificate"}
		for _, step := range []struct {
			name       string
			call       func() error
			attributes []string // the attributes it may change
			method     admin.Method
		}{
			{"nothing", func() error { return tg.admin.UpdateClient(ctx, id, admin.Change{}) }, nil, admin.MethodSecret},
			{"overlap", func() error { _, err := tg.admin.Overlap(ctx, id); return err }, nil, admin.MethodSecret},
			{"an attribute", func() error {
				return tg.admin.UpdateClient(ctx, id, admin.Change{Attributes: map[string]string{"mine": "2"}})
			}, []string{"mine"}, admin.MethodSecret},
			{"set keys", func() error { return tg.admin.SetKeys(ctx, id, set(one)) }, keysAre, admin.MethodSignedJWT},
			{"add a key", func() error { return tg.admin.AddKey(ctx, id, two.PublicKey()) }, keysAre, admin.MethodSignedJWT},
			{"remove a key", func() error { return tg.admin.RemoveKey(ctx, id, one.Thumbprint()) }, keysAre, admin.MethodSignedJWT},
			{"a certificate", func() error { return tg.admin.Upload(ctx, id, certificateFile(certified(t, keys.ES256))) }, keysAre, admin.MethodSignedJWT},
			{"a JWKS URL", func() error { return tg.admin.SetJWKSURL(ctx, id, "https://example.no/jwks.json") }, keysAre, admin.MethodSignedJWT},
			{"a subject", func() error {
				return tg.admin.SetCertificateSubject(ctx, id, certified(t, keys.ES256).Certificates()[0])
			}, []string{"x509.subjectdn", "x509.allow.regex.pattern.comparison"}, admin.MethodX509},
			{"a secret", func() error {
				return tg.admin.UpdateClient(ctx, id, admin.Change{Method: admin.MethodSecret, Secret: firstSecret()})
			}, nil, admin.MethodSecret},
			{"confidential", func() error {
				return tg.admin.UpdateClient(ctx, id, admin.Change{Confidential: true, ServiceAccount: true})
			}, nil, admin.MethodSecret},
		} {
			before := read()
			require.NoError(t, step.call(), step.name)
			after := read()
			assert.EqualValues(t, step.method, after["clientAuthenticatorType"], step.name)
			for _, whole := range []map[string]any{before, after} {
				delete(whole, "clientAuthenticatorType")
				delete(whole, "secret")
				for _, name := range append(step.attributes, "client.secret.creation.time") {
					delete(whole["attributes"].(map[string]any), name)
				}
			}
			assert.Equal(t, before, after, step.name)
		}
	})
}
