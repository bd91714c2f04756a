// Package auth0 tests our tokens and proofs against a resource server with Auth0's
// middleware. It is a separate module because of its dependencies.
package auth0

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	middleware "github.com/auth0/go-jwt-middleware/v3"
	"github.com/auth0/go-jwt-middleware/v3/jwks"
	"github.com/auth0/go-jwt-middleware/v3/validator"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMiddlewareAcceptsOurRequests(t *testing.T) {
	issuer := helseidtest.New()
	defer issuer.Close()
	key, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	issuer.AddClient("stranger", key.PublicKey())
	client := &helseid.Client{Environment: issuer.Environment(), ClientID: "stranger", Scopes: []string{"nhn:patients/read"}}
	tokens := client.Tokens(key)

	at, err := url.Parse(issuer.URL())
	require.NoError(t, err)
	provider, err := jwks.NewCachingProvider(jwks.WithIssuerURL(at))
	require.NoError(t, err)
	check, err := validator.New(
		validator.WithKeyFunc(provider.KeyFunc), validator.WithAlgorithm(validator.ES256),
		validator.WithIssuer(issuer.URL()), validator.WithAudience("nhn:patients"),
	)
	require.NoError(t, err)
	guard, err := middleware.New(middleware.WithValidator(check), middleware.WithDPoPMode(middleware.DPoPRequired))
	require.NoError(t, err)
	server := httptest.NewServer(guard.CheckJWT(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	})))
	defer server.Close()

	api := &http.Client{Transport: &dpop.Transport{Tokens: tokens}}
	get := func(api *http.Client, header http.Header, path string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		require.NoError(t, err)
		if header != nil {
			req.Header = header
		}
		resp, err := api.Do(req)
		require.NoError(t, err)
		resp.Body.Close()
		return resp.StatusCode
	}
	for _, path := range []string{"", "/", "/patients", "/~kari", "/a//b", "/a/./b", "/a/../b", "/a;v=1", "/(a)"} {
		assert.Equal(t, http.StatusNoContent, get(api, nil, path), path)
	}
	// It takes escapes out of the path before it compares, and leaves the query
	// in, against RFC 9449 §4.3: no client can please it there.
	for _, path := range []string{"/%7Ekari", "/caf%c3%a9", "/patients?name=kari"} {
		assert.Equal(t, http.StatusBadRequest, get(api, nil, path), path)
	}

	token, bound, err := tokens.BoundToken(t.Context())
	require.NoError(t, err)
	for by, want := range map[*keys.Key]int{bound: http.StatusNoContent, key: http.StatusUnauthorized} {
		proof, err := dpop.Sign(t.Context(), by, dpop.Proof{URL: server.URL + "/", AccessToken: keys.NewSecret(token)})
		require.NoError(t, err)
		header := http.Header{"Authorization": {"DPoP " + token}, "Dpop": {proof}}
		assert.Equal(t, want, get(http.DefaultClient, header, "/"))
		assert.NotEqual(t, http.StatusNoContent, get(http.DefaultClient, header, "/patients"), "which the proof does not name")
	}
}
