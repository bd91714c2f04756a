package helseidtest

import (
	"cmp"
	"io"
	"net/http"
	"strings"
)

// patients answers GET of the sample API.
func (s *Server) patients(w http.ResponseWriter, r *http.Request) {
	if s.mayCall(w, r) {
		s.writeJSON(w, http.StatusOK, "application/json", []string{"Kari Nordmann", "Ola Nordmann"})
	}
}

// newPatient answers POST of the sample API. It echoes the body.
func (s *Server) newPatient(w http.ResponseWriter, r *http.Request) {
	if s.mayCall(w, r) {
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		w.WriteHeader(http.StatusCreated)
		io.Copy(w, http.MaxBytesReader(w, r.Body, 1<<20))
	}
}

// whoami returns the claims of the access token.
func (s *Server) whoami(w http.ResponseWriter, r *http.Request) {
	if c, ok := s.authorize(w, r, ""); ok {
		s.counters.calls.Add(1)
		s.writeJSON(w, http.StatusOK, "application/json", c)
	}
}

// mayCall authorizes a request to the sample API, or refuses it.
func (s *Server) mayCall(w http.ResponseWriter, r *http.Request) bool {
	c, ok := s.authorize(w, r, "")
	if !ok {
		return false
	}
	scope := cmp.Or(s.APIScope, "nhn:patients/read")
	if !c.has(scope) {
		s.counters.refuse(TokenScope)
		w.Header().Set("WWW-Authenticate", `DPoP error="insufficient_scope", error_description="`+string(TokenScope)+`", scope="`+scope+`"`)
		w.WriteHeader(http.StatusForbidden)
		return false
	}
	s.counters.calls.Add(1)
	return true
}

// authorize checks the access token and the proof of a request to an API (RFC 9449
// §7.1), or refuses it.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request, scope string) (claims, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "DPoP") || len(r.Header.Values("Authorization")) != 1 {
		return s.refuseCall(w, "invalid_token", TokenMissing)
	}
	c, ok := s.issuer.read(token)
	if !ok {
		return s.refuseCall(w, "invalid_token", TokenInvalid)
	}
	if c.Expires <= s.later().Unix() {
		return s.refuseCall(w, "invalid_token", TokenExpired)
	}
	_, refusal := s.proof(r, token, c.Confirmation.JKT, s.NonceAtAPI)
	if s.NonceAtAPI {
		w.Header().Set("DPoP-Nonce", s.nonce(0))
	}
	if refusal == ProofNonce {
		return s.refuseCall(w, "use_dpop_nonce", refusal)
	}
	if refusal != "" {
		return s.refuseCall(w, "invalid_dpop_proof", refusal)
	}
	if scope != "" && !c.has(scope) {
		s.counters.refuse(TokenScope)
		w.WriteHeader(http.StatusForbidden) // without a body, as a gateway does
		return claims{}, false
	}
	return c, true
}

func (s *Server) refuseCall(w http.ResponseWriter, code string, refusal Refusal) (claims, bool) {
	s.counters.refuse(refusal)
	w.Header().Set("WWW-Authenticate", `DPoP error="`+code+`", error_description="`+string(refusal)+`"`)
	w.WriteHeader(http.StatusUnauthorized)
	return claims{}, false
}
