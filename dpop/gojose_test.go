package dpop_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/require"
)

// opened is a proof as decoded by go-jose.
type opened struct {
	Key   jose.JSONWebKey
	Typ   any
	JTI   string `json:"jti"`
	HTM   string `json:"htm"`
	HTU   string `json:"htu"`
	IAT   int64  `json:"iat"`
	ATH   string `json:"ath"`
	Nonce string `json:"nonce"`
}

var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// open verifies the signature with the key in the header and reads the claims.
func open(proof string) (o opened, err error) {
	jws, err := jose.ParseSignedCompact(proof, algorithms)
	if err != nil {
		return o, err
	}
	header := jws.Signatures[0].Protected
	o.Key, o.Typ = *header.JSONWebKey, header.ExtraHeaders[jose.HeaderType]
	payload, err := jws.Verify(header.JSONWebKey)
	if err != nil {
		return o, err
	}
	return o, json.Unmarshal(payload, &o)
}

func (o opened) thumbprint(t testing.TB) string {
	sum, err := o.Key.Thumbprint(crypto.SHA256)
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(sum)
}

// attempt is a request as received by the server.
type attempt struct {
	opened
	Authorization string
	Body          string
	Length        int64
	Header        http.Header
	unread        io.Reader // the body of a request with Expect
	remote        string    // the client's end of the connection
}

// server responds to attempts by number. It verifies every proof: signature, typ,
// method, URL, hash of the token, and a new "jti".
type server struct {
	*httptest.Server
	answer  func(w http.ResponseWriter, n int, a attempt)
	lenient bool // does not check ath

	mu       sync.Mutex
	attempts []attempt
	jtis     map[string]bool
	failures []string
}

// newServer serves answer on loopback, over TLS if told to.
func newServer(t *testing.T, withTLS bool, answer func(w http.ResponseWriter, n int, a attempt)) *server {
	s := &server{answer: answer, jtis: make(map[string]bool)}
	if withTLS {
		s.Server = httptest.NewTLSServer(s)
	} else {
		s.Server = httptest.NewServer(s)
	}
	t.Cleanup(func() {
		s.Close()
		require.Empty(t, s.failures)
	})
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	n := len(s.attempts)
	a := attempt{Authorization: r.Header.Get("Authorization"), Length: r.ContentLength, Header: r.Header, unread: r.Body, remote: r.RemoteAddr}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	fail := func(what string) { s.failures = append(s.failures, what) }
	o, err := open(r.Header.Get("DPoP"))
	a.opened = o
	token, _ := strings.CutPrefix(a.Authorization, "DPoP ")
	switch {
	case len(r.Header.Values("DPoP")) != 1 || err != nil:
		fail("no proof that verifies")
	case o.Typ != "dpop+jwt" || !o.Key.IsPublic() || o.HTM != r.Method:
		fail("typ, jwk or htm")
	case o.HTU != scheme+r.Host+path: // byte by byte, like Spring, oauth4webapi and go-dpop
		fail("htu")
	case s.lenient:
	case token != "" && o.ATH != hash(token), token == "" && o.ATH != "":
		fail("ath")
	case s.jtis[o.JTI]:
		fail("jti twice")
	}
	s.jtis[o.JTI] = true
	s.attempts = append(s.attempts, a)
	s.mu.Unlock()
	if a.Header.Get("Expect") == "" {
		b, _ := io.ReadAll(r.Body)
		a.Body = string(b)
		s.mu.Lock()
		s.attempts[n].Body = a.Body
		s.mu.Unlock()
	}
	s.answer(w, n, a)
}

func (s *server) seen() []attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]attempt(nil), s.attempts...)
}

// nonces lists the "nonce" of each attempt.
func (s *server) nonces() (list []string) {
	for _, a := range s.seen() {
		list = append(list, a.Nonce)
	}
	return list
}

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// askAsToken and askAsAPI are the two forms of the challenge (RFC 9449 §8, §9).
func askAsToken(w http.ResponseWriter, nonce string) {
	w.Header().Set("DPoP-Nonce", nonce)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	io.WriteString(w, `{"error":"use_dpop_nonce","error_description":"a nonce is needed"}`)
}

func askAsAPI(w http.ResponseWriter, nonce string) {
	w.Header().Set("DPoP-Nonce", nonce)
	w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce", error_description="a nonce is needed"`)
	w.WriteHeader(http.StatusUnauthorized)
}

// testKey returns the one EC key of all tests.
var testKey = sync.OnceValue(func() *keys.Key {
	k, err := keys.Generate(keys.ES256)
	if err != nil {
		panic(err)
	}
	return k
})

// fixedToken is a source of one token.
type fixedToken string

func (f fixedToken) BoundToken(context.Context) (string, *keys.Key, error) {
	return string(f), testKey(), nil
}

// get sends a GET and returns status and body.
func get(t *testing.T, rt http.RoundTripper, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	return do(t, rt, req)
}

func do(t *testing.T, rt http.RoundTripper, req *http.Request) (int, string) {
	t.Helper()
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(b)
}

func secondsFromNow(unix int64) float64 { return time.Until(time.Unix(unix, 0)).Seconds() }

// openAssertion returns the "jti" of the client assertion in a token request.
func openAssertion(form string) (string, error) {
	values, err := url.ParseQuery(form)
	if err != nil {
		return "", err
	}
	jws, err := jose.ParseSignedCompact(values.Get("client_assertion"), algorithms)
	if err != nil {
		return "", err
	}
	payload, err := jws.Verify(testKey().PublicKey().Public())
	if err != nil {
		return "", err
	}
	var claims struct{ JTI string }
	err = json.Unmarshal(payload, &claims)
	return claims.JTI, err
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// errorReader returns its error once, as some bodies do.
type errorReader struct{ err error }

func (r *errorReader) Read([]byte) (int, error) {
	err := r.err
	r.err = io.EOF
	return 0, err
}
