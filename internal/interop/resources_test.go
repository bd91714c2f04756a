package interop_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestResourceServersAcceptOurRequests calls resource servers built on other
// libraries, which discover the issuer's keys and verify token and proof.
func TestResourceServersAcceptOurRequests(t *testing.T) {
	t.Parallel()
	for _, server := range []program{
		{"oauth4webapi", node("resource-server").command},
		{"requests_oauth2client", python("resource_server").command},
		{"spring", java("ResourceServer").command},
	} {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel()
			t.Run("token of HelseID", func(t *testing.T) {
				t.Parallel()
				issuer, tokens := helseIDTokens(t)
				callAll(t, server.start(t, map[string]string{"issuer": issuer, "audience": "nhn:patients"}), tokens)
			})
			t.Run("token of Keycloak", func(t *testing.T) {
				t.Parallel()
				issuer, tokens := keycloakTokens(t)
				callAll(t, server.start(t, map[string]string{"issuer": issuer, "audience": "account"}), tokens)
			})
		})
	}
}

func helseIDTokens(t *testing.T) (issuer string, tokens *assertion.TokenSource) {
	server := helseidtest.New()
	t.Cleanup(server.Close)
	key, _ := newKey(t)
	server.AddClient("stranger", key.PublicKey())
	client := &helseid.Client{Environment: server.Environment(), ClientID: "stranger", Scopes: []string{"nhn:patients/read"}}
	return server.URL(), client.Tokens(key)
}

func keycloakTokens(t *testing.T) (issuer string, tokens *assertion.TokenSource) {
	realm, key, _ := keycloakClient(t)
	return realm.Server + "/realms/" + realm.Name, realm.Tokens(realm.Signer("stranger", key), &dpop.Prover{})
}

// callAll makes requests that the server must accept, then some it must refuse.
func callAll(t *testing.T, server string, tokens *assertion.TokenSource) {
	api := &http.Client{Transport: &dpop.Transport{Tokens: tokens}}
	for _, path := range []string{
		"", "/", "/patients", "/patients/", "/patients?name=%7Ekari&x", "/%7Ekari", "/~kari", "/%41", "/caf%c3%a9", "/caf%C3%A9",
		"/a%2fb", "/a%2Fb", "/a//b", "/a/./b", "/a/../b", "/a/b/..", "/%2e%2e/b", "/a;v=1", "/a%20b", "/a+b", "/(a)", "/'a'", "/%22",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server+path, nil)
		require.NoError(t, err)
		status, body := do(t, api, req)
		assert.Equal(t, []any{200, "stranger"}, []any{status, body}, path)
	}

	token, key, err := tokens.BoundToken(t.Context())
	require.NoError(t, err)
	other, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		proof  dpop.Proof
		key    *keys.Key
		status int
	}{
		"valid":            {dpop.Proof{URL: server + "/%7Ekari", AccessToken: keys.NewSecret(token)}, key, 200},
		"another spelling": {dpop.Proof{URL: server + "/~kari", AccessToken: keys.NewSecret(token)}, key, 401},
		"another method":   {dpop.Proof{Method: "POST", URL: server + "/%7Ekari", AccessToken: keys.NewSecret(token)}, key, 401},
		"another token":    {dpop.Proof{URL: server + "/%7Ekari", AccessToken: keys.NewSecret("x")}, key, 401},
		"another key":      {dpop.Proof{URL: server + "/%7Ekari", AccessToken: keys.NewSecret(token)}, other, 401},
	} {
		proof, err := dpop.Sign(t.Context(), c.key, c.proof)
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server+"/%7Ekari", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "DPoP "+token)
		req.Header.Set("DPoP", proof)
		status, body := do(t, http.DefaultClient, req)
		assert.Equal(t, c.status, status, "%s: %s", name, body)
	}
}

func do(t *testing.T, client *http.Client, req *http.Request) (status int, body string) {
	t.Helper()
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}
