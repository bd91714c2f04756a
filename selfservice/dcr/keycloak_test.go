package dcr_test

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
)

// keycloakRealm creates a realm on a live Keycloak (.ci/keycloak) for the test,
// and returns its issuer and a source of initial access tokens.
func keycloakRealm(t *testing.T) (issuer string, initial func() keys.Secret) {
	t.Helper()
	server := os.Getenv("KEYCLOAK_URL")
	if server == "" && os.Getenv("NOKKEL_LIVE") == "1" {
		t.Fatal("NOKKEL_LIVE=1, but KEYCLOAK_URL is not set")
	}
	if server == "" {
		t.Skip("KEYCLOAK_URL is not set")
	}
	t.Parallel()
	admin := (&clientcredentials.Config{
		ClientID:     cmp.Or(os.Getenv("KEYCLOAK_ADMIN_CLIENT_ID"), "boot"),
		ClientSecret: cmp.Or(os.Getenv("KEYCLOAK_ADMIN_CLIENT_SECRET"), "boot-secret"),
		TokenURL:     server + "/realms/master/protocol/openid-connect/token", AuthStyle: oauth2.AuthStyleInParams,
	}).Client(t.Context())
	call := func(method, path string, body any, status int) (answer map[string]any) {
		t.Helper()
		text, err := json.Marshal(body)
		require.NoError(t, err)
		req, err := http.NewRequest(method, server+path, bytes.NewReader(text))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		resp, err := admin.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err = io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, status, resp.StatusCode, "%s", text)
		json.Unmarshal(text, &answer)
		return answer
	}
	realm := "dcr-" + strings.ToLower(rand.Text()[:8])
	oneRealm.Lock() // a small database locks whole tables for it
	defer oneRealm.Unlock()
	call(http.MethodPost, "/admin/realms", map[string]any{"realm": realm, "enabled": true}, http.StatusCreated)
	return server + "/realms/" + realm, func() keys.Secret {
		made := call(http.MethodPost, "/admin/realms/"+realm+"/clients-initial-access", map[string]any{"count": 1, "expiration": 600}, http.StatusCreated)
		return keys.NewSecret(made["token"].(string))
	}
}

var oneRealm sync.Mutex

// TestKeycloakRegisters checks the default policy: no client can register except
// from a trusted host, or once with an initial access token for one client.
func TestKeycloakRegisters(t *testing.T) {
	issuer, initial := keycloakRealm(t)
	refused := func(token keys.Secret, rule error, status int) {
		t.Helper()
		_, err := (&dcr.Client{Store: &selfservice.Mem{}, Issuer: issuer}).Register(t.Context(), dcr.Application{
			Metadata: machine(), Rotator: &selfservice.Rotator{Store: &selfservice.Mem{}}, InitialAccessToken: token,
		})
		require.ErrorIs(t, err, rule)
		var e *dcr.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, status, e.Status)
		t.Log(err)
	}
	refused(keys.Secret{}, dcr.ErrForbidden, http.StatusForbidden) // "Policy 'Trusted Hosts' rejected request"
	refused(keys.NewSecret("no.such.token"), dcr.ErrInitialToken, http.StatusUnauthorized)

	token := initial()
	c, r := live(t, issuer, token, machine())
	rotates(t, c, r)
	assert.Equal(t, "App", read(t, c)["client_name"])
	refused(token, dcr.ErrInitialToken, http.StatusUnauthorized) // it was good for one
}

func TestKeycloakRegistersASecret(t *testing.T) {
	issuer, initial := keycloakRealm(t)
	c := &dcr.Client{Store: &selfservice.Mem{}, Issuer: issuer}
	r := &selfservice.Rotator{Provider: c.Secret(post), Store: &selfservice.Mem{}}
	m := machine()
	m["token_endpoint_auth_method"] = []byte(`"client_secret_post"`)
	_, err := c.Register(t.Context(), dcr.Application{Metadata: m, Rotator: r, InitialAccessToken: initial()})
	require.NoError(t, err)
	secret, err := r.ClientSecret(t.Context())
	require.NoError(t, err)
	require.NoError(t, c.Secret(post).Verify(t.Context(), selfservice.Credential{Secret: secret}))
	err = c.Secret(post).Verify(t.Context(), selfservice.Credential{Secret: keys.NewSecret("another secret")})
	require.ErrorIs(t, err, selfservice.ErrInvalidClient)
}

func TestKeycloakBoundTokens(t *testing.T) {
	issuer, initial := keycloakRealm(t)
	m := machine()
	m["dpop_bound_access_tokens"] = []byte(`true`)
	c, r := live(t, issuer, initial(), m)
	require.Error(t, c.Keys().Verify(t.Context(), current(t, r)))
	bound := &dcr.Client{Store: c.Store, Issuer: issuer, Verify: dcr.ClientCredentials{Prover: &dpop.Prover{}}.Verify}
	rotates(t, bound, &selfservice.Rotator{Provider: bound.Keys(), Store: r.Store, Timing: r.Timing})
}

func TestKeycloakCodeOnly(t *testing.T) {
	issuer, initial := keycloakRealm(t)
	m := machine()
	m["grant_types"], m["response_types"], m["redirect_uris"] = []byte(`["authorization_code"]`), []byte(`["code"]`), []byte(`["`+redirect+`"]`)
	c, r := live(t, issuer, initial(), m)
	err := c.Keys().Verify(t.Context(), current(t, r))
	require.Error(t, err)
	t.Log(err)
	c = &dcr.Client{Store: c.Store, Issuer: issuer, Verify: dcr.PushedRequest{Params: url.Values{"redirect_uri": {redirect}}}.Verify}
	r = &selfservice.Rotator{Provider: c.Keys(), Store: r.Store, Timing: r.Timing}
	rotates(t, c, r)
	c = &dcr.Client{Store: c.Store, Issuer: issuer, Verify: dcr.UnknownCode{RedirectURI: redirect}.Verify}
	rotates(t, c, &selfservice.Rotator{Provider: c.Keys(), Store: r.Store, Timing: r.Timing})
}
