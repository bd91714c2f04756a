package oktatest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/access"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const apiSecret = "the-first-secret-of-the-api-5678"

// issuers returns an org, a key of a service app there, and a function that asks an
// issuer about a token as another app.
func issuers(t *testing.T) (server *oktatest.Server, id string, key *keys.Key, introspect func(issuer, token string) (*dpop.Token, error)) {
	server, key = oktatest.Start(t), newKey(t)
	id = server.AddApp(serviceApp(key))
	api := server.AddApp(oktatest.App{Secret: keys.NewSecret(apiSecret)})
	return server, id, key, func(issuer, token string) (*dpop.Token, error) {
		m, err := assertion.Discover(t.Context(), nil, issuer)
		require.NoError(t, err)
		i := &access.Introspector{Endpoint: m.IntrospectionEndpoint, Issuer: issuer, Auth: &assertion.Basic{ClientID: api, Secret: keys.NewSecret(apiSecret)}}
		return i.Token(t.Context(), token)
	}
}

// TestTokenOfACustomServer is one that an API can verify, and the management API
// does not take.
func TestTokenOfACustomServer(t *testing.T) {
	server, id, key, introspect := issuers(t)
	custom := okta.AuthorizationServer{Org: server.Org(), ID: "aus1"}
	issuer := server.URL + "/oauth2/aus1"
	verifier := &access.Verifier{Issuer: issuer, Audiences: []string{"api://aus1"}, PlainType: true}
	for kind, prover := range map[string]*dpop.Prover{"DPoP": {}, "Bearer": nil} {
		tokens := custom.Tokens(custom.Signer(id, key), prover, "patients", "doctors")
		got, err := tokens.Token(t.Context())
		require.NoError(t, err, kind)
		assert.Equal(t, kind, got.Type)
		text := got.AccessToken.Reveal()
		for _, check := range []func() (*dpop.Token, error){
			func() (*dpop.Token, error) { return verifier.Token(t.Context(), text) },
			func() (*dpop.Token, error) { return introspect(issuer, text) },
		} {
			token, err := check()
			require.NoError(t, err, kind)
			assert.Equal(t, []any{issuer, id, id}, []any{token.Issuer, token.Subject, token.ClientID})
			assert.Equal(t, []string{"api://aus1"}, token.Audience)
			assert.Equal(t, []string{"patients", "doctors"}, token.Scopes)
			assert.WithinRange(t, token.Expires, time.Now().Add(50*time.Minute), time.Now().Add(time.Hour))
			if kind == "DPoP" {
				assert.Equal(t, got.Key.Thumbprint(), token.JKT)
			} else {
				assert.Empty(t, token.JKT)
			}
		}
		for _, other := range []string{server.URL, server.URL + "/oauth2/default"} {
			_, err := introspect(other, text)
			require.ErrorIs(t, err, access.ErrInactive, other)
		}
	}
	managing := &okta.Admin{Org: server.Org(), Tokens: custom.Tokens(custom.Signer(id, key), &dpop.Prover{}, okta.ScopeRead)}
	_, err := managing.App(t.Context(), id)
	require.ErrorIs(t, err, okta.ErrUnauthorized)
}

// TestTokenOfTheOrg means something to the org alone.
func TestTokenOfTheOrg(t *testing.T) {
	server, id, key, introspect := issuers(t)
	org := server.Org()
	tokens := org.Tokens(org.Signer(id, key), &dpop.Prover{}, okta.ScopeRead)
	got, err := tokens.Token(t.Context())
	require.NoError(t, err)
	text := got.AccessToken.Reveal()
	verifier := &access.Verifier{Issuer: server.URL, Audiences: []string{server.URL}, PlainType: true}
	_, err = verifier.Token(t.Context(), text)
	require.ErrorIs(t, err, access.ErrMalformed)
	token, err := introspect(server.URL, text)
	require.NoError(t, err)
	assert.Equal(t, []any{server.URL, id, got.Key.Thumbprint()}, []any{token.Issuer, token.ClientID, token.JKT})
	assert.Equal(t, []string{okta.ScopeRead}, token.Scopes)
	_, err = introspect(server.URL+"/oauth2/default", text)
	require.ErrorIs(t, err, access.ErrInactive)
}

// TestDiscovery at both places, and of what the server has.
func TestDiscovery(t *testing.T) {
	server, id, key, _ := issuers(t)
	for issuer, endpoints := range map[string]string{server.URL: server.URL + "/oauth2/v1", server.URL + "/oauth2/a%20b": server.URL + "/oauth2/a%20b/v1"} {
		m, err := assertion.Discover(t.Context(), nil, issuer)
		require.NoError(t, err)
		assert.Equal(t, []string{endpoints + "/token", endpoints + "/introspect", endpoints + "/keys"}, []string{m.TokenEndpoint, m.IntrospectionEndpoint, m.JWKSURI})
		assert.Contains(t, m.DPoPAlgorithms, "ES256")
		tokens := &assertion.TokenSource{
			Endpoint: m.TokenEndpoint, Scopes: []string{okta.ScopeRead},
			Auth: &assertion.Signer{ClientID: id, Audience: m.TokenEndpoint, Key: key},
		}
		_, err = tokens.Token(t.Context())
		require.NoError(t, err)
		for _, url := range []string{issuer + "/.well-known/oauth-authorization-server", m.JWKSURI} {
			resp, err := http.Get(url)
			require.NoError(t, err)
			resp.Body.Close()
			assert.Equal(t, http.StatusOK, resp.StatusCode, url)
		}
	}
}
