package keycloaktest

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/internal/htu"
)

// proof checks the DPoP proof of a request (RFC 9449 §4.3) and returns the
// thumbprint of its key, or what is wrong, as the server words it.
func (s *Server) proof(r *http.Request, accessToken string) (jkt, problem string) {
	headers := r.Header.Values("DPoP")
	if len(headers) != 1 {
		return "", "DPoP proof is missing"
	}
	jws, err := jose.ParseSignedCompact(headers[0], []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	})
	if err != nil {
		return "", "DPoP header verification failure"
	}
	header := jws.Signatures[0].Protected
	if header.JSONWebKey == nil || !header.JSONWebKey.IsPublic() || header.ExtraHeaders[jose.HeaderType] != "dpop+jwt" {
		return "", "No JWK in DPoP header, or another type"
	}
	payload, err := jws.Verify(header.JSONWebKey)
	if err != nil {
		return "", "DPoP verification failure"
	}
	var claims struct {
		ID     string `json:"jti"`
		Method string `json:"htm"`
		URL    string `json:"htu"`
		Issued *int64 `json:"iat"`
		Hash   string `json:"ath"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.ID == "" || claims.Issued == nil {
		return "", "DPoP mandatory claims are missing"
	}
	issued, now := time.Unix(*claims.Issued, 0), s.now()
	sum := sha256.Sum256([]byte(accessToken))
	switch {
	case claims.Method != r.Method:
		return "", "DPoP HTTP method mismatch"
	case !htu.Matches(claims.URL, s.URL+r.URL.EscapedPath()):
		return "", "DPoP HTTP URL mismatch"
	case issued.Add(10*time.Second + skew).Before(now), issued.Add(-skew).After(now):
		return "", "DPoP proof is not active"
	case accessToken != "" && claims.Hash != base64.RawURLEncoding.EncodeToString(sum[:]):
		return "", "DPoP proof access token hash mismatch"
	}
	thumbprint, err := header.JSONWebKey.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", "DPoP verification failure"
	}
	jkt = base64.RawURLEncoding.EncodeToString(thumbprint)
	if !s.spend("proof "+jkt+" "+claims.ID, now.Add(10*time.Second+2*skew)) { // however htu is spelled
		return "", "DPoP proof has already been used"
	}
	return jkt, ""
}
