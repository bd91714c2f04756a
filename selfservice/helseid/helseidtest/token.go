package helseidtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	maxForm       = 64 << 10
)

func (s *Server) discovery(w http.ResponseWriter, _ *http.Request) {
	s.writeJSON(w, http.StatusOK, "application/json", map[string]any{
		"issuer":                                           s.URL(),
		"authorization_endpoint":                           s.URL() + "/connect/authorize",
		"token_endpoint":                                   s.URL() + "/connect/token",
		"jwks_uri":                                         s.URL() + "/.well-known/openid-configuration/jwks",
		"grant_types_supported":                            []string{"client_credentials"},
		"response_types_supported":                         []string{"code"},
		"subject_types_supported":                          []string{"public"},
		"id_token_signing_alg_values_supported":            []string{"RS256"},
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": algorithms(),
		"dpop_signing_alg_values_supported":                algorithms(),
	})
}

func algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}
}

// authorizeUser is the authorization endpoint, which discovery must name. No
// client has a redirect_uri, so it shows an error to the user (RFC 6749
// §4.1.2.1).
func (s *Server) authorizeUser(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "helseidtest: there are no users", http.StatusBadRequest)
}

// token is the token endpoint. It authenticates the client before it checks the
// proof, so a nonce challenge spends the assertion.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if refusal := checkForm(r); refusal != "" {
		s.refuseToken(w, "invalid_request", refusal)
		return
	}
	if r.PostForm.Get("grant_type") != "client_credentials" {
		s.refuseToken(w, "unsupported_grant_type", RequestGrant)
		return
	}
	who, refusal := s.authenticate(r.PostForm, s.balancer.Node(r, s.Nodes, s.ByConnection))
	if refusal == RequestDetails {
		s.refuseToken(w, "invalid_request", refusal)
		return
	}
	if refusal != "" {
		s.refuseToken(w, "invalid_client", refusal)
		return
	}
	jkt, refusal := s.proof(r, "", "", true)
	w.Header().Set("DPoP-Nonce", s.nonce(0))
	if refusal == ProofNonce {
		if s.RepeatAfterNonce {
			s.asserted.remove(who.Client, who.ID)
		}
		s.refuseToken(w, "use_dpop_nonce", refusal)
		return
	}
	if refusal != "" {
		s.refuseToken(w, "invalid_dpop_proof", refusal)
		return
	}
	granted, rejected := s.split(r.PostForm.Get("scope"), who.Parent)
	if len(granted)+len(rejected) == 0 {
		s.refuseToken(w, "invalid_scope", RequestScope)
		return
	}
	lifetime := orDefault(s.TokenLifetime, 10*time.Minute)
	now := s.later()
	who.Issuer, who.Subject, who.Audience = s.URL(), who.Client, audience(granted)
	who.Scope, who.Confirmation.JKT = strings.Join(granted, " "), jkt
	who.IssuedAt, who.Expires = now.Unix(), now.Add(lifetime).Unix()
	answer := map[string]any{
		"access_token": s.issuer.sign(who, s.Unsigned),
		"token_type":   "DPoP",
		"expires_in":   int(lifetime / time.Second),
		"scope":        who.Scope,
	}
	if len(rejected) > 0 {
		answer["rejected_scope"] = strings.Join(rejected, " ")
	}
	s.counters.tokens.Add(1)
	s.writeJSON(w, http.StatusOK, "application/json", answer)
}

// checkForm parses the form, under the rules of RFC 6749 §3.2 and §2.3.
func checkForm(r *http.Request) Refusal {
	if r.ParseForm() != nil || len(r.PostForm) == 0 {
		return RequestForm
	}
	for _, values := range r.PostForm {
		if len(values) != 1 {
			return RequestForm
		}
	}
	if r.Header.Get("Authorization") != "" || r.PostForm.Has("client_secret") {
		return RequestTwice
	}
	return ""
}

func (s *Server) refuseToken(w http.ResponseWriter, code string, refusal Refusal) {
	s.counters.refuse(refusal)
	s.writeJSON(w, http.StatusBadRequest, "application/json", map[string]string{"error": code, "error_description": string(refusal)})
}

// nonce returns the nonce of so many lifetimes ago. It derives from the time
// alone, without state.
func (s *Server) nonce(ago int64) string {
	period := s.later().UnixNano()/int64(orDefault(s.NonceLifetime, time.Minute)) - ago
	mac := hmac.New(sha256.New, []byte(s.secret.Reveal()))
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(period)))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}

func (s *Server) writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}
