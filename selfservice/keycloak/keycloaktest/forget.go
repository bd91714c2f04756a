package keycloaktest

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
)

// Forget undoes the last n changes of clients (at most 32) and empties the caches,
// like a server that was killed before its database had written changes that it
// had confirmed, and was started again.
func (s *Server) Forget(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; n > 0 && len(s.changes) > 0; n-- {
		last := len(s.changes) - 1
		s.changes[last]()
		s.changes = s.changes[:last]
	}
	for _, r := range s.realms {
		clear(r.cache)
	}
	clear(s.heeds)
}

const maxChanges = 32

// remembered records what h changes in a client, so that it can be undone.
func remembered(h clientHandler) clientHandler {
	return func(s *Server, realm *realm, c *client, w http.ResponseWriter, r *http.Request) {
		before := c.clone()
		h(s, realm, c, w, r)
		if realm.clients[c.id] == c && reflect.DeepEqual(before, c) {
			return
		}
		s.changed(func() { realm.clients[before.id] = before })
	}
}

func (s *Server) changed(back func()) {
	if len(s.changes) == maxChanges {
		s.changes = slices.Delete(s.changes, 0, 1)
	}
	s.changes = append(s.changes, back)
}

func (c *client) clone() *client {
	copied := *c
	copied.attributes, copied.roles, copied.defined = maps.Clone(c.attributes), maps.Clone(c.roles), slices.Clone(c.defined)
	return &copied
}
