package oktatest

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/internal/htu"
)

// signatures returns the algorithms that Okta accepts.
func signatures() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512}
}

// proof checks the DPoP proof of a request (RFC 9449 §4.3). It returns the
// thumbprint of its key and its nonce, or what is wrong.
func (s *Server) proof(r *http.Request, accessToken string) (jkt, nonce, problem string) {
	headers := r.Header.Values("DPoP")
	if len(headers) != 1 {
		return "", "", "The DPoP proof JWT header is missing."
	}
	jws, err := jose.ParseSignedCompact(headers[0], signatures())
	if err != nil {
		return "", "", "The DPoP proof JWT header is malformed."
	}
	header := jws.Signatures[0].Protected
	if header.JSONWebKey == nil || !header.JSONWebKey.IsPublic() || header.ExtraHeaders[jose.HeaderType] != "dpop+jwt" {
		return "", "", "The DPoP proof JWT header has no public key or another type."
	}
	payload, err := jws.Verify(header.JSONWebKey)
	if err != nil {
		return "", "", "The DPoP proof JWT has an invalid signature."
	}
	var claims struct {
		ID     string `json:"jti"`
		Method string `json:"htm"`
		URL    string `json:"htu"`
		Issued *int64 `json:"iat"`
		Hash   string `json:"ath"`
		Nonce  string `json:"nonce"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.ID == "" || claims.Issued == nil {
		return "", "", "The DPoP proof JWT lacks a claim."
	}
	issued, now := time.Unix(*claims.Issued, 0), time.Now()
	sum := sha256.Sum256([]byte(accessToken))
	switch {
	case claims.Method != r.Method:
		return "", "", "The DPoP proof JWT has another htm."
	case !htu.Matches(claims.URL, s.URL+r.URL.EscapedPath()):
		return "", "", "The DPoP proof JWT has another htu."
	case issued.After(now.Add(time.Second)):
		return "", "", "The DPoP proof JWT was issued in the future."
	case issued.Before(now.Add(-5 * time.Minute)):
		return "", "", "The DPoP proof JWT was issued too long ago."
	case accessToken != "" && claims.Hash != base64.RawURLEncoding.EncodeToString(sum[:]):
		return "", "", "The DPoP proof JWT has another ath."
	}
	thumbprint, err := header.JSONWebKey.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", "", "The DPoP proof JWT header is malformed."
	}
	jkt = base64.RawURLEncoding.EncodeToString(thumbprint)
	if !s.spend("proof "+jkt+" "+claims.ID, now.Add(6*time.Minute)) {
		return "", "", "The DPoP proof JWT has already been used."
	}
	return jkt, claims.Nonce, ""
}

const day = 24 * time.Hour

// nonce returns the nonce of the day.
func (s *Server) nonce() string {
	return "nonce-" + strconv.FormatInt(time.Now().Unix()/int64(day/time.Second), 10)
}

// freshNonce reports whether a nonce is of one of the last three days.
func (s *Server) freshNonce(nonce string) bool {
	today := time.Now().Unix() / int64(day/time.Second)
	for age := range int64(3) {
		if nonce == "nonce-"+strconv.FormatInt(today-age, 10) {
			return true
		}
	}
	return false
}
