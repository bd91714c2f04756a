package dpop_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/dpop"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The "htu" of a proof equals the Host and request target that the server receives,
// over HTTP/1.1 and HTTP/2. All names resolve to one server.
func TestProofNamesTheURLOnTheWire(t *testing.T) {
	for name, c := range map[string]struct{ url, want string }{
		"plain":                           {"https://a.example/Path", "https://a.example/Path"},
		"empty path":                      {"https://a.example", "https://a.example/"},
		"empty path and a query":          {"https://a.example?a=b", "https://a.example/"},
		"slash at the end":                {"https://a.example/x/", "https://a.example/x/"},
		"query":                           {"https://a.example/x?y=/../z%7E", "https://a.example/x"},
		"empty query":                     {"https://a.example/x?", "https://a.example/x"},
		"fragment":                        {"https://a.example/x#y", "https://a.example/x"},
		"user":                            {"https://u:p@a.example/x", "https://a.example/x"},
		"escaped unreserved":              {"https://a.example/%7Eme/%41%2d", "https://a.example/%7Eme/%41%2d"},
		"escapes in lower case":           {"https://a.example/%c3%a9", "https://a.example/%c3%a9"},
		"escapes in both cases":           {"https://a.example/%C3%a9", "https://a.example/%C3%a9"},
		"escaped slash":                   {"https://a.example/a%2fb%2Fc", "https://a.example/a%2fb%2Fc"},
		"escaped percent":                 {"https://a.example/%252e%252e/x", "https://a.example/%252e%252e/x"},
		"escaped and plain sub-delimiter": {"https://a.example/a%3Bb;c", "https://a.example/a%3Bb;c"},
		"escaped NUL":                     {"https://a.example/%00", "https://a.example/%00"},
		"what net/url escapes":            {"https://a.example/blå \"bær\"", "https://a.example/bl%C3%A5%20%22b%C3%A6r%22"},
		"some of it escaped already":      {"https://a.example/%62lå", "https://a.example/bl%C3%A5"},
		"brackets":                        {"https://a.example/[x]", "https://a.example/[x]"},
		"dot segments":                    {"https://a.example/a/./b/../c/..", "https://a.example/a/./b/../c/.."},
		"dot segments above the root":     {"https://a.example/../../a", "https://a.example/../../a"},
		"escaped dot segments":            {"https://a.example/a/%2E%2e/c", "https://a.example/a/%2E%2e/c"},
		"empty segments":                  {"https://a.example//a//b", "https://a.example//a//b"},
		"host in upper case":              {"https://API.Example/x", "https://API.Example/x"},
		"scheme in upper case":            {"HTTPS://a.example/x", "https://a.example/x"},
		"default port":                    {"https://a.example:443/x", "https://a.example:443/x"},
		"other port":                      {"https://a.example:80/x", "https://a.example:80/x"},
		"empty port":                      {"https://a.example:/x", "https://a.example/x"},
		"dot after the host":              {"https://a.example./x", "https://a.example./x"},
		"IPv4":                            {"https://127.0.0.1:443/x", "https://127.0.0.1:443/x"},
		"IPv6":                            {"https://[2001:DB8::1]/x", "https://[2001:DB8::1]/x"},
		"IPv6 with a port":                {"https://[::1]:8443/x", "https://[::1]:8443/x"},
		"IDN in its ASCII form":           {"https://xn--blbr-roah.example/", "https://xn--blbr-roah.example/"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
				seen, rt := wire(t, version)
				get(t, &dpop.Transport{Tokens: fixedToken("t"), Base: rt}, c.url)
				got := <-seen
				require.Equal(t, version, got.version)
				assert.Equal(t, c.want, got.url)
				assert.Equal(t, c.want, got.htu)
			}
			proof, err := dpop.Sign(t.Context(), testKey(), dpop.Proof{URL: c.url})
			require.NoError(t, err)
			o, err := open(proof)
			require.NoError(t, err)
			assert.Equal(t, c.want, o.HTU)
		})
	}
}

// Requests that http.NewRequest would not create.
func TestRequestsMadeByHand(t *testing.T) {
	for name, c := range map[string]struct {
		req  http.Request
		want string
	}{
		"Host of its own":        {http.Request{Host: "Front.Example:443", URL: &url.URL{Scheme: "https", Host: "a.example", Path: "/x"}}, "https://Front.Example:443/x"},
		"empty port":             {http.Request{URL: &url.URL{Scheme: "https", Host: "a.example:", Path: "/x"}}, "https://a.example:/x"},
		"Path alone":             {http.Request{URL: &url.URL{Scheme: "https", Host: "a.example", Path: "/~æ/%41"}}, "https://a.example/~%C3%A6/%2541"},
		"RawPath":                {http.Request{URL: &url.URL{Scheme: "https", Host: "a.example", Path: "/a/b", RawPath: "/a%2fb"}}, "https://a.example/a%2fb"},
		"RawPath of another":     {http.Request{URL: &url.URL{Scheme: "https", Host: "a.example", Path: "/a/b", RawPath: "/c"}}, "https://a.example/a/b"},
		"RawPath that is broken": {http.Request{URL: &url.URL{Scheme: "https", Host: "a.example", Path: "/a b", RawPath: "/a b"}}, "https://a.example/a%20b"},
		"Opaque":                 {http.Request{URL: &url.URL{Scheme: "https", Host: "a.example", Path: "/ignored", Opaque: "/%7E/../x?y=z"}}, "https://a.example/%7E/../x"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
				seen, rt := wire(t, version)
				do(t, (&dpop.Prover{}).Bind(rt, testKey()), c.req.Clone(t.Context()))
				got := <-seen
				assert.Equal(t, c.want, got.url)
				assert.Equal(t, c.want, got.htu)
			}
		})
	}
}

// arrival is a request as the server receives it. The url consists of the unmodified
// Host and request target, without the query.
type arrival struct{ version, url, htu string }

// wire starts a server. It returns the requests that arrive and a transport that
// connects every name to it.
func wire(t *testing.T, version string) (<-chan arrival, http.RoundTripper) {
	seen := make(chan arrival, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		o, err := open(r.Header.Get("DPoP"))
		assert.NoError(t, err)
		path, _, _ := strings.Cut(r.RequestURI, "?")
		seen <- arrival{r.Proto, "https://" + r.Host + path, o.HTU}
	}))
	s.EnableHTTP2 = version == "HTTP/2.0"
	s.StartTLS()
	t.Cleanup(s.Close)
	rt := s.Client().Transport.(*http.Transport)
	rt.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // for any name
	rt.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
	}
	return seen, rt
}
