package dpop_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// requestOf parses a request like net/http's server.
func requestOf(t *testing.T, target, host, peer string, header ...string) *http.Request {
	t.Helper()
	text := "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n"
	for i := 0; i < len(header); i += 2 {
		text += header[i] + ": " + header[i+1] + "\r\n"
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text + "\r\n")))
	require.NoError(t, err)
	r.RemoteAddr = peer
	return r
}

// wants checks the status of a request with a proof for that URL.
func wants(t *testing.T, m *dpop.Middleware, wrap func(http.Handler) http.Handler, r *http.Request, url string) (status int, rule error) {
	t.Helper()
	m.OnError = func(_ context.Context, err error) { rule = err }
	r.Header.Set("Authorization", "DPoP bound")
	r.Header.Set("DPoP", proofFor(t, "bound", func(p *dpop.Proof) { p.URL = url }))
	w := httptest.NewRecorder()
	wrap(m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))).ServeHTTP(w, r)
	return w.Code, rule
}

func unwrapped(h http.Handler) http.Handler { return h }

// The proof names the external URL, whatever Host, X-Forwarded-* and the routing of
// the application say.
func TestBaseURL(t *testing.T) {
	strip := func(h http.Handler) http.Handler { return http.StripPrefix("/v1", h) }
	forwarded := []string{"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "http", "X-Forwarded-Prefix", "/x", "Forwarded", "host=evil.example"}
	for name, c := range map[string]struct {
		base, target string
		wrap         func(http.Handler) http.Handler
		url          string
		status       int
	}{
		"plain":                        {"https://api.example.no", "/patients", unwrapped, "https://api.example.no/patients", 200},
		"slash at the end":             {"https://api.example.no/", "/patients", unwrapped, "https://api.example.no/patients", 200},
		"spelled otherwise":            {"https://API.example.no:443", "/patients", unwrapped, "https://api.example.no/patients", 200},
		"with a query":                 {"https://api.example.no", "/patients?a=/../b", unwrapped, "https://api.example.no/patients", 200},
		"no path":                      {"https://api.example.no", "/", unwrapped, "https://api.example.no", 200},
		"a path that a proxy takes":    {"https://api.example.no/api", "/patients", unwrapped, "https://api.example.no/api/patients", 200},
		"a path that StripPrefix took": {"https://api.example.no", "/v1/patients", strip, "https://api.example.no/v1/patients", 200},
		"without what it took":         {"https://api.example.no", "/v1/patients", strip, "https://api.example.no/patients", 401},
		"absolute-form":                {"https://api.example.no", "http://inside:8080/patients?a", unwrapped, "https://api.example.no/patients", 200},
		"escapes stay":                 {"https://api.example.no", "/a%2Fb/%7Ekari", unwrapped, "https://api.example.no/a%2fb/~kari", 200},
		"escaped slash is no slash":    {"https://api.example.no", "/a%2Fb", unwrapped, "https://api.example.no/a/b", 401},
		"empty segments":               {"https://api.example.no", "//a//b", unwrapped, "https://api.example.no//a//b", 200},
		"the host that Host names":     {"https://api.example.no", "/patients", unwrapped, "https://evil.example/patients", 401},
		"a fragment is a part of it":   {"https://api.example.no", "/files/#/../secret", unwrapped, "https://api.example.no/files/", 401},
		"named as it is":               {"https://api.example.no", "/files/#/x", unwrapped, "https://api.example.no/files/%23/x", 200},
		"of an absolute-form, too":     {"https://api.example.no", "http://inside:8080/files/#/../secret", unwrapped, "https://api.example.no/files/", 401},
		"over 8 KiB":                   {"https://api.example.no", "/" + strings.Repeat("x/%2e%2e/", 1<<10), unwrapped, "https://api.example.no/", 401},
		"the asterisk":                 {"https://api.example.no", "*", unwrapped, "https://api.example.no/", 401},
	} {
		m, _ := guard(t, func(m *dpop.Middleware) {
			m.BaseURL = c.base
			m.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
		})
		status, rule := wants(t, m, c.wrap, requestOf(t, c.target, "evil.example", "10.0.0.1:1", forwarded...), c.url)
		assert.Equal(t, c.status, status, "%s: %v", name, rule)
	}
}

// Without a BaseURL the host must be one of Hosts, and only a trusted proxy can name
// the external one.
func TestHosts(t *testing.T) {
	const near, far = "10.1.2.3:4711", "192.0.2.1:4711"
	type headers = []string
	for name, c := range map[string]struct {
		rfc7239 bool
		peer    string
		host    string
		headers headers
		url     string
		status  int
		rule    error
	}{
		"no proxy":                        {false, far, "api.example.no", nil, "http://api.example.no/x", 200, nil},
		"no proxy, another case and port": {false, far, "API.example.no:80", nil, "http://api.example.no/x", 200, nil},
		"another of the hosts":            {false, far, "[2001:db8::1]:8080", nil, "http://[2001:DB8::1]:8080/x", 200, nil},
		"another host":                    {false, far, "evil.example", nil, "http://evil.example/x", 421, dpop.ErrHost},
		"a host that folds to one":        {false, far, "\u017fhop.example", nil, "http://shop.example/x", 421, dpop.ErrHost},
		"another port":                    {false, far, "api.example.no:8080", nil, "http://api.example.no:8080/x", 421, dpop.ErrHost},
		"an untrusted peer":               {false, far, "api.example.no", headers{"X-Forwarded-Proto", "https"}, "https://api.example.no/x", 401, dpop.ErrProofURL},
		"an untrusted peer, its own":      {false, far, "api.example.no", headers{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "api.example.no:8443"}, "http://api.example.no/x", 200, nil},
		"an untrusted peer, Forwarded":    {true, far, "api.example.no", headers{"Forwarded", "proto=https"}, "https://api.example.no/x", 401, dpop.ErrProofURL},
		"a proxy":                         {false, near, "inside:8080", headers{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "api.example.no"}, "https://api.example.no/x", 200, nil},
		"a proxy that keeps Host":         {false, near, "api.example.no", headers{"X-Forwarded-Proto", "HTTPS"}, "https://api.example.no/x", 200, nil},
		"a proxy, over IPv4 in IPv6":      {false, "[::ffff:10.1.2.3]:1", "api.example.no", headers{"X-Forwarded-Proto", "https"}, "https://api.example.no/x", 200, nil},
		"a proxy, over IPv6 with a zone":  {false, "[fe80::1%eth0]:1", "api.example.no", headers{"X-Forwarded-Proto", "https"}, "https://api.example.no/x", 200, nil},
		"a proxy, for another host":       {false, near, "api.example.no", headers{"X-Forwarded-Host", "evil.example"}, "http://evil.example/x", 421, dpop.ErrHost},
		"two protos":                      {false, near, "api.example.no", headers{"X-Forwarded-Proto", "https", "X-Forwarded-Proto", "http"}, "https://api.example.no/x", 400, dpop.ErrForwarded},
		"two protos in one":               {false, near, "api.example.no", headers{"X-Forwarded-Proto", "https, http"}, "https://api.example.no/x", 400, dpop.ErrForwarded},
		"two hosts":                       {false, near, "api.example.no", headers{"X-Forwarded-Host", "api.example.no", "X-Forwarded-Host", "api.example.no"}, "http://api.example.no/x", 400, dpop.ErrForwarded},
		"another scheme":                  {false, near, "api.example.no", headers{"X-Forwarded-Proto", "wss"}, "https://api.example.no/x", 400, dpop.ErrForwarded},
		"a proxy does not send Forwarded": {false, near, "api.example.no", headers{"Forwarded", "proto=https"}, "https://api.example.no/x", 401, dpop.ErrProofURL},
		"Forwarded":                       {true, near, "inside", headers{"Forwarded", `for="[2001:db8::2]:1";Proto=HTTPS;host="api.example.no";by=_x`}, "https://api.example.no/x", 200, nil},
		"Forwarded, the last element":     {true, near, "inside", headers{"Forwarded", `proto=http;host=evil.example, for=192.0.2.1`, "Forwarded", ` proto=https ; host=api.example.no`}, "https://api.example.no/x", 200, nil},
		"Forwarded, a proto twice":        {true, near, "api.example.no", headers{"Forwarded", "proto=https;proto=http"}, "https://api.example.no/x", 400, dpop.ErrForwarded},
		"Forwarded, broken":               {true, near, "api.example.no", headers{"Forwarded", `proto=https;host="api`}, "https://api.example.no/x", 400, dpop.ErrForwarded},
		"Forwarded, no pair":              {true, near, "api.example.no", headers{"Forwarded", "https"}, "https://api.example.no/x", 400, dpop.ErrForwarded},
		"Forwarded, empty":                {true, near, "api.example.no", headers{"Forwarded", ""}, "https://api.example.no/x", 400, dpop.ErrForwarded},
		"not X-Forwarded then":            {true, near, "api.example.no", headers{"X-Forwarded-Proto", "https"}, "https://api.example.no/x", 401, dpop.ErrProofURL},
		"a peer without an address":       {false, "@", "api.example.no", headers{"X-Forwarded-Proto", "https"}, "https://api.example.no/x", 401, dpop.ErrProofURL},
	} {
		m, _ := guard(t, func(m *dpop.Middleware) {
			m.BaseURL, m.Hosts, m.RFC7239 = "", []string{"api.example.no", "shop.example", "[2001:db8::1]:8080"}, c.rfc7239
			m.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fe80::/64")}
		})
		r := requestOf(t, "/x", "ignored", c.peer, c.headers...)
		r.Host = c.host
		status, rule := wants(t, m, unwrapped, r, c.url)
		assert.Equal(t, c.status, status, "%s: %v", name, rule)
		if c.rule != nil {
			assert.ErrorIs(t, rule, c.rule, name)
		}
	}
}

// certificate returns a self-signed certificate (RFC 8705 §2.2).
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Over TLS with the certificate of the token, another one, and none (RFC 8705 §3).
func TestCertificateBoundTokens(t *testing.T) {
	right, wrong := certificate(t), certificate(t)
	sum := sha256.Sum256(right.Certificate[0])
	m, tokens := guard(t, func(m *dpop.Middleware) { m.Mode = dpop.RequireBound })
	tokens.tokens["cert"].X5T = base64.RawURLEncoding.EncodeToString(sum[:])
	tokens.tokens["both"].X5T = tokens.tokens["cert"].X5T
	server := httptest.NewUnstartedServer(m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()
	m.BaseURL = server.URL
	call := func(token string, certificates ...tls.Certificate) int {
		base := server.Client().Transport.(*http.Transport).Clone()
		base.TLSClientConfig.Certificates = certificates
		defer base.CloseIdleConnections()
		if token == "both" {
			status, _ := get(t, &dpop.Transport{Tokens: fixedToken(token), Base: base}, server.URL)
			return status
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		status, _ := do(t, base, req)
		return status
	}
	for _, token := range []string{"cert", "both"} {
		assert.Equal(t, 200, call(token, right), token)
		assert.Equal(t, 401, call(token, wrong), token)
		assert.Equal(t, 401, call(token), token)
	}
	assert.Equal(t, 401, call("bearer", right))
}

// FuzzAuthorization checks that every verdict is complete: admitted with a token, or
// refused with a status and, for 401, a challenge that the Transport understands.
func FuzzAuthorization(f *testing.F) {
	proof := proofFor(f, "bound", asGiven)
	for _, value := range []string{"DPoP bound", "Bearer bearer", "dpop  bound", "DPoP", "Basic a", "", "DPoP a,b", "\x00"} {
		f.Add(value, proof, "proto=https;host=api.example.no")
	}
	f.Fuzz(func(t *testing.T, authorization, proof, forwarded string) {
		m, _ := guard(t, func(m *dpop.Middleware) {
			m.BaseURL, m.Hosts, m.RFC7239, m.Mode = "", []string{"api.example.no"}, true, dpop.AllowBearer
			m.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // the address that httptest uses
		})
		r := httptest.NewRequest("GET", "/patients", nil)
		r.Header = http.Header{"Authorization": {authorization}, "Dpop": {proof}, "Forwarded": {forwarded}}
		w, in := httptest.NewRecorder(), false
		m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			in = true
			if dpop.TokenFrom(r.Context()) == nil {
				t.Error("let in without a token")
			}
		})).ServeHTTP(w, r)
		challenges := w.Header().Values("WWW-Authenticate")
		switch {
		case in != (w.Code == 200):
			t.Fatal(w.Code)
		case w.Code == 401 && len(challenges) != 2, w.Code >= 500:
			t.Fatal(w.Code, challenges)
		}
	})
}
