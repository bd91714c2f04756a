package interop_test

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/internal/programtest"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// authority is an authorization server that has the key of the client "stranger",
// and the options with which examples/api accepts its tokens.
type authority struct {
	issuer, scope, audience string
	key                     *keys.Key
	args                    []string
}

// TestClientsCallTheAPI calls examples/api with tokens of other authorization
// servers, by other clients and by ours.
func TestClientsCallTheAPI(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "api")
	out, err := exec.Command("go", "build", "-o", binary, "../../examples/api").CombinedOutput()
	require.NoError(t, err, string(out))
	for name, set := range map[string]func(*testing.T) authority{
		"HelseID":                   helseIDAuthority,
		"Keycloak's fake":           keycloakFake,
		"Keycloak":                  keycloakAuthority,
		"Keycloak, typ JWT":         keycloakPlainAuthority,
		"Keycloak, introspect":      keycloakIntrospected,
		"oidc-provider, introspect": oidcAuthority,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := set(t)
			args := append([]string{"-issuer", a.issuer, "-audience", a.audience, "-scope", a.scope, "-listen", "127.0.0.1:0"}, a.args...)
			url := serve(t, exec.Command(binary, args...))
			private, err := a.key.PrivateJWK()
			require.NoError(t, err)
			work := task{a.issuer, "stranger", private, a.scope, []call{{"GET", url + "/patients?name=%7Ekari", ""}, {"POST", url + "/a%2fb", "{}"}}}
			for _, client := range []program{oauth4webapi(), openidClient(), requestsOAuth2()} {
				t.Run(client.name, func(t *testing.T) {
					var r result
					complaint, ok := client.run(t, work, &r)
					require.True(t, ok, complaint)
					require.Len(t, r.Answers, 2)
					for _, answer := range r.Answers {
						assert.Equal(t, 200, answer.Status, answer.Body)
						assert.Contains(t, answer.Body, `"client":"stranger"`)
					}
				})
			}
			t.Run("nokkel", func(t *testing.T) {
				server, err := assertion.Discover(t.Context(), nil, a.issuer)
				require.NoError(t, err)
				prover := &dpop.Prover{}
				tokens := &assertion.TokenSource{
					Endpoint: server.TokenEndpoint, Scopes: strings.Fields(a.scope), Prover: prover,
					Auth: &assertion.Signer{ClientID: "stranger", Audience: a.issuer, Key: a.key},
				}
				refusedWithoutAProof(t, tokens, url)
				api := &http.Client{Transport: &dpop.Transport{Tokens: tokens, Prover: prover}}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/patients", nil)
				require.NoError(t, err)
				status, body := do(t, api, req)
				assert.Equal(t, 200, status, body)
			})
		})
	}
}

// refusedWithoutAProof checks that the API refuses a bound token without a proof.
func refusedWithoutAProof(t *testing.T, tokens *assertion.TokenSource, url string) {
	token, err := tokens.Token(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "DPoP", token.Type)
	for _, scheme := range []string{"Bearer ", "DPoP "} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", scheme+token.AccessToken.Reveal())
		status, _ := do(t, http.DefaultClient, req)
		assert.Equal(t, 401, status, scheme)
	}
}

// serve runs examples/api until the test ends and returns its URL.
func serve(t *testing.T, cmd *exec.Cmd) (url string) {
	t.Helper()
	return "http://" + programtest.Start(t, cmd, regexp.MustCompile(`msg=serving address=(\S+)\s`)).Ready[1]
}

func helseIDAuthority(t *testing.T) authority {
	server := helseidtest.New()
	t.Cleanup(server.Close)
	server.PlainType, server.WithoutNotBefore = true, true // see TestClientsDriveHelseID
	key, _ := newKey(t)
	server.AddClient("stranger", key.PublicKey())
	return authority{server.URL(), "nhn:patients/read", "nhn:patients", key, nil}
}

// keycloakFake has the API introspect the tokens of keycloaktest.
func keycloakFake(t *testing.T) authority {
	server, realm := startKeycloak(t)
	key, _ := newKey(t)
	own, private := newKey(t)
	file := filepath.Join(t.TempDir(), "api.json")
	require.NoError(t, keys.WriteFile(file, private, false))
	addKeycloakClient(t, server, "stranger", key, map[string]string{"dpop.bound.access.tokens": "true"})
	addKeycloakClient(t, server, "my-api", own, nil)
	server.AddAudience(realm.Name, "stranger", "my-api")
	return authority{realm.URL(), "openid", "my-api", key, []string{"-client", "my-api", "-key", file}}
}

// oidcAuthority runs node's oidc-provider. Its access tokens are opaque, so the API
// introspects them, as a client of its own.
func oidcAuthority(t *testing.T) authority {
	key, _ := newKey(t)
	own, private := newKey(t)
	file := filepath.Join(t.TempDir(), "api.json")
	require.NoError(t, keys.WriteFile(file, private, false))
	client := func(id string, key *keys.Key, bound bool) map[string]any {
		return map[string]any{
			"client_id": id, "token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256",
			"jwks": keys.Set{Keys: []*keys.PublicKey{key.PublicKey()}}, "dpop_bound_access_tokens": bound,
			"grant_types": []string{"client_credentials"}, "response_types": []string{}, "redirect_uris": []string{},
		}
	}
	issuer := programtest.OIDCProvider(t, []any{client("stranger", key, true), client("my-api", own, false)})
	return authority{issuer, "patients", "", key, []string{"-client", "my-api", "-key", file}}
}
