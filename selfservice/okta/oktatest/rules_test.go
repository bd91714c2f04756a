package oktatest_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// raw makes requests as an administrator, without package okta.
type raw struct {
	t *testing.T
	s *oktatest.Server
}

func (r raw) do(method, path, body string) (status int, answer map[string]any, text string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.s.URL+path, strings.NewReader(body))
	require.NoError(r.t, err)
	req.Header.Set("Authorization", "SSWS "+oktatest.APIToken)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	json.Unmarshal(all, &answer)
	return resp.StatusCode, answer, string(all)
}

// refused checks the three parts of an error by which Okta says what is wrong.
func (r raw) refused(method, path, body string, status int, code, summary, cause string) {
	r.t.Helper()
	got, answer, text := r.do(method, path, body)
	require.Equal(r.t, status, got, text)
	assert.Equal(r.t, code, answer["errorCode"])
	assert.Contains(r.t, answer["errorSummary"], summary)
	if cause != "" {
		assert.Contains(r.t, answer["errorCauses"].([]any)[0].(map[string]any)["errorSummary"], cause)
	}
}

func jwk(t *testing.T, key *keys.Key, change map[string]any) string {
	var members map[string]any
	require.NoError(t, json.Unmarshal(key.PublicKey().JWK(), &members))
	for name, v := range change {
		if v == nil {
			delete(members, name)
			continue
		}
		members[name] = v
	}
	text, err := json.Marshal(members)
	require.NoError(t, err)
	return string(text)
}

func TestRulesOfSecrets(t *testing.T) {
	r := raw{t, oktatest.Start(t)}
	id := r.s.AddApp(oktatest.App{})
	path := "/api/v1/apps/" + id + "/credentials/secrets"
	const invalid = "E0000001"
	secret := func(value string) string { return `{"client_secret":"` + value + `"}` }
	r.refused("POST", path, secret("too short"), 400, invalid, "Api validation failed: client_secret", "at least '14'")
	r.refused("POST", path, secret(strings.Repeat("x", 101)), 400, invalid, "client_secret", "more than '100'")
	r.refused("POST", path, secret("a secret with an æ in it"), 400, invalid, "client_secret", "printable ASCII")
	r.refused("POST", path, `{"client_secret":`, 400, "E0000003", "not well-formed", "")
	r.refused("POST", path, `{"status":"OFF"}`, 400, invalid, "", "status")
	_, _, list := r.do("GET", path, "")
	var all []map[string]any
	require.NoError(t, json.Unmarshal([]byte(list), &all))
	first := all[0]["id"].(string)
	assert.Len(t, all[0]["client_secret"], 64)
	r.refused("DELETE", path+"/"+first, "", 400, invalid, "OAuth2ClientSecretMediated", "You can't delete an active client secret.")
	r.refused("POST", path+"/"+first+"/lifecycle/deactivate", "", 400, invalid, "OAuth2ClientSecretMediated", "only active client secret")
	r.refused("POST", path, secret(all[0]["client_secret"].(string)), 400, invalid, "", "unique")

	status, second, _ := r.do("POST", path, `{"client_secret":"a-second-secret-of-the-app","status":"INACTIVE"}`)
	require.Equal(t, 201, status)
	assert.Equal(t, "INACTIVE", second["status"])
	assert.Contains(t, second["_links"], "activate")
	r.refused("POST", path+"/"+first+"/lifecycle/deactivate", "", 400, invalid, "", "only active client secret")
	r.refused("POST", path, "", 400, invalid, "OAuth2ClientSecretMediated", "You've reached the maximum number of client secrets per client.")
	r.s.Doubts.OldWords = true
	r.refused("POST", path, "{}", 400, invalid, "OAuth2ClientSecretMediated", "You have reached the maximum")
	r.refused("GET", path+"/ocsnone", "", 404, "E0000007", "Not found: Resource not found: ocsnone (OAuth2ClientSecretMediated)", "")
	r.refused("GET", "/api/v1/apps/0oanone/credentials/secrets", "", 404, "E0000007", "0oanone", "")
	r.refused("GET", "/api/v1/nothing", "", 404, "E0000008", "", "")

	jwt := r.s.AddApp(oktatest.App{Method: okta.MethodSecretJWT})
	r.refused("POST", "/api/v1/apps/"+jwt+"/credentials/secrets", secret("shorter-than-32-characters"), 400, invalid, "client_secret", "at least '32'")
	for _, in := range []oktatest.App{{Keys: []*keys.PublicKey{newKey(t).PublicKey()}}, {Method: okta.MethodNone}} {
		r.refused("POST", "/api/v1/apps/"+r.s.AddApp(in)+"/credentials/secrets", "{}", 400, invalid, "client_secret", "can't be used when")
	}
	// Whether an inactive one can be deactivated is a doubt.
	inactive := path + "/" + second["id"].(string) + "/lifecycle/deactivate"
	status, _, _ = r.do("POST", inactive, "")
	assert.Equal(t, 200, status)
	r.s.Doubts.NoRepeat = true
	r.refused("POST", inactive, "", 400, invalid, "", "already")
	r.refused("POST", path+"/"+first+"/lifecycle/activate", "", 400, invalid, "", "already")
}

func TestRulesOfKeys(t *testing.T) {
	r := raw{t, oktatest.Start(t)}
	first := newKey(t)
	id := r.s.AddApp(oktatest.App{Keys: []*keys.PublicKey{first.PublicKey()}})
	path := "/api/v1/apps/" + id + "/credentials/jwks"
	const invalid = "E0000001"
	_, set, _ := r.do("GET", path, "")
	one := set["keys"].([]any)[0].(map[string]any)["id"].(string)
	r.refused("POST", path, jwk(t, newKey(t), map[string]any{"kid": first.KeyID()}), 400, invalid, "JsonWebKey", "unique `kid`")
	r.refused("POST", path, jwk(t, newKey(t), map[string]any{"kid": nil}), 400, invalid, "JsonWebKey", "Each key should have a unique kid")
	small := base64.RawURLEncoding.EncodeToString(append([]byte{0xb1}, make([]byte, 127)...))
	r.refused("POST", path, `{"kty":"RSA","kid":"small","use":"sig","e":"AQAB","n":"`+small+`"}`, 400, invalid, "JsonWebKey", "less than '2,048' bits")
	r.refused("POST", path, jwk(t, newKey(t), map[string]any{"d": "AAAA"}), 400, invalid, "JsonWebKey", "private key")
	r.refused("POST", path, jwk(t, newKey(t), map[string]any{"use": "enc"}), 400, invalid, "JsonWebKey", "enc for RSA")
	r.refused("POST", path, jwk(t, newKey(t), map[string]any{"x": "AAAA"}), 400, invalid, "JsonWebKey", "invalid")
	r.refused("POST", path, jwk(t, newKey(t), map[string]any{"status": "OFF"}), 400, invalid, "", "status")
	r.refused("POST", path, `[`, 400, "E0000003", "not well-formed", "")
	r.refused("DELETE", path+"/"+one, "", 400, invalid, "JsonWebKey", "You can't delete an active JSON Web Key.")
	r.refused("POST", path+"/"+one+"/lifecycle/deactivate", "", 400, invalid, "JsonWebKey", "only active JSON Web Key")
	r.refused("POST", path+"/pksnone/lifecycle/activate", "", 404, "E0000007", "pksnone (JsonWebKey)", "")

	// Only one key for encryption is active at a time.
	encryption := func(kid string) string {
		key, err := keys.GenerateRSA(keys.RS256, 2048)
		require.NoError(t, err)
		return jwk(t, key, map[string]any{"use": "enc", "kid": kid, "status": "INACTIVE"})
	}
	var ids []string
	for _, kid := range []string{"e1", "e2"} {
		status, added, text := r.do("POST", path, encryption(kid))
		require.Equal(t, 201, status, text)
		assert.NotContains(t, added, "alg")
		ids = append(ids, added["id"].(string))
		status, _, _ = r.do("POST", path+"/"+ids[len(ids)-1]+"/lifecycle/activate", "")
		require.Equal(t, 200, status)
	}
	_, e1, _ := r.do("GET", path+"/"+ids[0], "")
	assert.Equal(t, "INACTIVE", e1["status"])
	r.refused("POST", path+"/"+ids[1]+"/lifecycle/deactivate", "", 400, invalid, "JsonWebKey", "active encryption key")
	r.refused("POST", path, strings.Replace(encryption("e3"), `"INACTIVE"`, `"ACTIVE"`, 1), 400, invalid, "JsonWebKey", "only one active encryption key")
	for range okta.MaxKeys - 3 {
		status, _, text := r.do("POST", path, jwk(t, newKey(t), nil))
		require.Equal(t, 201, status, text)
	}
	r.refused("POST", path, jwk(t, newKey(t), nil), 400, invalid, "JsonWebKey", "maximum number of keys allowed (50)")

	url := r.s.AddApp(oktatest.App{KeysURL: "https://app.example.no/jwks.json"})
	r.refused("POST", "/api/v1/apps/"+url+"/credentials/jwks", jwk(t, newKey(t), nil), 400, invalid, "JsonWebKey", "jwks_uri")
}

// TestPutApp in the ways that are known, and with each doubt.
func TestPutApp(t *testing.T) {
	first := newKey(t)
	start := func(d oktatest.Doubts, in oktatest.App) (raw, string, map[string]any) {
		r := raw{t, oktatest.Start(t)}
		r.s.Doubts = d
		path := "/api/v1/apps/" + r.s.AddApp(in)
		_, app, _ := r.do("GET", path, "")
		return r, path, app
	}
	part := func(app map[string]any, name string) map[string]any {
		return app[name].(map[string]any)["oauthClient"].(map[string]any)
	}
	put := func(r raw, path string, app map[string]any) (int, map[string]any, string) {
		text, err := json.Marshal(app)
		require.NoError(t, err)
		return r.do("PUT", path, string(text))
	}
	withKey := oktatest.App{Keys: []*keys.PublicKey{first.PublicKey()}}

	r, path, app := start(oktatest.Doubts{}, withKey)
	old := part(app, "settings")["jwks"].(map[string]any)["keys"].([]any)[0].(map[string]any)
	_, app, _ = put(r, path, app)
	renewed := part(app, "settings")["jwks"].(map[string]any)["keys"].([]any)[0].(map[string]any)
	assert.NotEqual(t, old["id"], renewed["id"], "the ID that was sent is ignored")
	assert.Equal(t, old["kid"], renewed["kid"])
	delete(renewed, "use")
	_, app, _ = put(r, path, app)
	assert.Nil(t, part(app, "settings")["jwks"].(map[string]any)["keys"].([]any)[0].(map[string]any)["use"], "a member that is not sent is deleted")

	for drops, want := range map[bool]int{false: 200, true: 400} {
		r, path, app = start(oktatest.Doubts{DropsKeys: drops}, withKey)
		delete(part(app, "settings"), "jwks")
		status, _, text := put(r, path, app)
		assert.Equal(t, want, status, text)
		r.s.Doubts.KeysOptional = true
		status, app, _ = put(r, path, app)
		assert.Equal(t, 200, status)
		assert.Equal(t, !drops, part(app, "settings")["jwks"] != nil)
	}
	for over, want := range map[bool]int{false: 400, true: 200} {
		r, path, app = start(oktatest.Doubts{URLOverKeys: over}, withKey)
		part(app, "settings")["jwks_uri"] = "https://app.example.no/jwks.json"
		status, _, text := put(r, path, app)
		assert.Equal(t, want, status, text)
	}
	// A secret that is sent replaces the newest one, or both.
	secrets := func(r raw, path string) (values []string) {
		_, _, text := r.do("GET", path+"/credentials/secrets", "")
		var all []map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &all))
		for _, s := range all {
			values = append(values, s["client_secret"].(string))
		}
		return values
	}
	const a, b, stale = "secret-a-of-the-app-12", "secret-b-of-the-app-12", "secret-of-a-stale-copy"
	for all, want := range map[bool][]string{false: {a, stale}, true: {stale}} {
		r, path, app = start(oktatest.Doubts{SecretReplacesAll: all}, oktatest.App{Secret: keys.NewSecret(a)})
		r.do("POST", path+"/credentials/secrets", `{"client_secret":"`+b+`"}`)
		_, app, _ = put(r, path, app)
		assert.Equal(t, b, part(app, "credentials")["client_secret"], "the answer to a write shows the newest")
		part(app, "credentials")["client_secret"] = stale
		status, _, text := put(r, path, app)
		require.Equal(t, 200, status, text)
		assert.Equal(t, want, secrets(r, path))
	}
	for fresh := range map[bool]bool{false: true, true: true} {
		r, path, app = start(oktatest.Doubts{MethodNewSecret: fresh}, oktatest.App{Secret: keys.NewSecret(a)})
		part(app, "credentials")["token_endpoint_auth_method"] = "client_secret_post"
		put(r, path, app)
		assert.Equal(t, !fresh, secrets(r, path)[0] == a)
	}
	for what, change := range map[string]func(){
		"method":    func() { part(app, "credentials")["token_endpoint_auth_method"] = "password" },
		"client_id": func() { part(app, "credentials")["client_id"] = "another-id" },
		"property":  func() { delete(app, "label") },
		"ASCII":     func() { part(app, "credentials")["client_secret"] = "a secret with an æ" },
		"private_key_jwt": func() {
			part(app, "credentials")["client_secret"] = a
			part(app, "credentials")["token_endpoint_auth_method"] = "private_key_jwt"
			part(app, "settings")["jwks_uri"] = "https://app.example.no/jwks.json"
		},
	} {
		r, path, app = start(oktatest.Doubts{}, oktatest.App{Secret: keys.NewSecret(a)})
		change()
		text, err := json.Marshal(app)
		require.NoError(t, err)
		r.refused("PUT", path, string(text), 400, "E0000001", "", what)
	}
	r.refused("PUT", path, "{", 400, "E0000003", "", "")
}

func TestEmptyLists(t *testing.T) {
	for _, d := range []oktatest.Doubts{{}, {EmptyBody: true}, {EmptyObject: true}, {ArrayOfKeys: true}, {WrappedKeys: true}} {
		r := raw{t, oktatest.Start(t)}
		r.s.Doubts = d
		web, service := r.s.AddApp(oktatest.App{}), r.s.AddApp(oktatest.App{Keys: []*keys.PublicKey{newKey(t).PublicKey()}})
		secrets, err := r.s.Admin().Secrets(t.Context(), service)
		require.NoError(t, err)
		assert.Empty(t, secrets)
		list, err := r.s.Admin().Keys(t.Context(), web)
		require.NoError(t, err)
		assert.Empty(t, list)
		_, _, text := r.do("GET", "/api/v1/apps/"+web+"/credentials/jwks", "")
		want := map[oktatest.Doubts]string{{}: `{"keys":[]}`, {EmptyObject: true}: "{}", {ArrayOfKeys: true}: "[]", {WrappedKeys: true}: `{"jwks":{"keys":[]}}`}[d]
		assert.Equal(t, want, strings.TrimSpace(text))
	}
}
