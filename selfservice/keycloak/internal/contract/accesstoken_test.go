package contract_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/access"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOthersCanCheckTheTokens checks that a resource server that knows only the
// issuer can find the keys and verify an access token with them, or ask the
// userinfo endpoint.
func TestOthersCanCheckTheTokens(t *testing.T) {
	each(t, func(tg *target) {
		_, secret := tg.client("app", map[string]any{"attributes": map[string]string{"access.token.header.type.rfc9068": "true"}})
		issuer := tg.realm.Server + "/realms/" + tg.realm.Name
		var meta map[string]any
		tg.get(issuer+"/.well-known/openid-configuration", "", http.StatusOK, &meta)
		for _, name := range []string{"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"} {
			assert.True(tg.t, strings.HasPrefix(meta[name].(string), issuer), name)
		}
		for _, name := range []string{"response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported"} {
			assert.NotEmpty(tg.t, meta[name], name)
		}

		tokens := &assertion.TokenSource{
			Endpoint: meta["token_endpoint"].(string), Scopes: []string{"openid"},
			Auth: &assertion.Basic{ClientID: "app", Secret: secret}, Prover: &dpop.Prover{},
		}
		token, err := tokens.Token(tg.t.Context())
		require.NoError(tg.t, err)
		assert.Contains(tg.t, token.Scopes, "openid")
		var set jose.JSONWebKeySet
		tg.get(meta["jwks_uri"].(string), "", http.StatusOK, &set)
		jws, err := jose.ParseSignedCompact(token.AccessToken.Reveal(), []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
		require.NoError(tg.t, err)
		payload, err := jws.Verify(set)
		require.NoError(tg.t, err)
		if !tg.old() { // 26.0 does not know the attribute
			assert.Equal(tg.t, "at+jwt", jws.Signatures[0].Protected.ExtraHeaders[jose.HeaderType])
		}
		var claims struct {
			Issuer   string `json:"iss"`
			Audience string `json:"aud"`
			Subject  string `json:"sub"`
			ID       string `json:"jti"`
			Client   string `json:"client_id"`
			Party    string `json:"azp"`
			Type     string `json:"typ"`
			Issued   int64  `json:"iat"`
			Expires  int64  `json:"exp"`
			Bound    struct {
				Thumbprint string `json:"jkt"`
			} `json:"cnf"`
		}
		require.NoError(tg.t, json.Unmarshal(payload, &claims))
		assert.Equal(tg.t, []string{issuer, "account", "app", "app", "DPoP"}, []string{claims.Issuer, claims.Audience, claims.Client, claims.Party, claims.Type})
		assert.NotEmpty(tg.t, claims.Subject)
		assert.NotEmpty(tg.t, claims.ID)
		assert.Equal(tg.t, token.Key.Thumbprint(), claims.Bound.Thumbprint)
		assert.Greater(tg.t, claims.Expires, claims.Issued)

		var user struct {
			Subject string `json:"sub"`
			Name    string `json:"preferred_username"`
		}
		address := meta["userinfo_endpoint"].(string)
		api := &http.Client{Transport: &dpop.Transport{Tokens: tokens}}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			req, err := http.NewRequestWithContext(tg.t.Context(), method, address, nil)
			require.NoError(tg.t, err)
			resp, err := api.Do(req)
			require.NoError(tg.t, err)
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			require.NoError(tg.t, err)
			require.Equal(tg.t, http.StatusOK, resp.StatusCode, method)
			require.NoError(tg.t, json.Unmarshal(body, &user))
			assert.Equal(tg.t, claims.Subject, user.Subject)
			assert.Equal(tg.t, "service-account-app", user.Name)
		}

		bearer := func(scopes ...string) string {
			source := &assertion.TokenSource{Endpoint: tokens.Endpoint, Auth: tokens.Auth, Scopes: scopes}
			token, err := source.Token(tg.t.Context())
			require.NoError(tg.t, err)
			return token.AccessToken.Reveal()
		}
		tg.get(address, "Bearer "+bearer("openid"), http.StatusOK, &user)
		challenge := tg.get(address, "Bearer "+bearer(), http.StatusForbidden, nil)
		assert.Contains(tg.t, challenge, `error="insufficient_scope"`)
		challenge = tg.get(address, "Bearer "+token.AccessToken.Reveal(), http.StatusUnauthorized, nil)
		assert.Contains(tg.t, challenge, `error="invalid_token"`, "a bound token without a proof")
		challenge = tg.get(address, "Bearer x", http.StatusUnauthorized, nil)
		assert.Contains(tg.t, challenge, `error="invalid_token"`)
		challenge = tg.get(address, "", http.StatusUnauthorized, nil)
		assert.Equal(tg.t, `Bearer realm="`+tg.realm.Name+`"`, challenge)

		for _, scope := range []string{"nonsense", "openid nonsense"} {
			source := &assertion.TokenSource{Endpoint: tokens.Endpoint, Auth: tokens.Auth, Scopes: []string{scope}}
			_, err := source.Token(tg.t.Context())
			var refused *assertion.Error
			require.ErrorAs(tg.t, err, &refused)
			assert.Equal(tg.t, "invalid_scope", refused.Code)
		}
	})
}

// TestTokensForAnAPI has tokens with an audience and a scope of their own, and
// checks them as the API does: by the issuer, of Keycloak's own type.
func TestTokensForAnAPI(t *testing.T) {
	each(t, func(tg *target) {
		_, secret := tg.client("app", nil)
		tg.audience("app", "https://api.example.no")
		tg.scope("app", "nhn:patients/read", "nhn:patients")
		issuer := tg.realm.Server + "/realms/" + tg.realm.Name
		for scope, want := range map[string]struct{ audiences, scopes []string }{
			"":                         {[]string{"https://api.example.no", "account"}, nil},
			"nhn:patients/read":        {[]string{"nhn:patients", "https://api.example.no", "account"}, []string{"nhn:patients/read"}},
			"openid nhn:patients/read": {[]string{"nhn:patients", "https://api.example.no", "account"}, []string{"nhn:patients/read", "openid"}},
		} {
			tokens := tg.realm.Tokens(&assertion.Basic{ClientID: "app", Secret: secret}, nil)
			tokens.Scopes = strings.Fields(scope)
			token, err := tokens.Token(tg.t.Context())
			require.NoError(tg.t, err, scope)
			api := &access.Verifier{Issuer: issuer, Audiences: []string{want.audiences[0]}, PlainType: true}
			checked, err := api.Token(tg.t.Context(), token.AccessToken.Reveal())
			require.NoError(tg.t, err, scope)
			assert.ElementsMatch(tg.t, want.audiences, checked.Audience, scope)
			assert.ElementsMatch(tg.t, append(want.scopes, "profile", "email"), checked.Scopes, scope)
			api = &access.Verifier{Issuer: issuer, Audiences: []string{"nhn:others"}, PlainType: true}
			_, err = api.Token(tg.t.Context(), token.AccessToken.Reveal())
			require.ErrorIs(tg.t, err, access.ErrAudience)
		}
		_, secret = tg.client("stranger", nil)
		tokens := tg.realm.Tokens(&assertion.Basic{ClientID: "stranger", Secret: secret}, nil)
		tokens.Scopes = []string{"nhn:patients/read"}
		_, err := tokens.Token(tg.t.Context())
		var refused *assertion.Error
		require.ErrorAs(tg.t, err, &refused)
		assert.Equal(tg.t, "invalid_scope", refused.Code, "it is not assigned to this client")
	})
}

// get makes a request without the package under test, decodes any JSON in the
// response and returns the challenge.
func (tg *target) get(address, authorization string, status int, answer any) (challenge string) {
	tg.t.Helper()
	req, err := http.NewRequestWithContext(tg.t.Context(), http.MethodGet, address, nil)
	require.NoError(tg.t, err)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(tg.t, err)
	defer resp.Body.Close()
	require.Equal(tg.t, status, resp.StatusCode, address)
	if answer != nil {
		require.NoError(tg.t, json.NewDecoder(resp.Body).Decode(answer))
	}
	return resp.Header.Get("WWW-Authenticate")
}
