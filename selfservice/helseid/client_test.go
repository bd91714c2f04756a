package helseid_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// changing is a keys.Source whose key can be replaced.
type changing struct{ atomic.Pointer[keys.Key] }

func (c *changing) SigningKey(context.Context) (*keys.Key, error) { return c.Load(), nil }

func get(t *testing.T, api *http.Client, url string, status int) []byte {
	t.Helper()
	resp, err := api.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, status, resp.StatusCode)
	return body
}

func TestEnvironments(t *testing.T) {
	assert.Equal(t, helseid.Environment{Authority: "https://helseid-sts.test.nhn.no", BaseAddress: "https://api.selvbetjening.test.nhn.no"}, helseid.Test)
	assert.Equal(t, helseid.Environment{Authority: "https://helseid-sts.nhn.no", BaseAddress: "https://api.selvbetjening.nhn.no"}, helseid.Production)
}

func TestTokenRequest(t *testing.T) {
	server, client, key := setup(t)
	wire := record(client)
	get(t, client.HTTPClient(key), server.URL()+"/api/patients", 200)
	requests := wire.to("/connect/token")
	require.Len(t, requests, 2, "one without a nonce and one with it")
	first, second := requests[0].assertion(t), requests[1].assertion(t)
	assert.NotEqual(t, first["jti"], second["jti"])
	assert.Equal(t, server.URL(), second["aud"])
	assert.Equal(t, clientID, second["iss"])
	assert.Equal(t, clientID, second["sub"])
	assert.NotContains(t, second, "assertion_details")
	assert.NotContains(t, payload(t, requests[0].Header.Get("DPoP")), "nonce")
	assert.Contains(t, payload(t, requests[1].Header.Get("DPoP")), "nonce")
	form, err := url.ParseQuery(string(requests[1].body))
	require.NoError(t, err)
	assert.Equal(t, "client_credentials", form.Get("grant_type"))
	assert.Equal(t, "nhn:patients/read", form.Get("scope"))
	assert.Equal(t, clientID, form.Get("client_id"))
	assert.Equal(t, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", form.Get("client_assertion_type"))
	assert.Len(t, wire.to("/.well-known/openid-configuration"), 1)
}

func TestHTTPClientSurvivesARotation(t *testing.T) {
	server, client, key := setup(t)
	var source changing
	source.Store(key)
	api := client.HTTPClient(&source)
	for i := range 4 {
		if i == 2 {
			next := newKey(t)
			server.AddClient(clientID, next.PublicKey())
			server.RemoveKey(clientID, key.PublicKey())
			source.Store(next)
		}
		get(t, api, server.URL()+"/api/patients", 200)
	}
	assert.Equal(t, 1, server.Counts().Tokens, "the token is bound to its DPoP key, not to the client's")
	server.Advance(time.Hour)
	get(t, api, server.URL()+"/api/patients", 200) // the API refuses the expired token, and the new key gets another
	assert.Equal(t, 2, server.Counts().Tokens)
}

func TestHTTPClientRepeatsTheBodyWithANonce(t *testing.T) {
	server, client, key := setup(t)
	server.NonceAtAPI = true
	api := client.HTTPClient(key)
	get(t, api, server.URL()+"/api/patients", 200)
	server.Advance(2 * time.Minute) // the nonces have expired, the token has not
	before := server.Counts().Refused[helseidtest.ProofNonce]
	resp, err := api.Post(server.URL()+"/api/patients", "text/plain", strings.NewReader("Nils"))
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, 201, resp.StatusCode)
	assert.Equal(t, "Nils", string(body))
	assert.Equal(t, before+1, server.Counts().Refused[helseidtest.ProofNonce])
}

func TestHTTPClientFollowsNoRedirect(t *testing.T) {
	server, client, key := setup(t)
	api := client.HTTPClient(key)
	get(t, api, server.URL()+"/api/patients", 200)
	server.Inject(helseidtest.Nth(1, helseidtest.Fault{Status: 302, Header: http.Header{"Location": {"/api/token"}}}))
	get(t, api, server.URL()+"/api/patients", 302)
	assert.Positive(t, api.Timeout)
}

func TestDPoPKeyCanBeTheClientsOwn(t *testing.T) {
	server, client, key := setup(t)
	client.DPoPKey = key
	token, err := client.Tokens(key).Token(t.Context())
	require.NoError(t, err)
	assert.Equal(t, key.Thumbprint(), token.Key.Thumbprint())
	client = &helseid.Client{Environment: server.Environment(), ClientID: clientID, Scopes: []string{"a"}}
	first, err := client.Tokens(key).Token(t.Context())
	require.NoError(t, err)
	second, err := client.Tokens(key).Token(t.Context())
	require.NoError(t, err)
	assert.NotEqual(t, key.Thumbprint(), first.Key.Thumbprint())
	assert.NotEqual(t, first.Key.Thumbprint(), second.Key.Thumbprint(), "a DPoP key was used for two tokens")
}

func TestAssertionDetails(t *testing.T) {
	server, client, key := setup(t)
	wire := record(client)
	for name, c := range map[string]struct {
		details []helseid.Detail
		claim   string
		token   string // claims of the access token
	}{
		"multi-tenant, parent": {[]helseid.Detail{helseid.MultiTenant{Parent: "123456789"}},
			`{"type":"helseid_authorization","practitioner_role":{"organization":{"identifier":{"system":"urn:oid:1.0.6523","type":"ENH","value":"NO:ORGNR:123456789:"}}}}`,
			`{"orgnr_parent":"123456789"}`},
		"multi-tenant, parent and child": {[]helseid.Detail{helseid.MultiTenant{Parent: "123456789", Child: "987654321"}},
			`{"type":"helseid_authorization","practitioner_role":{"organization":{"identifier":{"system":"urn:oid:1.0.6523","type":"ENH","value":"NO:ORGNR:123456789:987654321"}}}}`,
			`{"orgnr_parent":"123456789","orgnr_child":"987654321"}`},
		"single-tenant, child": {[]helseid.Detail{helseid.SingleTenant{Child: "987654321"}},
			`{"type":"helseid_authorization","practitioner_role":{"organization":{"identifier":{"system":"urn:oid:2.16.578.1.12.4.1.4.101","type":"ENH","value":"987654321"}}}}`,
			`{"orgnr_child":"987654321"}`},
		"SFM journal": {[]helseid.Detail{helseid.SFMJournal{ID: "j-1"}},
			`{"type":"nhn:sfm:journal-id","value":{"journal_id":"j-1"}}`,
			`{"sfm_journal_id":"j-1"}`},
		"two make a list": {[]helseid.Detail{helseid.MultiTenant{Parent: "123456789"}, helseid.SFMJournal{ID: "j-1"}},
			`[{"type":"helseid_authorization","practitioner_role":{"organization":{"identifier":{"system":"urn:oid:1.0.6523","type":"ENH","value":"NO:ORGNR:123456789:"}}}},{"type":"nhn:sfm:journal-id","value":{"journal_id":"j-1"}}]`,
			`{"orgnr_parent":"123456789","sfm_journal_id":"j-1"}`},
	} {
		t.Run(name, func(t *testing.T) {
			body := get(t, client.HTTPClient(key, c.details...), server.URL()+"/api/token", 200)
			requests := wire.to("/connect/token")
			claim, err := json.Marshal(requests[len(requests)-1].assertion(t)["assertion_details"])
			require.NoError(t, err)
			assert.JSONEq(t, c.claim, string(claim))
			var got, want map[string]any
			require.NoError(t, json.Unmarshal(body, &got))
			require.NoError(t, json.Unmarshal([]byte(c.token), &want))
			for _, name := range []string{"orgnr_parent", "orgnr_child", "sfm_journal_id"} {
				assert.Equal(t, want[name], got[name], name)
			}
		})
	}
}

func TestMalformedDetailsAreNotSent(t *testing.T) {
	server, client, key := setup(t)
	for _, d := range []helseid.Detail{
		helseid.MultiTenant{}, helseid.MultiTenant{Parent: "12345678"}, helseid.MultiTenant{Parent: "123456789", Child: "1:2"},
		helseid.MultiTenant{Parent: "12345678٩"}, helseid.SingleTenant{}, helseid.SingleTenant{Child: "NO9876543"}, helseid.SFMJournal{},
	} {
		_, err := client.Tokens(key, d).Token(t.Context())
		require.ErrorIs(t, err, helseid.ErrDetail, "%v", d)
	}
	assert.Zero(t, server.Counts().Refused)
	assert.Zero(t, server.Counts().Tokens)
}

func TestRejectedScopes(t *testing.T) {
	server, client, key := setup(t)
	client.Scopes = []string{"nhn:a", "nhn:b", "nhn:c"}
	server.RejectScopes("123456789", "nhn:a", "nhn:c")
	token, err := client.Tokens(key, helseid.MultiTenant{Parent: "123456789"}).Token(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"nhn:b"}, token.Scopes)
	assert.Equal(t, []string{"nhn:a", "nhn:c"}, helseid.RejectedScopes(token))
	token, err = client.Tokens(key, helseid.MultiTenant{Parent: "987654321"}).Token(t.Context())
	require.NoError(t, err)
	assert.Empty(t, helseid.RejectedScopes(token))
}

func TestRejectedScopesMayBeAList(t *testing.T) {
	server, client, key := setup(t)
	for answer, want := range map[string][]string{
		`["nhn:a","nhn:b",1]`: {"nhn:a", "nhn:b"},
		`"nhn:a"`:             {"nhn:a"},
		`""`:                  {},
		`null`:                nil,
		`{}`:                  nil,
	} {
		body := `{"access_token":"t","token_type":"DPoP","expires_in":60,"rejected_scope":` + answer + `}`
		server.Inject(at("/connect/token", helseidtest.Fault{Status: 200, Body: body}))
		token, err := client.Tokens(key).Token(t.Context())
		require.NoError(t, err, answer)
		assert.Equal(t, want, helseid.RejectedScopes(token), answer)
	}
}

func TestForSharesMetadataAndNonces(t *testing.T) {
	server, client, key := setup(t)
	require.NoError(t, client.VerifyKey(t.Context(), key))
	before := server.Counts().Requests
	key = newKey(t)
	server.AddClient("second", key.PublicKey())
	client.DPoPKey = key
	second := client.For("second", "nhn:x").For("second", "nhn:x")
	require.NoError(t, second.VerifyKey(t.Context(), key))
	assert.Equal(t, 1, server.Counts().Requests-before, "metadata or a nonce was requested again")
	assert.Equal(t, []string{"nhn:x"}, second.Scopes)
	assert.Same(t, key, second.DPoPKey)
}

func TestHTTPClientsShareNonces(t *testing.T) {
	server, client, key := setup(t)
	server.NonceAtAPI = true
	for _, tenant := range []string{"999888777", "999888778"} {
		api := client.HTTPClient(key, helseid.MultiTenant{Parent: tenant})
		get(t, api, server.URL()+"/api/patients", 200)
	}
	assert.Equal(t, 2, server.Counts().Refused[helseidtest.ProofNonce], "one at the token endpoint and one at the API")
}

func TestTLS(t *testing.T) {
	server := helseidtest.NewTLS()
	defer server.Close()
	key := newKey(t)
	server.AddClient(clientID, key.PublicKey())
	client := &helseid.Client{Environment: server.Environment(), ClientID: clientID, Base: server.Transport()}
	list, err := client.ClientSecrets(t.Context(), key)
	require.NoError(t, err)
	assert.Len(t, list, 1)
}

func TestAnIncompleteClientNamesTheMissingField(t *testing.T) {
	key := newKey(t)
	whole := helseid.Environment{Authority: "https://as.example.no", BaseAddress: "https://api.example.no"}
	for want, c := range map[string]*helseid.Client{
		"Environment is not set":           {ClientID: clientID},
		"Environment.Authority is empty":   {ClientID: clientID, Environment: helseid.Environment{BaseAddress: whole.BaseAddress}},
		"Environment.BaseAddress is empty": {ClientID: clientID, Environment: helseid.Environment{Authority: whole.Authority}},
		"ClientID is empty":                {Environment: whole},
	} {
		_, err := c.ClientSecrets(t.Context(), key)
		require.ErrorContains(t, err, "helseid: ")
		require.ErrorContains(t, err, want)
		_, err = c.UpdateClientSecret(t.Context(), key, newKey(t).PublicKey())
		require.ErrorContains(t, err, want)
		if want == "Environment.BaseAddress is empty" {
			continue // which tokens do not need
		}
		_, err = c.HTTPClient(key).Get("https://api.example.no/patients")
		require.ErrorIs(t, err, helseid.ErrConfig)
		require.ErrorContains(t, err, want)
		require.ErrorIs(t, c.Verify(t.Context(), selfservice.Credential{Key: key}), helseid.ErrConfig)
	}
}
