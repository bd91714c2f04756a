package keycloaktest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// right lists roles, of which a caller of the Admin API needs one.
type right []string

var (
	view        = right{"view-clients", "manage-clients"}
	manage      = right{"manage-clients"}
	viewRealm   = right{"view-realm", "manage-realm"}
	manageRealm = right{"manage-realm"}
)

// bearer returns the token that a request carries, or nil. A token bound to a key
// is accepted only with a proof and under the scheme DPoP.
func (s *Server) bearer(r *http.Request) *token {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	t := s.tokens[hashOf(text)]
	if t == nil || s.now().After(t.expires) || !t.client.enabled {
		return nil
	}
	switch {
	case t.jkt == "" && strings.EqualFold(scheme, "Bearer"):
		return t
	case t.jkt != "" && strings.EqualFold(scheme, "DPoP"):
		if jkt, problem := s.proof(r, text); problem == "" && jkt == t.jkt {
			return t
		}
	}
	return nil
}

// may reports whether the caller has a right in the realm.
func (t *token) may(in *realm, need right) bool {
	if t.realm != in && t.realm.name != "master" {
		return false
	}
	for _, role := range need {
		if t.client.roles[role] && (t.client.fullScope || t.client.scope[role]) {
			return true
		}
	}
	return false
}

func (s *Server) asAdmin(need right, h realmHandler) http.HandlerFunc {
	return s.inRealm(func(s *Server, realm *realm, w http.ResponseWriter, r *http.Request) {
		t := s.bearer(r)
		switch {
		case t == nil:
			fail(w, http.StatusUnauthorized, "HTTP 401 Unauthorized", "")
		case !t.may(realm, need):
			fail(w, http.StatusForbidden, "HTTP 403 Forbidden", "")
		default:
			h(s, realm, w, r)
		}
	})
}

type clientHandler func(*Server, *realm, *client, http.ResponseWriter, *http.Request)

func (s *Server) onClient(need right, h clientHandler) http.HandlerFunc {
	return s.asAdmin(need, func(s *Server, realm *realm, w http.ResponseWriter, r *http.Request) {
		if c := realm.clients[r.PathValue("id")]; c != nil {
			h(s, realm, c, w, r)
			return
		}
		fail(w, http.StatusNotFound, "Could not find client", "")
	})
}

func (s *Server) serverInfo(w http.ResponseWriter, r *http.Request) {
	t := s.bearer(r)
	if t == nil {
		fail(w, http.StatusUnauthorized, "HTTP 401 Unauthorized", "")
		return
	}
	info := map[string]any{
		"profileInfo": map[string]any{"disabledFeatures": []string{}, "previewFeatures": []string{"CLIENT_SECRET_ROTATION"}, "experimentalFeatures": []string{}},
		"providers": map[string]any{"client-policy-executor": map[string]any{"providers": map[string]any{
			rotationExecutor: map[string]any{}, "consent-required": map[string]any{},
		}}},
		"systemInfo": map[string]any{"version": Version},
	}
	if t.realm.name == "master" {
		info["features"] = []map[string]any{
			{"name": "CLIENT_SECRET_ROTATION", "type": "PREVIEW", "enabled": true},
			{"name": "DPOP", "type": "DEFAULT", "enabled": true},
		}
	}
	answer(w, http.StatusOK, info)
}

func (s *Server) postRealm(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Realm string `json:"realm"`
	}
	t := s.bearer(r)
	switch {
	case t == nil:
		fail(w, http.StatusUnauthorized, "HTTP 401 Unauthorized", "")
	case t.realm.name != "master":
		fail(w, http.StatusForbidden, "HTTP 403 Forbidden", "")
	case json.NewDecoder(r.Body).Decode(&body) != nil || body.Realm == "":
		failAdmin(w, http.StatusBadRequest, "unable to read contents from stream")
	case s.realms[body.Realm] != nil:
		failAdmin(w, http.StatusConflict, "Conflict detected. See logs for details")
	default:
		s.realms[body.Realm] = &realm{name: body.Realm, clients: map[string]*client{}, cache: map[place]*cached{}}
		w.Header().Set("Location", s.URL+"/admin/realms/"+body.Realm)
		answer(w, http.StatusCreated, nil)
	}
}

func (s *Server) findClients(realm *realm, w http.ResponseWriter, r *http.Request) {
	list := []representation{}
	want := r.URL.Query().Get("clientId")
	for _, c := range realm.clients {
		if want == "" || c.clientID == want {
			list = append(list, c.representation())
		}
	}
	answer(w, http.StatusOK, list)
}

func (s *Server) postClient(realm *realm, w http.ResponseWriter, r *http.Request) {
	var body representation
	switch {
	case json.NewDecoder(r.Body).Decode(&body) != nil || body.ClientID == nil:
		failAdmin(w, http.StatusBadRequest, "unable to read contents from stream")
		return
	case realm.byClientID(*body.ClientID) != nil:
		failAdmin(w, http.StatusConflict, "Client "+*body.ClientID+" already exists")
		return
	}
	c := realm.add(*body.ClientID)
	if refused := s.configure(realm, c, &body); refused != nil {
		delete(realm.clients, c.id)
		refused.write(w)
		return
	}
	c.apply(body)
	s.made(realm, c)
	s.changed(func() { delete(realm.clients, c.id) })
	w.Header().Set("Location", s.URL+r.URL.Path+"/"+c.id)
	answer(w, http.StatusCreated, nil)
}

func (s *Server) made(realm *realm, c *client) {
	if c.secret == "" && !c.public {
		c.secret = generateSecret()
		c.setTime(secretCreated, s.now()) // not for a secret that was sent
	}
	s.updated(realm, c)
}

func (s *Server) getClient(_ *realm, c *client, w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, c.representation())
}

func (s *Server) putClient(realm *realm, c *client, w http.ResponseWriter, r *http.Request) {
	var body representation
	if json.NewDecoder(r.Body).Decode(&body) != nil {
		failAdmin(w, http.StatusBadRequest, "unable to read contents from stream")
		return
	}
	if _, clock := c.time(secretExpires); body.Attributes == nil && s.rotation(realm, c) != nil && (!clock || s.mainExpired(c)) {
		crash(w) // the executor writes into a missing map of attributes
		return
	}
	if body.ClientID != nil && *body.ClientID != c.clientID && realm.byClientID(*body.ClientID) != nil {
		failAdmin(w, http.StatusConflict, "Client "+*body.ClientID+" already exists")
		return
	}
	if refused := s.configure(realm, c, &body); refused != nil {
		refused.write(w)
		return
	}
	c.apply(body)
	s.made(realm, c)
	s.dropKeys(realm, c)
	answer(w, http.StatusNoContent, nil)
}

func (s *Server) deleteClient(realm *realm, c *client, w http.ResponseWriter, _ *http.Request) {
	delete(realm.clients, c.id)
	s.dropKeys(realm, c)
	answer(w, http.StatusNoContent, nil)
}

func (s *Server) postRole(_ *realm, c *client, w http.ResponseWriter, r *http.Request) {
	var body struct {
		Name string `json:"name"`
	}
	if json.NewDecoder(r.Body).Decode(&body) != nil || body.Name == "" {
		failAdmin(w, http.StatusBadRequest, "role has no name")
		return
	}
	if slices.Contains(c.defined, body.Name) {
		failAdmin(w, http.StatusConflict, "Role with name "+body.Name+" already exists")
		return
	}
	c.defined = append(c.defined, body.Name)
	answer(w, http.StatusCreated, nil)
}
