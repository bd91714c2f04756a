package assertion_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/require"
)

const (
	issuer   = "https://as.example.com"
	endpoint = "https://as.example.com/token"
	clientID = "client-1"
)

var testKeys sync.Map // by algorithm; all RSA keys have the same material

func testKey(t testing.TB, alg keys.Algorithm) *keys.Key {
	t.Helper()
	if k, ok := testKeys.Load(alg); ok {
		return k.(*keys.Key)
	}
	var k *keys.Key
	var err error
	switch {
	case alg == keys.RS256:
		k, err = keys.GenerateRSA(alg, 2048)
	case strings.HasPrefix(string(alg), "RS") || strings.HasPrefix(string(alg), "PS"):
		k, err = testKey(t, keys.RS256).With(keys.Options{Algorithm: alg})
	default:
		k, err = keys.Generate(alg)
	}
	require.NoError(t, err)
	testKeys.Store(alg, k)
	return k
}

func testSigner(t testing.TB) *assertion.Signer {
	return &assertion.Signer{ClientID: clientID, Audience: issuer, Key: testKey(t, keys.ES256)}
}

// payloadOf verifies a token with go-jose and returns its claims and header.
func payloadOf(t testing.TB, token string, alg jose.SignatureAlgorithm, key any) (map[string]any, jose.Header) {
	t.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{alg})
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, parsed.Claims(key, &claims))
	require.Len(t, parsed.Headers, 1)
	return claims, parsed.Headers[0]
}

// keySource is a keys.Source whose key may change.
type keySource func(ctx context.Context) (*keys.Key, error)

func (f keySource) SigningKey(ctx context.Context) (*keys.Key, error) { return f(ctx) }

type secretSource func(ctx context.Context) (keys.Secret, error)

func (f secretSource) ClientSecret(ctx context.Context) (keys.Secret, error) { return f(ctx) }

// network is an http.RoundTripper without a network, for tests of time and of
// malformed responses.
type network func(*http.Request) (*http.Response, error)

func (f network) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	return f(r)
}

func answer(status int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func answering(status int, body string, header ...string) network {
	return func(*http.Request) (*http.Response, error) { return answer(status, body, header...), nil }
}

// closes records whether a body was closed.
type closes struct {
	io.Reader
	closed bool
}

func (c *closes) Close() error { c.closed = true; return nil }
