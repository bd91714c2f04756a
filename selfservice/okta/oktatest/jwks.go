package oktatest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/nokkel/nokkel/selfservice/okta"
)

func listKeys(s *Server, a *app, w http.ResponseWriter, r *http.Request) {
	list := []map[string]any{}
	for _, c := range s.read(a, r).keys {
		list = append(list, s.show(a, c, true))
	}
	var shape any = map[string]any{"keys": list}
	switch {
	case s.Doubts.ArrayOfKeys:
		shape = list
	case s.Doubts.WrappedKeys:
		shape = map[string]any{"jwks": shape}
	}
	s.list(w, list, shape)
}

func addKey(s *Server, a *app, w http.ResponseWriter, r *http.Request) {
	var in map[string]any
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		fail(w, http.StatusBadRequest, "E0000003", "The request body was not well-formed.")
		return
	}
	k, cause := s.key(in)
	if cause == "" {
		cause = badSet(append(slices.Clone(a.keys), k))
	}
	if cause == "" && a.url() != "" {
		cause = "The client's keys are at a jwks_uri."
	}
	if cause != "" {
		s.logRefusal(EventCreate, a, "")
		invalid(w, ofKey, cause)
		return
	}
	a.keys = append(slices.Clone(a.keys), k)
	s.changed(a)
	s.log(EventCreate, a, k.id, "")
	answer(w, http.StatusCreated, s.show(a, k, true))
}

// key returns a credential for a JWK, or what is wrong with it.
func (s *Server) key(in map[string]any) (credential, string) {
	jwk := map[string]any{"use": nil}
	for _, name := range []string{"kty", "kid", "use", "alg", "n", "e", "crv", "x", "y"} {
		if v, ok := in[name]; ok {
			jwk[name] = v
		}
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
		if _, private := in[name]; private {
			return credential{}, "A private key was sent."
		}
	}
	if jwk["kty"] == "EC" && jwk["crv"] == nil {
		jwk["crv"] = nil
	}
	signs := parseJWK(jwk)
	n, _ := base64.RawURLEncoding.DecodeString(text(jwk, "n"))
	status, use := text(in, "status"), text(jwk, "use")
	switch {
	case status != "" && status != "ACTIVE" && status != "INACTIVE":
		return credential{}, "status: must be ACTIVE or INACTIVE"
	case len(signs) == 0:
		return credential{}, "The JSON Web Key is invalid."
	case jwk["kty"] == "RSA" && len(n) < 256:
		return credential{}, "RSA key length in the 'jwks' is less than '2,048' bits."
	case use != "" && use != "sig" && use != "enc", use == "enc" && jwk["kty"] != "RSA":
		return credential{}, "use: must be sig, or enc for RSA"
	}
	if use == "enc" {
		delete(jwk, "alg")
	}
	now := time.Now()
	return credential{id: s.id("pks"), jwk: jwk, signs: signs, active: status != "INACTIVE", created: now, updated: now}, ""
}

// badSet returns which rule the keys of an app break together.
func badSet(list []credential) string {
	kids, encryption := map[string]int{}, 0
	for _, k := range list {
		kids[text(k.jwk, "kid")]++
		if k.active && text(k.jwk, "use") == "enc" {
			encryption++
		}
	}
	switch {
	case len(list) > okta.MaxKeys:
		return "You've reached the maximum number of keys allowed (50) per client."
	case len(list) > 1 && kids[""] > 0:
		return "Each key should have a unique kid when adding multiple keys."
	case len(kids) < len(list):
		return "All keys in the 'jwks' must have a unique `kid`."
	case encryption > 1:
		return "The client can have only one active encryption key in the 'jwks'."
	}
	return ""
}
