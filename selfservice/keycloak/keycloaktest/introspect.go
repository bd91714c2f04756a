package keycloaktest

import (
	"maps"
	"net/http"
	"slices"
)

// introspect answers about a token (RFC 7662 §2). It is active only to the clients
// in its audience; 26.0 tells all clients.
func (s *Server) introspect(realm *realm, w http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil {
		fail(w, http.StatusBadRequest, "invalid_request", "")
		return
	}
	c, refused := s.authenticate(realm, r)
	switch {
	case refused != nil && refused.code == wrongSecret().code:
		fail(w, http.StatusUnauthorized, "invalid_client", "Client authentication failed.")
		return
	case refused != nil:
		fail(w, refused.status, refused.code, refused.description)
		return
	case c.public:
		fail(w, http.StatusForbidden, "invalid_request", "Client not allowed.")
		return
	}
	t := s.tokens[hashOf(r.PostForm.Get("token"))]
	if t == nil || t.realm != realm || !s.now().Before(t.expires) || !slices.Contains(t.audience(), c.clientID) {
		answer(w, http.StatusOK, map[string]any{"active": false})
		return
	}
	told := maps.Clone(t.claims)
	told["active"], told["token_type"], told["username"] = true, told["typ"], told["preferred_username"]
	answer(w, http.StatusOK, told)
}
