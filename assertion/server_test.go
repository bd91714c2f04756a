package assertion_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/require"
)

// authServer is a strict authorization server for private_key_jwt: one value per
// parameter (RFC 6749 §3.2), one authentication method (§2.3), every rule of
// RFC 7523 §3, each jti once. It verifies with go-jose.
type authServer struct {
	*httptest.Server
	t    testing.TB
	key  any // the client's public key
	alg  jose.SignatureAlgorithm
	fail func(r *http.Request) (status int, code string) // a refusal after the authentication

	mu       sync.Mutex
	jtis     map[string]bool
	requests []url.Values // the forms that were authenticated
	tokens   int
	par      url.Values
	polls    int
}

func newAuthServer(t testing.TB) *authServer {
	key := testKey(t, keys.ES256)
	s := &authServer{t: t, key: key.PublicKey().Public(), alg: jose.ES256, jtis: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", s.authenticated(s.token))
	mux.HandleFunc("POST /par", s.authenticated(s.pushed))
	mux.HandleFunc("POST /device", s.authenticated(s.device))
	mux.HandleFunc("/api", s.api)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func replyError(w http.ResponseWriter, status int, code, description string) {
	reply(w, status, map[string]string{"error": code, "error_description": description})
}

func (s *authServer) authenticated(next func(http.ResponseWriter, url.Values)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if problem := s.check(r); problem != "" {
			replyError(w, http.StatusUnauthorized, "invalid_client", problem)
			return
		}
		s.requests = append(s.requests, r.PostForm)
		if s.fail != nil {
			if status, code := s.fail(r); status != 0 {
				replyError(w, status, code, "as asked")
				return
			}
		}
		next(w, r.PostForm)
	}
}

func (s *authServer) check(r *http.Request) (problem string) {
	if err := r.ParseForm(); err != nil || r.URL.RawQuery != "" {
		return "form"
	}
	for name, values := range r.PostForm {
		if len(values) != 1 {
			return "repeated parameter " + name
		}
	}
	form := r.PostForm
	token, err := jwt.ParseSigned(form.Get("client_assertion"), []jose.SignatureAlgorithm{s.alg})
	if err != nil {
		return "client_assertion"
	}
	var c jwt.Claims
	var raw map[string]any
	if token.Claims(s.key, &c, &raw) != nil {
		return "signature"
	}
	typ := token.Headers[0].ExtraHeaders[jose.HeaderType]
	switch now := time.Now(); {
	case form.Has("client_secret") || r.Header.Get("Authorization") != "":
		return "more than one authentication method"
	case form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer":
		return "client_assertion_type"
	case form.Get("client_id") != clientID || c.Issuer != clientID || c.Subject != clientID:
		return "client_id, iss or sub"
	case raw["aud"] != s.URL:
		return "aud"
	case typ != "client-authentication+jwt":
		return "typ"
	case c.Expiry == nil || c.IssuedAt == nil || c.Expiry.Time().Before(now) || c.Expiry.Time().Sub(now) > time.Minute || c.NotBefore.Time().After(now):
		return "exp, iat or nbf"
	case c.ID == "" || s.jtis[c.ID]:
		return "jti"
	}
	s.jtis[c.ID] = true
	return ""
}

func (s *authServer) token(w http.ResponseWriter, form url.Values) {
	ok := false
	switch form.Get("grant_type") {
	case "client_credentials":
		ok = form.Get("code") == ""
	case "authorization_code":
		sum := sha256.Sum256([]byte(form.Get("code_verifier")))
		challenge := base64.RawURLEncoding.EncodeToString(sum[:])
		ok = form.Get("code") == "the-code" && s.par.Get("code_challenge") == challenge && form.Get("redirect_uri") == s.par.Get("redirect_uri")
	case "refresh_token":
		ok = form.Get("refresh_token") == "the-refresh-token"
	case "urn:ietf:params:oauth:grant-type:device_code":
		if s.polls++; s.polls < 2 {
			replyError(w, http.StatusBadRequest, "authorization_pending", "")
			return
		}
		ok = form.Get("device_code") == "the-device-code"
	case "urn:ietf:params:oauth:grant-type:token-exchange":
		ok = form.Get("subject_token") == "the-subject-token" && form.Get("subject_token_type") == "urn:ietf:params:oauth:token-type:access_token"
	}
	if !ok {
		replyError(w, http.StatusBadRequest, "invalid_grant", form.Get("grant_type"))
		return
	}
	s.tokens++
	answer := map[string]any{
		"access_token": "token-for-" + form.Get("grant_type"), "token_type": "Bearer", "expires_in": 600,
		"scope": form.Get("scope"), "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
	}
	if form.Get("grant_type") == "authorization_code" {
		answer["refresh_token"] = "the-refresh-token"
		answer["expires_in"] = 1 // x/oauth2 refreshes at once
	}
	reply(w, http.StatusOK, answer)
}

func (s *authServer) pushed(w http.ResponseWriter, form url.Values) {
	s.par = form
	reply(w, http.StatusCreated, map[string]any{"request_uri": "urn:example:par:1", "expires_in": 60})
}

func (s *authServer) device(w http.ResponseWriter, _ url.Values) {
	reply(w, http.StatusOK, map[string]any{
		"device_code": "the-device-code", "user_code": "WDJB", "verification_uri": s.URL + "/device", "expires_in": 60, "interval": 1,
	})
}

// api is a resource at the origin of the authorization server.
func (s *authServer) api(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || !strings.HasPrefix(token, "token-for-") || r.Form.Has("client_assertion") || r.Form.Has("client_id") {
		replyError(w, http.StatusUnauthorized, "invalid_token", "")
		return
	}
	reply(w, http.StatusOK, map[string]string{"echo": r.PostForm.Get("q")})
}

// forms returns the authenticated requests so far.
func (s *authServer) forms() []url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Len(s.t, s.jtis, len(s.requests))
	return append([]url.Values(nil), s.requests...)
}
