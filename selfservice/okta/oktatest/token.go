package oktatest

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/nokkel/nokkel/selfservice/okta"
)

// hash stands for a token, so that printing a Server shows none.
type hash [sha256.Size]byte

func hashOf(token string) hash { return sha256.Sum256([]byte(token)) }

// token answers the client credentials grant, at the org's authorization server
// or a custom one.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(a *app, status int, code, description string) {
		if a != nil {
			a.caller = caller{name: a.clientID()}
			s.log(EventToken, a, "", code)
		}
		failOAuth(w, status, code, description)
	}
	if r.ParseForm() != nil {
		refuse(nil, http.StatusBadRequest, "invalid_request", "The request is malformed.")
		return
	}
	server := r.PathValue("server") // empty: the org's own
	a, problem := s.authenticate(r)
	if problem != nil {
		problem.write(s, a, w)
		return
	}
	switch grant := r.PostForm.Get("grant_type"); {
	case grant != "client_credentials":
		refuse(a, http.StatusBadRequest, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server.")
		return
	case !a.grants(grant):
		refuse(a, http.StatusBadRequest, "unauthorized_client", "The client is not authorized to use the provided grant type.")
		return
	case server == "" && a.method() != okta.MethodPrivateKey:
		refuse(a, http.StatusUnauthorized, "invalid_client", "Client Credentials requests to the Org Authorization Server must use the private_key_jwt token_endpoint_auth_method.")
		return
	}
	jkt, code, description := s.binding(a, r)
	if code != "" {
		if code == "use_dpop_nonce" {
			w.Header().Set("DPoP-Nonce", s.nonce())
		}
		refuse(a, http.StatusBadRequest, code, description)
		return
	}
	scopes := strings.Fields(r.PostForm.Get("scope"))
	granted := slices.Clone(scopes)
	if server == "" {
		granted = slices.DeleteFunc(granted, func(scope string) bool { return !slices.Contains(a.scopes, scope) })
	}
	if len(granted) == 0 || len(granted) < len(scopes) && !s.Doubts.SilentScopes {
		refuse(a, http.StatusBadRequest, "invalid_scope", "One or more scopes are not configured for the authorization server resource.")
		return
	}
	now := time.Now()
	t := &token{a, server, jkt, granted, now, now.Add(tokenLifetime)}
	value := t.text(s)
	s.tokens[hashOf(value)] = t
	if jkt != "" {
		w.Header().Set("DPoP-Nonce", s.nonce())
	}
	a.caller = caller{name: a.clientID()}
	s.log(EventToken, a, "", "")
	answer(w, http.StatusOK, map[string]any{
		"token_type": t.kind(), "expires_in": int(tokenLifetime / time.Second), "access_token": value, "scope": strings.Join(granted, " "),
	})
}

// binding returns the thumbprint that a token is to be bound to; empty for a
// bearer token.
func (s *Server) binding(a *app, r *http.Request) (jkt, code, description string) {
	if len(r.Header.Values("DPoP")) == 0 && !a.dpop() || !a.dpop() && s.Doubts.BearerUnasked {
		return "", "", ""
	}
	jkt, nonce, problem := s.proof(r, "")
	switch {
	case problem != "":
		return "", "invalid_dpop_proof", problem
	case nonce == "":
		return "", "use_dpop_nonce", "Authorization server requires nonce in DPoP proof."
	case !s.freshNonce(nonce):
		return "", "use_dpop_nonce", "The nonce in the DPoP proof is too old."
	}
	return jkt, "", ""
}

// introspect tells an authenticated app whether a token is active (RFC 7662), if the
// server that is asked has issued it.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil {
		failOAuth(w, http.StatusBadRequest, "invalid_request", "The request is malformed.")
		return
	}
	a, problem := s.authenticate(r)
	if problem != nil {
		problem.write(s, a, w)
		return
	}
	t := s.tokens[hashOf(r.PostForm.Get("token"))]
	if t == nil || t.server != r.PathValue("server") || !time.Now().Before(t.expires) {
		answer(w, http.StatusOK, map[string]any{"active": false})
		return
	}
	answer(w, http.StatusOK, t.introspected(s))
}

// Revoke ends all access tokens.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}
