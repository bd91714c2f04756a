package keycloaktest

import (
	"crypto/subtle"
	"net/http"
	"net/url"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// refusal is an error response of the token endpoint.
type refusal struct {
	status            int
	code, description string
}

func (f *refusal) write(w http.ResponseWriter) { fail(w, f.status, f.code, f.description) }

func invalidClient() *refusal {
	return &refusal{http.StatusUnauthorized, "invalid_client", "Invalid client or Invalid client credentials"}
}

func wrongSecret() *refusal {
	return &refusal{http.StatusUnauthorized, "unauthorized_client", "Invalid client or Invalid client credentials"}
}

func (s *Server) issuer(r *realm) string { return s.URL + "/realms/" + r.name }

// token answers the client-credentials grant.
func (s *Server) token(realm *realm, w http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil {
		fail(w, http.StatusBadRequest, "invalid_request", "")
		return
	}
	c, refused := s.authenticate(realm, r)
	if refused != nil {
		refused.write(w)
		return
	}
	if grant := r.PostForm.Get("grant_type"); grant != "client_credentials" {
		fail(w, http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant_type")
		return
	}
	if !c.serviceAccount || c.public {
		fail(w, http.StatusUnauthorized, "unauthorized_client", "Client not enabled to retrieve service account")
		return
	}
	if refused := s.onTokenRequest(realm, c, assertionAlgorithm(r.PostForm)); refused != nil {
		refused.write(w)
		return
	}
	jkt, problem := "", ""
	if len(r.Header.Values("DPoP")) > 0 {
		jkt, problem = s.proof(r, "")
	} else if c.attributes["dpop.bound.access.tokens"] == "true" {
		problem = "DPoP proof is missing"
	}
	if problem != "" {
		fail(w, http.StatusBadRequest, "invalid_request", problem)
		return
	}
	scope, unknown := c.grantScopes(r)
	if scope == "" {
		fail(w, http.StatusBadRequest, "invalid_scope", "Invalid scopes: "+unknown)
		return
	}
	t := &token{realm: realm, client: c, jkt: jkt, scope: scope, expires: s.now().Add(tokenLifetime)}
	text := s.accessToken(t)
	s.tokens[hashOf(text)] = t
	s.sweep()
	kind := "Bearer"
	if jkt != "" {
		kind = "DPoP"
	}
	answer(w, http.StatusOK, map[string]any{
		"access_token": text, "token_type": kind, "expires_in": int(tokenLifetime.Seconds()), "scope": scope,
	})
}

// authenticate returns the client that sent a form.
func (s *Server) authenticate(realm *realm, r *http.Request) (*client, *refusal) {
	form := r.PostForm
	if form.Has("client_assertion") {
		return s.byAssertion(realm, form)
	}
	id, secret, basic := r.BasicAuth()
	if basic {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	c := realm.byClientID(id)
	switch {
	case c == nil || !c.enabled || c.bearer:
		return nil, invalidClient()
	case c.public:
		return c, nil
	case c.method == "client-jwt" || c.method == "client-secret-jwt":
		return nil, &refusal{http.StatusBadRequest, "invalid_client", "Parameter client_assertion_type is missing"}
	case c.method != "client-secret":
		return nil, invalidClient()
	}
	only := c.attributes["client.secret.authentication.allowed.method"]
	if basic && only == "client_secret_post" || !basic && only == "client_secret_basic" {
		return nil, wrongSecret()
	}
	if s.mainExpired(c) || !s.acceptsSecret(c, func(candidate string) bool {
		return subtle.ConstantTimeCompare([]byte(candidate), []byte(secret)) == 1
	}) {
		return nil, wrongSecret()
	}
	return c, nil
}

// mainExpired reports whether the main secret has ended, and the rotated one
// with it.
func (s *Server) mainExpired(c *client) bool {
	end, ok := c.time(secretExpires)
	return ok && end.Unix() < s.now().Unix()
}

// acceptsSecret tries the main secret and then the rotated one.
func (s *Server) acceptsSecret(c *client, matches func(string) bool) bool {
	if c.secret != "" && matches(c.secret) {
		return true
	}
	end, ok := c.time(rotatedExpires)
	old := c.attributes[rotatedSecret]
	return ok && old != "" && end.Unix() >= s.now().Unix() && matches(old)
}
