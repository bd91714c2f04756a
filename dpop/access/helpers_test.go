package access_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/dpop/access"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/require"
)

const (
	issuer   = "https://as.example.com"
	audience = "https://api.example.com"
)

var testKeys sync.Map // by algorithm and number: RSA keys are slow to generate

func testKey(t testing.TB, alg keys.Algorithm, number int) *keys.Key {
	t.Helper()
	name := fmt.Sprint(alg, number)
	if k, ok := testKeys.Load(name); ok {
		return k.(*keys.Key)
	}
	k, err := keys.GenerateRSA(alg, 2048)
	if err != nil {
		k, err = keys.Generate(alg)
	}
	require.NoError(t, err)
	testKeys.Store(name, k)
	return k
}

// sign makes a JWT with go-jose. Its header has these members, without nil values,
// besides alg and kid.
func sign(t testing.TB, key *keys.Key, header, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(without(claims))
	require.NoError(t, err)
	return signText(t, key, header, string(payload))
}

func signText(t testing.TB, key *keys.Key, header map[string]any, payload string) string {
	t.Helper()
	private, err := key.PrivateJOSE()
	require.NoError(t, err)
	options := (&jose.SignerOptions{}).WithType("at+jwt")
	if _, there := header["kid"]; !there {
		options.WithHeader("kid", key.KeyID())
	}
	for name, value := range header {
		if value == nil {
			delete(options.ExtraHeaders, jose.HeaderKey(name))
			continue
		}
		options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm()), Key: private.Key}, options)
	require.NoError(t, err)
	signed, err := signer.Sign([]byte(payload))
	require.NoError(t, err)
	token, err := signed.CompactSerialize()
	require.NoError(t, err)
	return token
}

func without(claims map[string]any) map[string]any {
	claims = maps.Clone(claims)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return claims
}

// good returns the claims of a valid token with some changed. A nil value removes
// the claim.
func good(changed map[string]any) map[string]any {
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": issuer, "sub": "kari", "client_id": "client-1", "aud": audience, "scope": "read write",
		"iat": now, "exp": now + 300, "jti": "1",
	}
	maps.Copy(claims, changed)
	return claims
}

// server is an issuer without a network. Its responses can be changed.
type server struct {
	jwks    func() (*http.Response, error)
	asked   atomic.Int32 // for keys
	mu      sync.Mutex
	members map[string]any // more of its metadata
}

func newServer(of ...*keys.Key) *server {
	s := &server{}
	s.publish(of...)
	return s
}

func (s *server) publish(of ...*keys.Key) {
	var set keys.Set
	for _, k := range of {
		set.Keys = append(set.Keys, k.PublicKey())
	}
	text, _ := set.MarshalJSON()
	s.say(func() (*http.Response, error) { return answer(200, string(text)), nil })
}

func (s *server) say(f func() (*http.Response, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jwks = f
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	switch r.URL.String() {
	case issuer + "/.well-known/openid-configuration":
		m := map[string]any{"issuer": issuer, "token_endpoint": issuer + "/token", "jwks_uri": issuer + "/jwks"}
		maps.Copy(m, s.members)
		text, _ := json.Marshal(without(m))
		return answer(200, string(text)), nil
	case issuer + "/jwks":
		s.asked.Add(1)
		s.mu.Lock()
		f := s.jwks
		s.mu.Unlock()
		return f()
	}
	return answer(404, ""), nil
}

func (s *server) verifier() *access.Verifier {
	return &access.Verifier{Issuer: issuer, Audiences: []string{audience}, Base: s}
}

func answer(status int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

type network func(*http.Request) (*http.Response, error)

func (f network) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	return f(r)
}

// check calls Token and returns only the error.
func check(ctx context.Context, v *access.Verifier, token string) error {
	_, err := v.Token(ctx, token)
	return err
}
