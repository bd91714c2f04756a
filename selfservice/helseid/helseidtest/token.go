package helseidtest

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512,
}

func thumbprint(k jose.JSONWebKey) string {
	t, err := k.Thumbprint(crypto.SHA256)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(t)
}

func (s *Server) discovery(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"issuer": s.URL(), "token_endpoint": s.URL() + "/connect/token"})
}

func oauthError(w http.ResponseWriter, code, description string) {
	writeJSON(w, http.StatusBadRequest, map[string]string{"error": code, "error_description": description})
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	client, problem := s.authenticate(r)
	if problem != "" {
		oauthError(w, "invalid_client", problem)
		return
	}
	jkt, code, problem := s.proof(r, "")
	if problem != "" {
		if code == "use_dpop_nonce" {
			w.Header().Set("DPoP-Nonce", s.nonce)
		}
		oauthError(w, code, problem)
		return
	}
	token := rand.Text() + rand.Text()
	s.tokens[token] = grant{client, r.PostForm.Get("scope"), jkt, time.Now().Add(10 * time.Minute)}
	writeJSON(w, http.StatusOK, map[string]any{"access_token": token, "token_type": "DPoP", "expires_in": 600, "scope": r.PostForm.Get("scope")})
}

// authenticate checks the client assertion.
func (s *Server) authenticate(r *http.Request) (client, problem string) {
	if err := r.ParseForm(); err != nil {
		return "", "not a form"
	}
	client = r.PostForm.Get("client_id")
	jws, err := jose.ParseSigned(r.PostForm.Get("client_assertion"), algorithms)
	if err != nil {
		return "", "client_assertion is not a JWS"
	}
	header := jws.Signatures[0].Protected
	if typ := header.ExtraHeaders[jose.HeaderType]; typ != "client-authentication+jwt" && typ != "JWT" {
		return "", "typ"
	}
	var payload []byte
	for _, k := range s.clients[client] {
		if k.key.KeyID == header.KeyID {
			payload, _ = jws.Verify(k.key)
		}
	}
	if payload == nil {
		return "", "the key is not registered"
	}
	var c struct {
		Iss string `json:"iss"`
		Sub string `json:"sub"`
		Aud string `json:"aud"`
		Jti string `json:"jti"`
		Exp int64  `json:"exp"`
		Nbf int64  `json:"nbf"`
	}
	now := time.Now().Unix()
	switch {
	case json.Unmarshal(payload, &c) != nil:
		return "", "claims"
	case c.Iss != client || c.Sub != client:
		return "", "iss or sub"
	case c.Aud != s.URL():
		return "", "aud"
	case c.Exp > now+60 || c.Exp < now || c.Nbf > now:
		return "", "time"
	case c.Jti == "" || s.used[c.Jti]:
		return "", "jti"
	}
	s.used[c.Jti] = true
	return client, ""
}

// proof checks the DPoP proof of a request; token is empty at the token
// endpoint, which asks for a nonce.
func (s *Server) proof(r *http.Request, token string) (jkt, code, problem string) {
	const invalid = "invalid_dpop_proof"
	if len(r.Header.Values("DPoP")) != 1 {
		return "", invalid, "one DPoP header"
	}
	jws, err := jose.ParseSigned(r.Header.Get("DPoP"), algorithms)
	if err != nil || jws.Signatures[0].Protected.JSONWebKey == nil {
		return "", invalid, "not a proof"
	}
	header := jws.Signatures[0].Protected
	payload, err := jws.Verify(header.JSONWebKey)
	if err != nil || header.ExtraHeaders[jose.HeaderType] != "dpop+jwt" {
		return "", invalid, "signature or typ"
	}
	var c struct {
		Jti   string `json:"jti"`
		Htm   string `json:"htm"`
		Htu   string `json:"htu"`
		Iat   int64  `json:"iat"`
		Ath   string `json:"ath"`
		Nonce string `json:"nonce"`
	}
	if json.Unmarshal(payload, &c) != nil {
		return "", invalid, "claims"
	}
	var ath string
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		ath = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	age := time.Now().Unix() - c.Iat
	switch {
	case c.Htm != r.Method || c.Htu != s.URL()+r.URL.Path:
		return "", invalid, "htm or htu"
	case age < -5 || age > 6:
		return "", invalid, "iat"
	case c.Ath != ath:
		return "", invalid, "ath"
	case token == "" && c.Nonce != s.nonce:
		return "", "use_dpop_nonce", "nonce"
	case c.Jti == "" || s.used[c.Jti]:
		return "", invalid, "jti"
	}
	s.used[c.Jti] = true
	return thumbprint(*header.JSONWebKey), "", ""
}

// authorize checks token and proof of an API request.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) (grant, bool) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "DPoP ")
	g := s.tokens[token]
	if !ok || g.client == "" || time.Now().After(g.expires) {
		w.Header().Set("WWW-Authenticate", `DPoP error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
		return grant{}, false
	}
	jkt, _, problem := s.proof(r, token)
	if problem != "" || jkt != g.jkt {
		w.Header().Set("WWW-Authenticate", `DPoP error="invalid_dpop_proof"`)
		w.WriteHeader(http.StatusUnauthorized)
		return grant{}, false
	}
	return g, true
}
