package contract_test

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// refused is a response of the token endpoint. If it is a token, only the status
// is set.
type refused struct {
	status            int
	code, description string
}

// askToken makes a token request without the package under test.
func (tg *target) askToken(form url.Values, proof string) refused {
	tg.t.Helper()
	form.Set("grant_type", "client_credentials")
	return tg.post("token", form, proof)
}

// post sends a form to an OpenID Connect endpoint.
func (tg *target) post(endpoint string, form url.Values, proof string) refused {
	tg.t.Helper()
	req, err := http.NewRequest(http.MethodPost, tg.realm.Server+"/realms/"+tg.realm.Name+"/protocol/openid-connect/"+endpoint, strings.NewReader(form.Encode()))
	require.NoError(tg.t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if proof != "" {
		req.Header.Set("DPoP", proof)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(tg.t, err)
	defer resp.Body.Close()
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	require.NoError(tg.t, json.NewDecoder(resp.Body).Decode(&body))
	return refused{resp.StatusCode, body.Error, body.Description}
}

// TestWhoMayIntrospect shows the answers that Client.Verify tells apart for a
// client without a service account.
func TestWhoMayIntrospect(t *testing.T) {
	each(t, func(tg *target) {
		t := tg.t
		plain := func(more map[string]any) map[string]any {
			more["serviceAccountsEnabled"] = false
			return more
		}
		_, secret := tg.client("web", plain(map[string]any{}))
		_, off := tg.client("off", plain(map[string]any{"enabled": false}))
		_, signs := tg.client("signs", plain(map[string]any{"clientAuthenticatorType": "client-jwt"}))
		tg.client("public", plain(map[string]any{"publicClient": true}))
		ask := func(id, secret string) refused {
			form := url.Values{"token": {"none"}, "client_id": {id}}
			if secret != "" {
				form.Set("client_secret", secret)
			}
			got := tg.post("token/introspect", form, "")
			got.description = ""
			return got
		}
		wrong, method := refused{status: 401, code: "invalid_client"}, refused{status: 400, code: "invalid_client"}
		if tg.old() {
			wrong = refused{status: 401, code: "invalid_request"}
			method = wrong
		}
		assert.Equal(t, refused{status: 200}, ask("web", secret.Reveal()))
		assert.Equal(t, wrong, ask("web", "wrong"))
		assert.Equal(t, wrong, ask("web", ""))
		assert.Equal(t, wrong, ask("nobody", "wrong"))
		assert.Equal(t, wrong, ask("off", off.Reveal()))
		assert.Equal(t, method, ask("signs", signs.Reveal()))
		assert.Equal(t, refused{status: 403, code: "invalid_request"}, ask("public", ""))
	})
}

// TestRulesOfAssertions shows the rules behind assertion.Signer: the issuer as the
// only audience, which 26.2 and later require, and "jti", "iat" and a near "exp".
func TestRulesOfAssertions(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		key := newKey(t)
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(key)))
		issuer := tg.realm.Server + "/realms/" + tg.realm.Name
		at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
		sign := func(key *keys.Key, kid, typ string, change map[string]any) url.Values {
			claims := map[string]any{"iss": "app", "sub": "app", "aud": issuer, "jti": rand.Text(), "iat": at(0), "exp": at(30 * time.Second)}
			for name, value := range change {
				if claims[name] = value; value == nil {
					delete(claims, name)
				}
			}
			payload, err := json.Marshal(claims)
			require.NoError(t, err)
			key, err = key.With(keys.Options{KeyID: kid})
			require.NoError(t, err)
			jws, err := key.Sign(ctx, keys.Header{Type: typ}, payload)
			require.NoError(t, err)
			return url.Values{"client_assertion_type": {assertion.AssertionType}, "client_assertion": {jws}}
		}
		const ok, bad = http.StatusOK, http.StatusBadRequest
		for name, test := range map[string]struct {
			change    map[string]any
			want, old int
			says      string // from 26.1 on
		}{
			"the issuer":                       {nil, ok, ok, ""},
			"the issuer in a list":             {map[string]any{"aud": []string{issuer}}, ok, ok, ""},
			"the token endpoint":               {map[string]any{"aud": issuer + "/protocol/openid-connect/token"}, ok, ok, ""},
			"two audiences":                    {map[string]any{"aud": []string{issuer, issuer + "/protocol/openid-connect/token"}}, bad, ok, "Multiple audiences not allowed"},
			"another server":                   {map[string]any{"aud": "https://example.com"}, bad, bad, ""},
			"no exp":                           {map[string]any{"exp": nil}, bad, ok, ""},
			"no jti":                           {map[string]any{"jti": nil}, bad, bad, ""},
			"no iat":                           {map[string]any{"iat": nil}, ok, ok, ""},
			"issued 12 s ahead":                {map[string]any{"iat": at(12 * time.Second)}, ok, ok, ""},
			"issued 45 s ahead":                {map[string]any{"iat": at(45 * time.Second)}, bad, ok, "Token was issued in the future"},
			"issued 70 s ago":                  {map[string]any{"iat": at(-70 * time.Second)}, bad, ok, ""},
			"a client that does not exist":     {map[string]any{"iss": "nobody", "sub": "nobody"}, http.StatusUnauthorized, http.StatusUnauthorized, ""},
			"ended, not counting 15 s of skew": {map[string]any{"iat": at(-30 * time.Second), "exp": at(-20 * time.Second)}, bad, bad, ""},
		} {
			want := test.want
			if tg.old() {
				want = test.old
			}
			got := tg.askToken(sign(key, key.KeyID(), "client-authentication+jwt", test.change), "")
			assert.Equal(t, want, got.status, "%s: %v", name, got)
			if want == bad {
				assert.Equal(t, "invalid_client", got.code, name)
			}
			if !tg.old() && test.says != "" {
				assert.Equal(t, test.says, got.description)
			}
		}
		assert.Equal(t, ok, tg.askToken(sign(key, key.KeyID(), "JWT", nil), "").status, "typ is not looked at")
		once := sign(key, key.KeyID(), "JWT", nil)
		assert.Equal(t, ok, tg.askToken(once, "").status)
		assert.Equal(t, bad, tg.askToken(once, "").status, "a retry needs a new one")
		assert.Contains(t, tg.askToken(sign(newKey(t), key.KeyID(), "JWT", nil), "").description, "Signature on JWT token failed validation")
		assert.Contains(t, tg.askToken(sign(key, "unknown", "JWT", nil), "").description, "Unable to load public key")
	})
}

// TestRulesOfProofs checks the rules for DPoP proofs at the token endpoint and at
// the Admin REST API.
func TestRulesOfProofs(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, secret := tg.client("app", nil)
		tg.grant("app", "view-clients")
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Attributes: map[string]string{"dpop.bound.access.tokens": "true"}}))
		key := newKey(t)
		endpoint := tg.realm.Server + "/realms/" + tg.realm.Name + "/protocol/openid-connect/token"
		prove := func(p dpop.Proof) string {
			proof, err := dpop.Sign(ctx, key, p)
			require.NoError(t, err)
			return proof
		}
		ask := func(proof string) refused {
			return tg.askToken(url.Values{"client_id": {"app"}, "client_secret": {secret.Reveal()}}, proof)
		}
		good := prove(dpop.Proof{Method: http.MethodPost, URL: endpoint})
		assert.Equal(t, http.StatusOK, ask(good).status)
		code := "invalid_request"
		if tg.old() {
			code = "invalid_dpop_proof"
		}
		for name, proof := range map[string]string{
			"none":          "",
			"used before":   good,
			"of GET":        prove(dpop.Proof{URL: endpoint}),
			"of another":    prove(dpop.Proof{Method: http.MethodPost, URL: endpoint + "/introspect"}),
			"30 s old":      prove(dpop.Proof{Method: http.MethodPost, URL: endpoint, IssuedAt: time.Now().Add(-30 * time.Second)}),
			"45 s too soon": prove(dpop.Proof{Method: http.MethodPost, URL: endpoint, IssuedAt: time.Now().Add(45 * time.Second)}),
		} {
			got := ask(proof)
			assert.Equal(t, http.StatusBadRequest, got.status, name)
			assert.Equal(t, code, got.code, name)
		}

		token, err := tg.realm.Tokens(&assertion.Post{ClientID: "app", Secret: secret}, &dpop.Prover{}).Token(ctx)
		require.NoError(t, err)
		key = token.Key
		address := tg.realm.Server + tg.path("clients", id)
		read := func(proof string) int {
			req, err := http.NewRequest(http.MethodGet, address, nil)
			require.NoError(t, err)
			req.Header.Set("Authorization", "DPoP "+token.AccessToken.Reveal())
			req.Header.Set("DPoP", proof)
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			resp.Body.Close()
			return resp.StatusCode
		}
		assert.Equal(t, http.StatusOK, read(prove(dpop.Proof{URL: address, AccessToken: token.AccessToken})))
		if !tg.old() { // 26.0 ignores the binding
			assert.Equal(t, http.StatusUnauthorized, read(prove(dpop.Proof{URL: address})), "a proof for no token")
		}
	})
}
