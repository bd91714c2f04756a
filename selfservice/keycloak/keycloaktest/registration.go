package keycloaktest

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
)

// methodOf translates the OAuth name of an authentication method.
func methodOf(name string) string {
	switch name {
	case "client_secret_jwt":
		return "client-secret-jwt"
	case "private_key_jwt":
		return "client-jwt"
	}
	return "client-secret"
}

// nameOf is the reverse.
func nameOf(c *client) string {
	switch only := c.attributes["client.secret.authentication.allowed.method"]; {
	case c.method == "client-jwt":
		return "private_key_jwt"
	case c.method == "client-secret-jwt":
		return "client_secret_jwt"
	case only != "":
		return only
	}
	return "client_secret_basic"
}

func (s *Server) postRegistrationToken(_ *realm, c *client, w http.ResponseWriter, _ *http.Request) {
	c.access = rand.Text()
	body := struct {
		representation
		Token string `json:"registrationAccessToken"`
	}{c.representation(), c.access}
	answer(w, http.StatusOK, body)
}

// registration answers GET and PUT requests of a client with its registration
// access token (RFC 7592 §2).
func (s *Server) registration(realm *realm, w http.ResponseWriter, r *http.Request) {
	c := realm.byClientID(r.PathValue("client"))
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if c == nil || c.access == "" || token != c.access {
		fail(w, http.StatusUnauthorized, "invalid_token", "Not authorized to view client. Not valid token or client credentials provided.")
		return
	}
	if r.Method == http.MethodPut {
		before := c.clone()
		if !s.register(realm, c, w, r) {
			return
		}
		s.changed(func() { realm.clients[c.id] = before })
	}
	answer(w, http.StatusOK, s.metadata(realm, c))
}

func (s *Server) metadata(realm *realm, c *client) map[string]any {
	m := map[string]any{
		"client_id": c.clientID, "grant_types": []string{}, "redirect_uris": []string{},
		"registration_access_token": c.access,
		"registration_client_uri":   s.issuer(realm) + "/clients-registrations/openid-connect/" + c.clientID,
	}
	if c.serviceAccount {
		m["grant_types"] = []string{"client_credentials"}
	}
	m["token_endpoint_auth_method"] = nameOf(c)
	if c.method != "client-jwt" {
		m["client_secret"], m["client_secret_expires_at"] = c.secret, 0
		if end, ok := c.time(secretExpires); ok {
			m["client_secret_expires_at"] = end.Unix()
		}
	}
	if c.attributes["use.jwks.url"] == "true" {
		m["jwks_uri"] = c.attributes["jwks.url"]
	}
	if c.attributes["use.jwks.string"] == "true" {
		m["jwks"] = json.RawMessage(c.attributes["jwks.string"])
	}
	for name, attribute := range map[string]string{"token_endpoint_auth_signing_alg": signingAlgorithm, "request_object_signing_alg": "request.object.signature.alg"} {
		if value := c.attributes[attribute]; value != "" {
			m[name] = value
		}
	}
	return m
}

// register replaces the metadata. A secret in the body is ignored. Within the
// policy's last period the server makes a new one.
func (s *Server) register(realm *realm, c *client, w http.ResponseWriter, r *http.Request) bool {
	var body struct {
		ClientID string          `json:"client_id"`
		Method   string          `json:"token_endpoint_auth_method"`
		JWKS     json.RawMessage `json:"jwks"`
		JWKSURI  string          `json:"jwks_uri"`
		Signing  string          `json:"token_endpoint_auth_signing_alg"`
	}
	invalid := func(description string) bool {
		fail(w, http.StatusBadRequest, "invalid_client_metadata", description)
		return false
	}
	switch err := json.NewDecoder(r.Body).Decode(&body); {
	case err != nil:
		return invalid("Client metadata invalid")
	case body.ClientID != c.clientID:
		return invalid("Client Identifier modified")
	case body.JWKS != nil && body.JWKSURI != "":
		return invalid("Illegal to use both jwks_uri and jwks")
	case body.Method == "private_key_jwt" && len(usable(body.JWKS, true)) == 0 && body.JWKSURI == "":
		return invalid("jwks or jwks_uri is missing")
	}
	method := methodOf(body.Method)
	update := representation{Method: &method, Attributes: map[string]*string{}}
	if body.Signing != "" {
		update.Attributes[signingAlgorithm] = &body.Signing
	}
	if s.configure(realm, c, &update) != nil {
		fail(w, http.StatusForbidden, "insufficient_scope", "invalid_request")
		return false
	}
	delete(c.attributes, signingAlgorithm)
	for name, value := range update.Attributes {
		c.attributes[name] = *value
	}
	c.method = *update.Method
	if c.method == "client-secret" && body.Method != "" {
		c.attributes["client.secret.authentication.allowed.method"] = body.Method
	}
	for _, name := range []string{"use.jwks.string", "jwks.string", "use.jwks.url", "jwks.url"} {
		delete(c.attributes, name)
	}
	if body.JWKS != nil {
		c.attributes["use.jwks.string"], c.attributes["jwks.string"] = "true", string(body.JWKS)
	} else if body.JWKSURI != "" {
		c.attributes["use.jwks.url"], c.attributes["jwks.url"] = "true", body.JWKSURI
	}
	if p := s.rotation(realm, c); p != nil {
		if end, ok := c.time(secretExpires); ok && !s.now().Add(p.Remaining.duration()).Before(end) {
			s.rotate(c, p)
		}
		s.updated(realm, c)
	}
	s.dropKeys(realm, c)
	c.access = rand.Text()
	return true
}
