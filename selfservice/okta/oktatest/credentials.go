package oktatest

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// listOf returns the credentials that a path is about, and their name in errors.
func listOf(a *app, r *http.Request) (list *[]credential, what string) {
	if strings.Contains(r.URL.Path, "/credentials/secrets") {
		return &a.secrets, ofSecret
	}
	return &a.keys, ofKey
}

// named returns the index of the credential that a path names. If there is none,
// it refuses the request and the index is negative.
func named(a *app, w http.ResponseWriter, r *http.Request) (list *[]credential, i int, what string) {
	list, what = listOf(a, r)
	i = slices.IndexFunc(*list, func(c credential) bool { return c.id == r.PathValue("id") })
	if i < 0 {
		notFound(w, r.PathValue("id"), what)
	}
	return list, i, what
}

func getCredential(s *Server, a *app, w http.ResponseWriter, r *http.Request) {
	known := s.read(a, r)
	if list, i, _ := named(&app{secrets: known.secrets, keys: known.keys}, w, r); i >= 0 {
		answer(w, http.StatusOK, s.show(a, (*list)[i], true))
	}
}

func deleteCredential(s *Server, a *app, w http.ResponseWriter, r *http.Request) {
	list, i, what := named(a, w, r)
	switch {
	case i < 0:
	case (*list)[i].active && what == ofSecret:
		s.logRefusal(EventDelete, a, (*list)[i].id)
		invalid(w, what, "You can't delete an active client secret. Deactivate the secret before deleting it.")
	case (*list)[i].active:
		s.logRefusal(EventDelete, a, (*list)[i].id)
		invalid(w, what, "You can't delete an active JSON Web Key. Deactivate the key before deleting it.")
	default:
		s.log(EventDelete, a, (*list)[i].id, "")
		*list = slices.Delete(slices.Clone(*list), i, i+1)
		s.changed(a)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *Server) logRefusal(kind string, a *app, id string) { s.log(kind, a, id, "E0000001") }

func activateCredential(s *Server, a *app, w http.ResponseWriter, r *http.Request) {
	list, i, what := named(a, w, r)
	if i < 0 {
		return
	}
	if (*list)[i].active && s.Doubts.NoRepeat {
		invalid(w, what, "It is active already.")
		return
	}
	s.setActive(a, list, i, true)
	if text((*list)[i].jwk, "use") == "enc" {
		for j, c := range *list {
			if j != i && text(c.jwk, "use") == "enc" && c.active {
				s.setActive(a, list, j, false)
			}
		}
	}
	answer(w, http.StatusOK, s.show(a, (*list)[i], true))
}

func deactivateCredential(s *Server, a *app, w http.ResponseWriter, r *http.Request) {
	list, i, what := named(a, w, r)
	if i < 0 {
		return
	}
	enc := text((*list)[i].jwk, "use") == "enc"
	active := 0
	for _, c := range *list {
		if c.active && (text(c.jwk, "use") == "enc") == enc {
			active++
		}
	}
	switch c := (*list)[i]; {
	case !c.active && s.Doubts.NoRepeat:
		invalid(w, what, "It is inactive already.")
	case c.active && active == 1 && what == ofSecret:
		s.logRefusal(EventDeactivate, a, c.id)
		invalid(w, what, "You can't deactivate the only active client secret.")
	case c.active && enc:
		s.logRefusal(EventDeactivate, a, c.id)
		invalid(w, what, "You can't deactivate the active encryption key.")
	case c.active && active == 1 && a.method() == "private_key_jwt":
		s.logRefusal(EventDeactivate, a, c.id)
		invalid(w, what, "Can't deactivate the only active JSON Web Key when the token_endpoint_auth_method is private_key_jwt.")
	default:
		s.setActive(a, list, i, false)
		answer(w, http.StatusOK, s.show(a, (*list)[i], true))
	}
}

// setActive activates or deactivates a credential in a new list, since the
// history holds the old one.
func (s *Server) setActive(a *app, list *[]credential, i int, active bool) {
	*list = slices.Clone(*list)
	c := &(*list)[i]
	if c.active != active {
		c.active, c.updated = active, time.Now()
		s.changed(a)
	}
	kind := EventDeactivate
	if active {
		kind = EventActivate
	}
	s.log(kind, a, c.id, "")
}

// show returns a credential as JSON, and logs that a secret was read.
func (s *Server) show(a *app, c credential, links bool) map[string]any {
	out := map[string]any{"id": c.id, "status": "INACTIVE"}
	if c.active {
		out["status"] = "ACTIVE"
	}
	path := s.URL + "/api/v1/apps/" + a.id + "/credentials/"
	if c.jwk != nil {
		path += "jwks/" + c.id
		maps.Copy(out, c.jwk)
	} else {
		path += "secrets/" + c.id
		out["secret_hash"] = s.hash(c.value)
		if a.caller.seesSecrets() {
			out["client_secret"] = c.value
			s.log(EventReadSecret, a, c.id, "")
		}
	}
	if !links {
		return out
	}
	const format = "2006-01-02T15:04:05.000Z"
	out["created"] = c.created.UTC().Truncate(time.Second).Format(format)
	out["lastUpdated"] = c.updated.UTC().Truncate(time.Second).Format(format)
	link := func(href, method string) map[string]any {
		return map[string]any{"href": href, "hints": map[string]any{"allow": []string{method}}}
	}
	if c.active {
		out["_links"] = map[string]any{"deactivate": link(path+"/lifecycle/deactivate", "POST")}
	} else {
		out["_links"] = map[string]any{"activate": link(path+"/lifecycle/activate", "POST"), "delete": link(path, "DELETE")}
	}
	return out
}

// hash returns the first half of SHA-256.
func (s *Server) hash(value string) string {
	if s.Doubts.OtherHash {
		sum := sha512.Sum512([]byte(value))
		return base64.RawURLEncoding.EncodeToString(sum[:16])
	}
	sum := sha256.Sum256([]byte(value))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
