package helseidtest

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4/json"
	"github.com/nokkel/nokkel/internal/htu"
)

// proofValidity is how old a proof may be, in addition to the leeway.
const proofValidity = time.Second

// proof checks the DPoP proof of a request (RFC 9449 §4.3) and returns the
// thumbprint of its key. At an API the proof must be for the token, and by the key
// that it is bound to. At the token endpoint both are empty, and the URL may be
// spelled in any way (RFC 9449 §4.3); the APIs of the sector take its htu only as
// the request has it.
func (s *Server) proof(r *http.Request, token, bound string, nonce bool) (jkt string, refusal Refusal) {
	if len(r.Header.Values("DPoP")) != 1 {
		return "", ProofMissing
	}
	t, ok := parseJWS(r.Header.Get("DPoP"))
	if !ok {
		return "", ProofMalformed
	}
	if t.header.Typ != "dpop+jwt" {
		return "", ProofType
	}
	key, refusal := parseJWK(t.header.JWK)
	if refusal != "" {
		return "", ProofKey
	}
	if !t.allowed(key) {
		return "", ProofAlgorithm
	}
	if !t.verify(key) {
		return "", ProofSignature
	}
	var c struct {
		Jti   string `json:"jti"`
		Htm   string `json:"htm"`
		Htu   string `json:"htu"`
		Iat   *int64 `json:"iat"`
		Ath   string `json:"ath"`
		Nonce string `json:"nonce"`
	}
	if json.Unmarshal(t.payload, &c) != nil || c.Jti == "" || c.Iat == nil {
		return "", ProofClaims
	}
	now, url := s.now(), s.URL()+r.URL.EscapedPath()
	switch {
	case c.Htm != r.Method:
		return "", ProofMethod
	case !htu.Matches(c.Htu, url), token != "" && c.Htu != url:
		return "", ProofURL
	case *c.Iat > now.Add(leeway).Unix() || *c.Iat < now.Add(-proofValidity-leeway).Unix():
		return "", ProofTime
	case c.Ath != tokenHash(token):
		return "", ProofToken
	case bound != "" && key.thumbprint != bound:
		return "", ProofBinding
	case nonce && c.Nonce != s.nonce(0) && c.Nonce != s.nonce(1):
		return "", ProofNonce
	case !s.proven.add(key.thumbprint, c.Jti, now): // last, so that a refused proof is not spent
		return "", ProofReplayed
	}
	return key.thumbprint, ""
}

func tokenHash(token string) string {
	if token == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
