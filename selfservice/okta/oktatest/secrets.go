package oktatest

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/nokkel/nokkel/selfservice/okta"
)

func listSecrets(s *Server, a *app, w http.ResponseWriter, r *http.Request) {
	list := []map[string]any{}
	for _, c := range s.read(a, r).secrets {
		list = append(list, s.show(a, c, true))
	}
	s.list(w, list, list)
}

// list sends a list, or what Okta may send instead of an empty one.
func (s *Server) list(w http.ResponseWriter, list []map[string]any, shape any) {
	switch {
	case len(list) == 0 && s.Doubts.EmptyBody:
		w.WriteHeader(http.StatusOK)
	case len(list) == 0 && s.Doubts.EmptyObject:
		answer(w, http.StatusOK, map[string]any{})
	default:
		answer(w, http.StatusOK, shape)
	}
}

func addSecret(s *Server, a *app, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var in struct {
		Value  *string `json:"client_secret"`
		Status *string `json:"status"`
	}
	if err != nil || len(body) > 0 && json.Unmarshal(body, &in) != nil {
		fail(w, http.StatusBadRequest, "E0000003", "The request body was not well-formed.")
		return
	}
	value := generate()
	if in.Value != nil {
		value = *in.Value
	}
	what, cause := s.cannotAdd(a, value, in.Status)
	if cause != "" {
		s.logRefusal(EventCreate, a, "")
		invalid(w, what, cause)
		return
	}
	now := time.Now()
	c := credential{id: s.id("ocs"), value: value, active: in.Status == nil || *in.Status == "ACTIVE" || s.Doubts.IgnoresStatus, created: now, updated: now}
	a.secrets = append(slices.Clone(a.secrets), c)
	s.changed(a)
	s.log(EventCreate, a, c.id, "")
	answer(w, http.StatusCreated, s.show(a, c, true))
}

// cannotAdd returns why a secret is refused.
func (s *Server) cannotAdd(a *app, value string, status *string) (what, cause string) {
	has := slices.ContainsFunc(a.secrets, func(c credential) bool { return c.value == value })
	switch {
	case a.method() == okta.MethodPrivateKey:
		return "client_secret", "'client_secret' can't be used when the token_endpoint_auth_method is 'private_key_jwt'"
	case !usesSecret(a.method()):
		return "client_secret", "'client_secret' can't be used when the token_endpoint_auth_method is '" + string(a.method()) + "'"
	case status != nil && *status != "ACTIVE" && *status != "INACTIVE":
		return ofSecret, "status: must be ACTIVE or INACTIVE"
	case len(a.secrets) >= okta.MaxSecrets && s.Doubts.OldWords:
		return ofSecret, "You have reached the maximum number of client secrets per client."
	case len(a.secrets) >= okta.MaxSecrets:
		return ofSecret, "You've reached the maximum number of client secrets per client."
	case has && !s.Doubts.TakesTwice:
		return ofSecret, "client_secret: the value must be unique"
	}
	return badSecret(a.method(), value)
}

func badSecret(method okta.Method, value string) (what, cause string) {
	switch {
	case len(value) < 14:
		return "client_secret", "client_secret: 'client_secret' must be at least '14' characters"
	case len(value) > 100:
		return "client_secret", "client_secret: 'client_secret' must not be more than '100' characters"
	case method == okta.MethodSecretJWT && len(value) < 32:
		return "client_secret", "client_secret: 'client_secret' must be at least '32' characters"
	}
	for _, c := range []byte(value) {
		if c < 0x20 || c > 0x7e {
			return "client_secret", "client_secret: 'client_secret' must only contain printable ASCII"
		}
	}
	return "", ""
}
