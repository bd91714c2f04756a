package assertion_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

func metadata(issuer string, more map[string]any) string {
	m := map[string]any{"issuer": issuer, "token_endpoint": issuer + "/token"}
	maps.Copy(m, more)
	b, _ := json.Marshal(m)
	return string(b)
}

// The URL of OpenID Connect comes first, then that of RFC 8414. The examples are
// those of RFC 8414 §3.1 and §5.
func TestDiscoverURLs(t *testing.T) {
	rows := map[string]struct {
		issuer string
		places []string
	}{
		"no path":          {"https://example.com", []string{"https://example.com/.well-known/openid-configuration", "https://example.com/.well-known/oauth-authorization-server"}},
		"a path":           {"https://example.com/issuer1", []string{"https://example.com/issuer1/.well-known/openid-configuration", "https://example.com/.well-known/oauth-authorization-server/issuer1"}},
		"a trailing slash": {"https://example.com/issuer1/", []string{"https://example.com/issuer1/.well-known/openid-configuration", "https://example.com/.well-known/oauth-authorization-server/issuer1"}},
		"an escaped path":  {"https://example.com/a%2Fb", []string{"https://example.com/a%2Fb/.well-known/openid-configuration", "https://example.com/.well-known/oauth-authorization-server/a%2Fb"}},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			for there := range r.places {
				var asked []string
				base := network(func(req *http.Request) (*http.Response, error) {
					asked = append(asked, req.URL.String())
					if len(asked) == there+1 {
						return answer(200, metadata(r.issuer, nil)), nil
					}
					return answer(404, ""), nil
				})
				m, err := assertion.Discover(t.Context(), base, r.issuer)
				require.NoError(t, err)
				assert.Equal(t, r.issuer, m.Issuer)
				assert.Equal(t, r.places[:there+1], asked)
			}
		})
	}
}

// The second URL is tried whenever the server has no metadata at the first.
func TestDiscoverTriesBothURLs(t *testing.T) {
	good := answering(200, metadata(issuer, nil))
	for name, c := range map[string]struct {
		first, second network
		rule          error // nil: found
		status        int
	}{
		"404":                          {answering(404, ""), good, nil, 0},
		"a page for every address":     {answering(200, "<!DOCTYPE html><html></html>", "Content-Type", "text/html"), good, nil, 0},
		"a long page":                  {answering(200, strings.Repeat("<p>", 256<<10)), good, nil, 0},
		"no page":                      {answering(200, ""), good, nil, 0},
		"a JSON array":                 {answering(200, "[]"), good, nil, 0},
		"JSON null":                    {answering(200, "null"), good, nil, 0},
		"another issuer":               {answering(200, metadata(issuer+"/", nil)), good, assertion.ErrIssuer, 0},
		"an endpoint in clear":         {answering(200, metadata(issuer, map[string]any{"token_endpoint": "http://as.example.com/t"})), good, assertion.ErrInsecure, 0},
		"a redirect":                   {answering(302, ""), good, assertion.ErrRefused, 302},
		"an outage":                    {answering(503, ""), good, assertion.ErrRefused, 503},
		"a page, then nothing":         {answering(200, "<html>"), answering(404, ""), assertion.ErrMalformed, 0},
		"a page, then an outage":       {answering(200, "<html>"), answering(503, ""), assertion.ErrRefused, 503},
		"nothing, then another issuer": {answering(404, ""), answering(200, metadata(issuer+"/", nil)), assertion.ErrIssuer, 0},
		"nothing, then nothing":        {answering(404, ""), answering(410, ""), assertion.ErrRefused, 404},
	} {
		t.Run(name, func(t *testing.T) {
			base := network(func(r *http.Request) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Path, "/openid-configuration") {
					return c.first(r)
				}
				return c.second(r)
			})
			m, err := assertion.Discover(t.Context(), base, issuer)
			if c.rule == nil {
				require.NoError(t, err)
				assert.Equal(t, issuer+"/token", m.TokenEndpoint)
				return
			}
			var e *assertion.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, c.rule, e.Rule)
			assert.Equal(t, c.status, e.Status)
			assert.Nil(t, m)
		})
	}
}

func TestDiscover(t *testing.T) {
	base := answering(200, metadata(issuer, map[string]any{
		"authorization_endpoint":                           issuer + "/authorize",
		"pushed_authorization_request_endpoint":            issuer + "/par",
		"device_authorization_endpoint":                    issuer + "/device",
		"introspection_endpoint":                           issuer + "/introspect",
		"jwks_uri":                                         "https://keys.example.org/jwks",
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"ES256"},
		"dpop_signing_alg_values_supported":                []string{"ES256", "PS256"},
		"unknown":                                          map[string]any{"a": 1},
	}))
	m, err := assertion.Discover(t.Context(), base, issuer)
	require.NoError(t, err)
	assert.Equal(t, &assertion.Metadata{
		Issuer: issuer, AuthorizationEndpoint: issuer + "/authorize", TokenEndpoint: issuer + "/token", JWKSURI: "https://keys.example.org/jwks",
		PAREndpoint: issuer + "/par", DeviceAuthorizationEndpoint: issuer + "/device", IntrospectionEndpoint: issuer + "/introspect",
		AuthMethods: []string{"private_key_jwt"}, AuthAlgorithms: []string{"ES256"}, DPoPAlgorithms: []string{"ES256", "PS256"},
	}, m)
	assert.Equal(t, oauth2.Endpoint{
		AuthURL: issuer + "/authorize", TokenURL: issuer + "/token", DeviceAuthURL: issuer + "/device", AuthStyle: oauth2.AuthStyleInParams,
	}, m.Endpoint())
}

func TestDiscoverErrors(t *testing.T) {
	rows := map[string]struct {
		issuer string
		status int
		body   string
		rule   error
	}{
		"an issuer over http":                       {"http://as.example.com", 200, "", assertion.ErrInsecure},
		"an issuer with a query":                    {issuer + "?x", 200, "", assertion.ErrMalformed},
		"an issuer with a fragment":                 {issuer + "#x", 200, "", assertion.ErrMalformed},
		"an issuer with a user":                     {"https://a:b@as.example.com", 200, "", assertion.ErrMalformed},
		"an empty issuer":                           {"", 200, "", assertion.ErrConfig},
		"another issuer":                            {issuer, 200, metadata("https://evil.example.com", nil), assertion.ErrIssuer},
		"the issuer with a slash more":              {issuer, 200, metadata(issuer+"/", nil), assertion.ErrIssuer},
		"the issuer in another case":                {issuer, 200, metadata("https://AS.example.com", nil), assertion.ErrIssuer},
		"no issuer":                                 {issuer, 200, `{"token_endpoint":"https://as.example.com/t"}`, assertion.ErrIssuer},
		"issuer twice":                              {issuer, 200, `{"issuer":"` + issuer + `","issuer":"https://b","token_endpoint":"https://as.example.com/t"}`, assertion.ErrMalformed},
		"no token endpoint":                         {issuer, 200, `{"issuer":"` + issuer + `"}`, assertion.ErrMalformed},
		"a token endpoint over http":                {issuer, 200, metadata(issuer, map[string]any{"token_endpoint": "http://as.example.com/t"}), assertion.ErrInsecure},
		"a token endpoint on this host":             {issuer, 200, metadata(issuer, map[string]any{"token_endpoint": "http://127.0.0.1:8080/t"}), assertion.ErrInsecure},
		"a relative token endpoint":                 {issuer, 200, metadata(issuer, map[string]any{"token_endpoint": "/token"}), assertion.ErrMalformed},
		"a PAR endpoint over http":                  {issuer, 200, metadata(issuer, map[string]any{"pushed_authorization_request_endpoint": "http://as.example.com/t"}), assertion.ErrInsecure},
		"a PAR endpoint for certificates over http": {issuer, 200, metadata(issuer, map[string]any{"mtls_endpoint_aliases": map[string]any{"pushed_authorization_request_endpoint": "http://as.example.com/t"}}), assertion.ErrInsecure},
		"a jwks_uri of javascript":                  {issuer, 200, metadata(issuer, map[string]any{"jwks_uri": "javascript:alert(1)"}), assertion.ErrMalformed},
		"a number for an endpoint":                  {issuer, 200, metadata(issuer, map[string]any{"token_endpoint": 1}), assertion.ErrMalformed},
		"HTML":                                      {issuer, 200, "<html>", assertion.ErrMalformed},
		"an array":                                  {issuer, 200, "[]", assertion.ErrMalformed},
		"over 256 KiB":                              {issuer, 200, `{"x":"` + strings.Repeat("x", 256<<10) + `"}`, assertion.ErrTooLarge},
		"nowhere":                                   {issuer, 404, "", assertion.ErrRefused},
		"down":                                      {issuer, 503, "", assertion.ErrRefused},
	}
	for _, name := range []string{
		"authorization_endpoint", "jwks_uri", "device_authorization_endpoint", "introspection_endpoint",
		"revocation_endpoint", "registration_endpoint", "userinfo_endpoint",
	} {
		row := rows["a PAR endpoint over http"]
		row.body = metadata(issuer, map[string]any{name: "http://as.example.com/t"})
		rows["over http: "+name] = row
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			m, err := assertion.Discover(t.Context(), answering(r.status, r.body), r.issuer)
			assert.ErrorIs(t, err, r.rule)
			assert.Nil(t, m)
			assert.NotContains(t, err.Error(), "example.com")
		})
	}
}

func TestDiscoverDoesNotTryBothURLsOfABusyServer(t *testing.T) {
	for _, status := range []int{429, 500, 503} {
		var asked int
		_, err := assertion.Discover(t.Context(), network(func(*http.Request) (*http.Response, error) {
			asked++
			return answer(status, "", "Retry-After", "9"), nil
		}), issuer)
		var e *assertion.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, 9*time.Second, e.RetryAfter())
		assert.Equal(t, 1, asked)
	}
}

func TestDiscoverFollowsNoRedirect(t *testing.T) {
	var followed bool
	mux := http.NewServeMux()
	mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { followed = true })
	mux.Handle("/", http.RedirectHandler("/elsewhere", http.StatusFound))
	server := httptest.NewServer(mux)
	defer server.Close()
	_, err := assertion.Discover(t.Context(), nil, server.URL)
	var e *assertion.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, http.StatusFound, e.Status)
	assert.False(t, followed)
}

func TestDiscoverAllowsHTTPOnLoopback(t *testing.T) {
	for _, host := range []string{"http://localhost:1234", "http://LOCALHOST", "http://127.0.0.1", "http://[::1]:80"} {
		_, err := assertion.Discover(t.Context(), answering(200, metadata(host, nil)), host)
		assert.NoError(t, err)
	}
}

func TestDiscoverTimeoutAndNetworkErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := assertion.Discover(t.Context(), network(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}), issuer)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 15*time.Second, time.Since(start))
	})
	broken := errors.New("no route to host")
	_, err := assertion.Discover(t.Context(), network(func(*http.Request) (*http.Response, error) { return nil, broken }), issuer)
	assert.ErrorIs(t, err, broken)
}

func TestTokenSourceDiscoversItsEndpoint(t *testing.T) {
	s := newAuthServer(t)
	source := &assertion.TokenSource{
		Discover: func(ctx context.Context) (*assertion.Metadata, error) {
			return assertion.Discover(ctx, answering(200, metadata(s.URL, nil)), s.URL)
		},
		Auth: &assertion.Signer{ClientID: clientID, Audience: s.URL, Key: testSigner(t).Key},
	}
	token, err := source.Token(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "token-for-client_credentials", token.AccessToken.Reveal())
}

// TestTokenSourceAsksWithACertificateElsewhere, where the server says so (RFC 8705
// §5).
func TestTokenSourceAsksWithACertificateElsewhere(t *testing.T) {
	s := newAuthServer(t)
	plain, err := assertion.Discover(t.Context(), answering(200, metadata(s.URL, nil)), s.URL)
	require.NoError(t, err)
	for want, aliases := range map[string]map[string]any{
		s.URL + "/mtls":     {"token_endpoint": s.URL + "/mtls"},
		plain.TokenEndpoint: {"revocation_endpoint": s.URL + "/revoke"},
	} {
		asked := ""
		source := &assertion.TokenSource{
			Discover: func(ctx context.Context) (*assertion.Metadata, error) {
				return assertion.Discover(ctx, answering(200, metadata(s.URL, map[string]any{"mtls_endpoint_aliases": aliases})), s.URL)
			},
			Auth: &assertion.MutualTLS{ClientID: clientID},
			Base: network(func(r *http.Request) (*http.Response, error) {
				asked = r.URL.String()
				return answer(200, `{"access_token":"x","token_type":"Bearer","expires_in":60}`), nil
			}),
		}
		_, err := source.Token(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, asked)
	}
}
