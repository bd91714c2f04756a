package helseidtest

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/helseid"
)

type client struct {
	mu   sync.RWMutex
	keys []registered
}

type registered struct {
	*publicKey
	origin   string    // "Gui" or "Api"
	accepted time.Time // from when on
	expires  time.Time // zero: never
	replaced time.Time // zero: not
}

func (k registered) live(now time.Time) bool {
	return (k.expires.IsZero() || now.Before(k.expires)) && (k.replaced.IsZero() || now.Before(k.replaced))
}

// AddClient registers a client with a key, as a person would in the portal:
// without an expiration, of origin Gui. A client that exists gets one more key.
// It panics when the key is not one that HelseID takes.
func (s *Server) AddClient(id string, key *keys.PublicKey) {
	k, refusal := parseJWK(key.JWK())
	if refusal != "" {
		panic("helseidtest: " + string(refusal))
	}
	v, _ := s.clients.LoadOrStore(id, new(client))
	c := v.(*client)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = append(c.keys, registered{publicKey: k, origin: "Gui"})
}

// RemoveKey takes a key away from a client, as a person would in the portal.
func (s *Server) RemoveKey(id string, key *keys.PublicKey) {
	if c := s.client(id); c != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.keys = slices.DeleteFunc(c.keys, func(k registered) bool { return k.thumbprint == key.Thumbprint() })
	}
}

// Keys returns the keys that are registered for the client now, oldest first,
// those that are not accepted yet too.
func (s *Server) Keys(id string) []helseid.ClientSecret {
	var list []helseid.ClientSecret
	for _, k := range s.client(id).live(s.later()) {
		list = append(list, helseid.ClientSecret{KeyID: k.kid, Thumbprint: k.thumbprint, Expiration: k.expires, Origin: k.origin})
	}
	return list
}

// Accepts tells whether the client would get a token with the key of that
// RFC 7638 thumbprint now.
func (s *Server) Accepts(id, thumbprint string) bool {
	now := s.later()
	return slices.ContainsFunc(s.client(id).live(now), func(k registered) bool {
		return k.thumbprint == thumbprint && !now.Before(k.accepted)
	})
}

// RejectScopes makes the tokens that are asked for on behalf of an
// organisation come without scopes, whose terms it has not signed; they are
// named in rejected_scope instead.
func (s *Server) RejectScopes(parent string, scopes ...string) { s.rejected.Store(parent, scopes) }

// split parts the scopes that a client asks for into granted and rejected.
func (s *Server) split(scope, parent string) (granted, rejected []string) {
	v, _ := s.rejected.Load(parent)
	unsigned, _ := v.([]string)
	for name := range strings.FieldsSeq(scope) {
		if slices.Contains(unsigned, name) {
			rejected = append(rejected, name)
		} else {
			granted = append(granted, name)
		}
	}
	return granted, rejected
}

func (s *Server) client(id string) *client {
	v, _ := s.clients.Load(id)
	c, _ := v.(*client)
	return c
}

// key returns the key that the client may sign with under this kid; nil when
// there is none.
func (c *client) key(kid string, now time.Time) *publicKey {
	for _, k := range c.live(now) {
		if k.kid == kid && !now.Before(k.accepted) {
			return k.publicKey
		}
	}
	return nil
}

// live returns the keys that are neither expired nor replaced.
func (c *client) live(now time.Time) []registered {
	if c == nil {
		return nil
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.DeleteFunc(slices.Clone(c.keys), func(k registered) bool { return !k.live(now) })
}

// add registers a key over the self-service API, under the server's rules.
func (c *client) add(s *Server, key *publicKey) (registered, Refusal) {
	now := s.later()
	k := registered{publicKey: key, origin: "Api", accepted: now.Add(s.Propagation)}
	if validity := orDefault(s.Validity, 90*24*time.Hour); validity > 0 {
		k.expires = now.Add(validity).UTC().Truncate(time.Second)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = slices.DeleteFunc(c.keys, func(k registered) bool { return !k.live(now) })
	for _, other := range c.keys {
		if other.thumbprint == key.thumbprint || other.kid == key.kid {
			return registered{}, KeyDuplicate
		}
	}
	for i, other := range c.keys {
		if other.origin != "Api" || !other.replaced.IsZero() {
			continue
		}
		switch s.Replace {
		case AtOnce:
			c.keys[i].replaced = now
		case Later:
			c.keys[i].replaced = now.Add(s.ReplaceAfter)
		}
	}
	c.keys = append(c.keys, k)
	return k, ""
}
