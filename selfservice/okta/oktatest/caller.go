package oktatest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// caller is who calls the management API.
type caller struct {
	name   string
	role   Role
	scopes []string // nil: all
}

// may reports whether the caller may change an app.
func (c caller) may(a *app) bool {
	return c.role == SuperAdmin || c.role != NoRole && len(a.scopes) == 0
}

// caller authorizes a request of the management API, or refuses it.
func (s *Server) caller(w http.ResponseWriter, r *http.Request, scope string) (caller, bool) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "SSWS") {
		if text != APIToken {
			fail(w, http.StatusUnauthorized, "E0000011", "Invalid token provided")
			return caller{}, false
		}
		return caller{name: "ssws", role: SuperAdmin}, true
	}
	t := s.tokens[hashOf(text)]
	bound := strings.EqualFold(scheme, "DPoP")
	switch {
	case text == "":
		fail(w, http.StatusUnauthorized, "E0000005", "Invalid session")
		return caller{}, false
	case t == nil || t.server != "" || time.Now().After(t.expires):
		challenge(w, http.StatusUnauthorized, scheme, "invalid_token", "The access token is invalid or has expired.", scope)
		return caller{}, false
	case !bound && t.jkt != "":
		challenge(w, http.StatusBadRequest, "DPoP", "dpop_authentication_scheme_required", "The DPoP authentication scheme is required.", scope)
		return caller{}, false
	case bound && t.jkt == "":
		challenge(w, http.StatusUnauthorized, "DPoP", "access_token_not_dpop_bound", "The access token is not bound to a DPoP key.", scope)
		return caller{}, false
	case bound:
		jkt, _, problem := s.proof(r, text)
		if problem == "" && jkt != t.jkt {
			problem = "The DPoP proof is not of the key that the access token is bound to."
		}
		if problem != "" {
			challenge(w, http.StatusBadRequest, "DPoP", "invalid_dpop_proof", problem, scope)
			return caller{}, false
		}
	}
	if !slices.Contains(t.scopes, scope) {
		challenge(w, http.StatusForbidden, "Bearer", "insufficient_scope", "The access token provided does not contain the required scopes.", scope)
		return caller{}, false
	}
	return caller{name: t.app.clientID(), role: t.app.role, scopes: t.scopes}, true
}

// seesSecrets reports whether the caller is shown values of secrets.
func (c caller) seesSecrets() bool { return c.role != Custom }
