package keycloaktest

import (
	"net/http"
	"time"
)

const (
	secretCreated  = "client.secret.creation.time"
	secretExpires  = "client.secret.expiration.time"
	rotatedSecret  = "client.secret.rotated"
	rotatedCreated = "client.secret.rotated.creation.time"
	rotatedExpires = "client.secret.rotated.expiration.time"
)

func (s *Server) getSecret(_ *realm, c *client, w http.ResponseWriter, _ *http.Request) {
	body := map[string]string{"type": "secret"}
	if c.secret != "" {
		body["value"] = c.secret
	}
	answer(w, http.StatusOK, body)
}

func (s *Server) postSecret(realm *realm, c *client, w http.ResponseWriter, _ *http.Request) {
	if p := s.rotation(realm, c); p != nil {
		s.rotate(c, p)
	} else {
		c.dropRotation()
		c.secret = generateSecret()
		c.setTime(secretCreated, s.now())
	}
	answer(w, http.StatusOK, map[string]string{"type": "secret", "value": c.secret})
}

func (s *Server) getRotated(_ *realm, c *client, w http.ResponseWriter, _ *http.Request) {
	if c.attributes[rotatedSecret] == "" {
		fail(w, http.StatusNotFound, "Client does not have a rotated secret", "")
		return
	}
	answer(w, http.StatusOK, map[string]string{"type": "secret", "value": c.attributes[rotatedSecret]})
}

func (s *Server) deleteRotated(_ *realm, c *client, w http.ResponseWriter, _ *http.Request) {
	c.dropRotated()
	answer(w, http.StatusNoContent, nil)
}

// rotate makes a new main secret and keeps the previous one as the policy says.
func (s *Server) rotate(c *client, p *periods) {
	now := s.now()
	c.dropRotated()
	if p.Rotated > 0 {
		c.attributes[rotatedSecret] = c.secret
		c.setTime(rotatedCreated, now)
		c.setTime(rotatedExpires, now.Add(p.Rotated.duration()))
	}
	c.secret = generateSecret()
	c.setTime(secretCreated, now)
	c.setTime(secretExpires, now.Add(p.Expiration.duration()))
}

// updated does what the server does after it has created or updated a client.
func (s *Server) updated(realm *realm, c *client) {
	p := s.rotation(realm, c)
	if p == nil {
		c.dropRotation()
		return
	}
	switch _, ok := c.time(secretExpires); {
	case !ok:
		c.setTime(secretExpires, s.now().Add(p.Expiration.duration()))
	case s.mainExpired(c):
		s.rotate(c, p)
	}
}

func (c *client) dropRotated() {
	for _, name := range []string{rotatedSecret, rotatedCreated, rotatedExpires} {
		delete(c.attributes, name)
	}
}

func (c *client) dropRotation() {
	c.dropRotated()
	delete(c.attributes, secretExpires)
}

func (p seconds) duration() time.Duration { return time.Duration(p) * time.Second }
