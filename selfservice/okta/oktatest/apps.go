package oktatest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/nokkel/nokkel/selfservice/okta"
)

func getApp(s *Server, a *app, w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, s.showApp(a, s.read(a, r), false))
}

// showApp returns an app as JSON. Only the answer to a write shows a secret, the
// newest one.
func (s *Server) showApp(a *app, v view, written bool) map[string]any {
	out := clone(v.document)
	out["id"] = a.id
	credentials, settings := oauthOf(out, "credentials"), oauthOf(out, "settings")
	if written && usesSecret(v.method) && len(v.secrets) > 0 {
		newest := v.secrets[len(v.secrets)-1]
		credentials["client_secret"] = newest.value
		s.log(EventReadSecret, a, newest.id, "")
	}
	if len(v.keys) > 0 {
		list := []map[string]any{}
		for _, k := range v.keys {
			list = append(list, s.show(a, k, false))
		}
		settings["jwks"] = map[string]any{"keys": list}
	}
	name := "secrets"
	if v.method == okta.MethodPrivateKey && v.url == "" {
		name = "jwks"
	}
	path := s.URL + "/api/v1/apps/" + a.id
	out["_links"] = map[string]any{
		"self":              map[string]any{"href": path},
		"clientCredentials": []any{map[string]any{"name": name, "href": path + "/credentials/" + name}},
	}
	return out
}

func clone(m map[string]any) map[string]any {
	out := maps.Clone(m)
	for name, v := range out {
		if inner, ok := v.(map[string]any); ok {
			out[name] = clone(inner)
		}
	}
	return out
}

func oauthOf(document map[string]any, part string) map[string]any {
	outer, _ := document[part].(map[string]any)
	inner, _ := outer["oauthClient"].(map[string]any)
	return inner
}

// putApp replaces an app. What was not sent is deleted.
func putApp(s *Server, a *app, w http.ResponseWriter, r *http.Request) {
	var in map[string]any
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		fail(w, http.StatusBadRequest, "E0000003", "The request body was not well-formed.")
		return
	}
	credentials, settings := oauthOf(in, "credentials"), oauthOf(in, "settings")
	method := okta.Method(text(credentials, "token_endpoint_auth_method"))
	keys, cause := s.putKeys(a, settings, method)
	secret := text(credentials, "client_secret")
	switch {
	case cause != "":
	case text(in, "label") == "" || text(in, "signOnMode") != "OPENID_CONNECT" || settings["grant_types"] == nil:
		cause = "A required property is missing."
	case !usesSecret(method) && method != okta.MethodPrivateKey && method != okta.MethodNone:
		cause = "token_endpoint_auth_method: unknown"
	case text(credentials, "client_id") != "" && text(credentials, "client_id") != a.clientID():
		cause = "client_id: cannot be changed"
	case secret != "" && !usesSecret(method):
		cause = "'client_secret' can't be used when the token_endpoint_auth_method is '" + string(method) + "'"
	case secret != "":
		_, cause = badSecret(method, secret)
	}
	if cause != "" {
		invalid(w, "application", cause)
		return
	}
	before, id := a.method(), a.clientID()
	for _, name := range []string{"id", "name", "status", "created", "lastUpdated", "_links", "_embedded"} {
		delete(in, name)
	}
	in["name"], in["status"] = a.document["name"], a.document["status"]
	credentials["client_id"] = id
	delete(credentials, "client_secret")
	delete(settings, "jwks")
	a.document, a.keys = in, keys
	s.putSecrets(a, before, secret)
	s.changed(a)
	s.log(EventUpdate, a, "", "")
	answer(w, http.StatusOK, s.showApp(a, a.view(), true))
}

// putKeys returns the stored keys after a PUT. Keys that were sent get new IDs.
func (s *Server) putKeys(a *app, settings map[string]any, method okta.Method) ([]credential, string) {
	set, sent := settings["jwks"].(map[string]any)
	list, _ := set["keys"].([]any)
	url := text(settings, "jwks_uri")
	switch {
	case method != okta.MethodPrivateKey: // only keys for encryption remain
		return slices.DeleteFunc(slices.Clone(a.keys), func(c credential) bool { return text(c.jwk, "use") != "enc" }), ""
	case url != "" && len(list) > 0 && !s.Doubts.URLOverKeys:
		return nil, "jwks and jwks_uri cannot both be set"
	case url != "":
		return nil, ""
	case !sent && !s.Doubts.DropsKeys && len(a.keys) > 0:
		return a.keys, ""
	case len(list) == 0 && !s.Doubts.KeysOptional:
		return nil, "jwks or jwks_uri is required for private_key_jwt"
	}
	var out []credential
	for _, one := range list {
		members, _ := one.(map[string]any)
		k, cause := s.key(members)
		if cause != "" {
			return nil, cause
		}
		out = append(out, k)
	}
	return out, badSet(out)
}

// putSecrets updates the secrets after a PUT.
func (s *Server) putSecrets(a *app, before okta.Method, sent string) {
	now := time.Now()
	if !usesSecret(a.method()) {
		a.secrets = nil
		return
	}
	fresh := func(value string) credential {
		return credential{id: s.id("ocs"), value: value, active: true, created: now, updated: now}
	}
	switch {
	case !usesSecret(before):
		if sent == "" {
			sent = generate()
		}
		a.secrets = []credential{fresh(sent)}
	case sent != "" && slices.ContainsFunc(a.secrets, func(c credential) bool { return c.value == sent && c.active }):
	case sent != "" && (s.Doubts.SecretReplacesAll || len(a.secrets) == 0):
		a.secrets = []credential{fresh(sent)}
	case sent != "":
		a.secrets = append(slices.Clone(a.secrets[:len(a.secrets)-1]), fresh(sent))
	case before != a.method() && s.Doubts.MethodNewSecret:
		a.secrets = []credential{fresh(generate())}
	}
}
