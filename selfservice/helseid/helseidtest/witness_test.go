package helseidtest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/require"
)

// These tests make requests with go-jose and net/http alone, without this
// module's signing code.

const clientID = "stranger"

type object = map[string]any

// stranger is a client that shares no code with the fake.
type stranger struct {
	t      *testing.T
	server *helseidtest.Server
	alg    jose.SignatureAlgorithm
	key    any // registered
	kid    string
	proof  any // the DPoP key, for the same alg
	nonce  string
}

// newStranger starts a server and registers a client. Set configures the server.
func newStranger(t *testing.T, set func(*helseidtest.Server)) *stranger {
	t.Helper()
	server := helseidtest.New()
	server.APIScope = "nhn:api/read"
	t.Cleanup(server.Close)
	if set != nil {
		set(server)
	}
	s := &stranger{t: t, server: server}
	s.use(jose.ES256, newEC(t, elliptic.P256()), newEC(t, elliptic.P256()))
	return s
}

// use registers another key by hand and switches to it and to a DPoP key.
func (s *stranger) use(alg jose.SignatureAlgorithm, key, proof crypto.Signer) {
	s.t.Helper()
	s.alg, s.key, s.proof = alg, key, proof
	s.kid = string(alg) + " " + thumbprint(s.t, key.Public())
	s.server.AddClient(clientID, public(s.t, alg, key.Public(), s.kid))
}

func newEC(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	require.NoError(t, err)
	return k
}

// rsaKey is generated once for all tests, to save time.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func thumbprint(t *testing.T, key crypto.PublicKey) string {
	t.Helper()
	sum, err := (&jose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(sum)
}

// public returns a key as the fake takes it.
func public(t *testing.T, alg jose.SignatureAlgorithm, key crypto.PublicKey, kid string) *keys.PublicKey {
	t.Helper()
	p, err := keys.NewPublicKey(key, keys.Options{Algorithm: keys.Algorithm(alg), KeyID: kid})
	require.NoError(t, err)
	return p
}

// jwk returns a public JWK as go-jose encodes it.
func jwk(t *testing.T, key crypto.PublicKey, kid string) []byte {
	t.Helper()
	b, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: kid, Use: "sig"})
	require.NoError(t, err)
	return b
}

// sign returns a compact JWS. Members of header replace those of go-jose.
func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, embed bool, header, claims object) string {
	t.Helper()
	o := &jose.SignerOptions{EmbedJWK: embed}
	for name, value := range header {
		o.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	require.NoError(t, err)
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	token, err := signer.Sign(payload)
	require.NoError(t, err)
	compact, err := token.CompactSerialize()
	require.NoError(t, err)
	return compact
}

// change replaces members of m. Nil deletes one.
func change(m object, changes object) object {
	for name, value := range changes {
		if value == nil {
			delete(m, name)
		} else {
			m[name] = value
		}
	}
	return m
}

func (s *stranger) assertionClaims(changes object) object {
	now := time.Now().Unix()
	return change(object{"iss": clientID, "sub": clientID, "aud": s.server.URL(), "jti": rand.Text(), "iat": now, "nbf": now, "exp": now + 30}, changes)
}

func (s *stranger) assertion(header, changes object) string {
	h := change(object{"typ": "client-authentication+jwt", "kid": s.kid}, header)
	return sign(s.t, s.alg, s.key, false, h, s.assertionClaims(changes))
}

func (s *stranger) proofFor(method, path, token string, header, changes object) string {
	claims := object{"jti": rand.Text(), "htm": method, "htu": s.server.URL() + path, "iat": time.Now().Unix()}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if s.nonce != "" {
		claims["nonce"] = s.nonce
	}
	return sign(s.t, s.alg, s.proof, true, change(object{"typ": "dpop+jwt"}, header), change(claims, changes))
}

func (s *stranger) form(assertion string) url.Values {
	return url.Values{
		"grant_type":            {"client_credentials"},
		"client_id":             {clientID},
		"scope":                 {helseid.SelfServiceScope + " nhn:api/read nhn:api/write"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
	}
}

// answer is the response to a request.
type answer struct {
	status int
	header http.Header
	body   []byte
	object object // body as JSON; nil if it is none
}

func (s *stranger) send(method, path string, header http.Header, body string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.server.URL()+path, strings.NewReader(body))
	require.NoError(s.t, err)
	if header != nil {
		req.Header = header
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	a.body, err = io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	json.Unmarshal(a.body, &a.object) // leaves it nil if it is no object
	return a
}

func (s *stranger) ask(form url.Values, proofs ...string) answer {
	s.t.Helper()
	h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Dpop": proofs}
	a := s.send("POST", "/connect/token", h, form.Encode())
	if n := a.header.Get("DPoP-Nonce"); n != "" {
		s.nonce = n
	}
	return a
}

const tokenPath = "/connect/token"

// meet learns the first nonce from a challenge.
func (s *stranger) meet() {
	s.t.Helper()
	a := s.ask(s.form(s.assertion(nil, nil)), s.proofFor("POST", tokenPath, "", nil, nil))
	require.Equal(s.t, 400, a.status)
	require.Equal(s.t, "use_dpop_nonce", a.object["error"])
	require.NotEmpty(s.t, s.nonce)
}

// token gets an access token.
func (s *stranger) token(changes object) string {
	s.t.Helper()
	if s.nonce == "" {
		s.meet()
	}
	a := s.ask(s.form(s.assertion(nil, changes)), s.proofFor("POST", tokenPath, "", nil, nil))
	require.Equal(s.t, 200, a.status, a.object)
	require.Equal(s.t, "DPoP", a.object["token_type"])
	return a.object["access_token"].(string)
}

func (s *stranger) call(method, path, token, body string) answer {
	s.t.Helper()
	return s.callWith(method, path, "DPoP "+token, body, s.proofFor(method, path, token, nil, nil))
}

func (s *stranger) callWith(method, path, authorization, body string, proofs ...string) answer {
	s.t.Helper()
	h := http.Header{"Authorization": {authorization}, "Dpop": proofs, "Content-Type": {"application/json"}}
	if authorization == "" {
		h.Del("Authorization")
	}
	return s.send(method, path, h, body)
}

// refusedOnce checks which rule refused the last request.
func (s *stranger) refusedOnce(t *testing.T, before helseidtest.Counts, rule helseidtest.Refusal) {
	t.Helper()
	after := s.server.Counts()
	require.Equal(t, before.Refused[rule]+1, after.Refused[rule], "refused by another rule: %v", after.Refused)
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return b
}
