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
	accepted time.Time // from then on
	expires  time.Time // zero: never
	replaced time.Time // or removed; zero: not
}

// live reports whether the key is registered, as known by a node that is behind.
func (k registered) live(now time.Time, behind time.Duration) bool {
	return (k.expires.IsZero() || now.Before(k.expires)) && (k.replaced.IsZero() || now.Add(-behind).Before(k.replaced))
}

// taken reports whether a node that is behind accepts the key.
func (k registered) taken(now time.Time, behind time.Duration) bool {
	return k.live(now, behind) && !now.Add(-behind).Before(k.accepted)
}

// behind is how much later than the first one a node learns of a change.
func (s *Server) behind(node int) time.Duration { return time.Duration(node) * s.Lag }

// AddClient registers a client with a key, as a person would in the portal:
// without an expiration, of origin Gui. An existing client gets one more key.
// It panics if HelseID would not accept the key.
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
	now := s.later()
	if c := s.client(id); c != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i, k := range c.keys {
			if k.thumbprint == key.Thumbprint() && k.live(now, 0) {
				c.keys[i].replaced = now
			}
		}
	}
}

// Keys returns the keys that are registered for the client now, oldest first,
// including those that are not accepted yet.
func (s *Server) Keys(id string) []helseid.ClientSecret {
	var list []helseid.ClientSecret
	for _, k := range s.client(id).live(s.later()) {
		list = append(list, helseid.ClientSecret{KeyID: k.kid, Thumbprint: k.thumbprint, Expiration: k.expires, Origin: k.origin})
	}
	return list
}

// Accepts reports whether the client would get a token now with the key of that
// RFC 7638 thumbprint, at every node.
func (s *Server) Accepts(id, thumbprint string) bool {
	c, now := s.client(id), s.later()
	for node := range max(s.Nodes, 1) {
		if c.find(now, s.behind(node), func(k registered) bool { return k.thumbprint == thumbprint }) == nil {
			return false
		}
	}
	return true
}

// RejectScopes makes tokens requested on behalf of an organisation lack scopes,
// as if it had not signed their terms; rejected_scope names them.
func (s *Server) RejectScopes(parent string, scopes ...string) { s.rejected.Store(parent, scopes) }

// split divides requested scopes into granted and rejected ones.
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

// key returns the key with a kid that a node accepts, or nil.
func (c *client) key(kid string, now time.Time, behind time.Duration) *publicKey {
	return c.find(now, behind, func(k registered) bool { return k.kid == kid })
}

// find returns the first key that a node accepts and that is, or nil.
func (c *client) find(now time.Time, behind time.Duration, is func(registered) bool) *publicKey {
	if c == nil {
		return nil
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, k := range c.keys {
		if is(k) && k.taken(now, behind) {
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
	return slices.DeleteFunc(slices.Clone(c.keys), func(k registered) bool { return !k.live(now, 0) })
}

// add registers a key through the self-service API.
func (c *client) add(s *Server, key *publicKey) (registered, Refusal) {
	now := s.later()
	k := registered{publicKey: key, origin: "Api", accepted: now.Add(s.Propagation)}
	if validity := orDefault(s.Validity, 90*24*time.Hour); validity > 0 {
		k.expires = now.Add(validity).UTC().Truncate(time.Second)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	last := s.behind(max(s.Nodes-1, 0))
	c.keys = slices.DeleteFunc(c.keys, func(k registered) bool { return !k.live(now, last) })
	for _, other := range c.keys {
		if other.live(now, 0) && (other.thumbprint == key.thumbprint || other.kid == key.kid) {
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
