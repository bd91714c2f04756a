package assertion_test

import (
	"context"
	"crypto"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// boundServer is a token endpoint that demands its current nonce and binds each
// token to the key of the proof. It verifies with go-jose.
type boundServer struct {
	mu         sync.Mutex
	nonce      string
	clientKids []string // of the assertions, in order
	jtis       map[string]bool
	boundTo    []string // thumbprints, one per token
	lifetime   string
}

func (s *boundServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	proof, err := jwt.ParseSigned(r.Header.Get("DPoP"), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || r.ParseForm() != nil {
		replyError(w, 400, "invalid_dpop_proof", "")
		return
	}
	jwk := proof.Headers[0].JSONWebKey
	var claims struct {
		JTI   string `json:"jti"`
		Nonce string `json:"nonce"`
	}
	clientAssertion, err := jwt.ParseSigned(r.PostForm.Get("client_assertion"), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || proof.Claims(jwk, &claims) != nil {
		replyError(w, 400, "invalid_client", "")
		return
	}
	var own jwt.Claims
	clientAssertion.UnsafeClaimsWithoutVerification(&own)
	if s.jtis[own.ID] || s.jtis[claims.JTI] {
		replyError(w, 400, "invalid_client", "jti twice")
		return
	}
	s.jtis[own.ID], s.jtis[claims.JTI] = true, true
	s.clientKids = append(s.clientKids, clientAssertion.Headers[0].KeyID)
	if claims.Nonce != s.nonce {
		w.Header().Set("DPoP-Nonce", s.nonce)
		replyError(w, 400, "use_dpop_nonce", "")
		return
	}
	thumbprint, _ := jwk.Thumbprint(crypto.SHA256)
	s.boundTo = append(s.boundTo, base64.RawURLEncoding.EncodeToString(thumbprint))
	reply(w, 200, map[string]any{"access_token": "t" + s.boundTo[len(s.boundTo)-1], "token_type": "DPoP", "expires_in": s.lifetime})
}

// The client key changes with every call and each nonce challenge needs a second
// attempt with a new assertion, but a token keeps the key it is bound to.
func TestDPoPKeyStaysWithItsToken(t *testing.T) {
	server := &boundServer{nonce: "n1", jtis: map[string]bool{}, lifetime: "600"}
	as := httptest.NewServer(server)
	defer as.Close()
	var clientKeys []string
	rotating := keySource(func(context.Context) (*keys.Key, error) {
		k, err := keys.Generate(keys.ES256)
		if err == nil {
			clientKeys = append(clientKeys, k.KeyID())
		}
		return k, err
	})
	s := &assertion.TokenSource{
		Endpoint: as.URL, Auth: &assertion.Signer{ClientID: clientID, Audience: as.URL, Key: rotating}, Prover: new(dpop.Prover),
	}
	first, firstKey, err := s.BoundToken(t.Context())
	require.NoError(t, err)
	assert.Len(t, server.clientKids, 2, "a refused attempt without the nonce, and one with it")
	assert.Equal(t, clientKeys, server.clientKids)
	assert.Equal(t, "t"+firstKey.Thumbprint(), first)
	for range 3 {
		again, key, err := s.BoundToken(t.Context())
		require.NoError(t, err)
		assert.Equal(t, first, again)
		assert.Same(t, firstKey, key)
	}
	s.Discard(first)
	second, secondKey, err := s.BoundToken(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "t"+secondKey.Thumbprint(), second)
	assert.NotEqual(t, firstKey.Thumbprint(), secondKey.Thumbprint(), "a token of its own has a key of its own")
	assert.Len(t, server.clientKids, 3, "the nonce was kept")
	assert.Len(t, clientKeys, 3)
}

// When an API answers invalid_token, dpop.Transport discards the token and retries
// with a new token and key.
func TestRefusedTokenIsReplaced(t *testing.T) {
	server := &boundServer{jtis: map[string]bool{}, lifetime: "600"}
	as := httptest.NewServer(server)
	defer as.Close()
	var revoked string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "DPoP "+revoked {
			w.Header().Set("WWW-Authenticate", `DPoP error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer api.Close()
	prover := new(dpop.Prover)
	s := &assertion.TokenSource{
		Endpoint: as.URL, Auth: &assertion.Signer{ClientID: clientID, Audience: as.URL, Key: testKey(t, keys.ES256)}, Prover: prover,
	}
	var err error
	revoked, _, err = s.BoundToken(t.Context())
	require.NoError(t, err)
	resp, err := (&http.Client{Transport: &dpop.Transport{Tokens: s, Prover: prover}}).Get(api.URL)
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Len(t, server.boundTo, 2)
}

func TestDPoPKeyOfTheCaller(t *testing.T) {
	server := &boundServer{jtis: map[string]bool{}, lifetime: "600"}
	as := httptest.NewServer(server)
	defer as.Close()
	own := testKey(t, keys.ES256)
	s := &assertion.TokenSource{Endpoint: as.URL, Auth: testSigner(t), Prover: new(dpop.Prover), DPoPKey: own}
	token, err := s.Token(t.Context())
	require.NoError(t, err)
	assert.Same(t, own, token.Key)
	assert.Equal(t, []string{own.Thumbprint()}, server.boundTo)
	require.WithinDuration(t, time.Now().Add(10*time.Minute), token.Expiry, 5*time.Second)
}
