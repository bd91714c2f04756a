package keycloaktest

import (
	"context"
	"net/http"
)

// Node returns a handler for one of the server's [Server.Nodes], bypassing the
// load balancer. The first is 0.
func (s *Server) Node(n int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), nodeKey{}, n)))
	})
}

type nodeKey struct{} // context key of the node that a request is for

// place identifies the keys of a client in the cache of a node.
type place struct {
	node   int
	client string // its id
}

func (s *Server) nodes() int { return max(s.Nodes, 1) }

// arrive selects the node that answers a request.
func (s *Server) arrive(r *http.Request) {
	if n, chosen := r.Context().Value(nodeKey{}).(int); chosen {
		s.node = n
		return
	}
	s.node = s.balancer.Node(r, s.Nodes, s.ByConnection)
}

// told calls drop for the node that answers and for those that it reaches. A node
// heeds the others only after its keys cache has been cleared once.
func (s *Server) told(drop func(node int)) {
	for n := range s.nodes() {
		if n == s.node || s.heeds[n] {
			drop(n)
		}
	}
}

// dropKeys forgets the keys of a client.
func (s *Server) dropKeys(realm *realm, c *client) {
	s.told(func(node int) { delete(realm.cache, place{node, c.id}) })
}

func (s *Server) clearKeysCache(_ *realm, w http.ResponseWriter, _ *http.Request) {
	s.heeds[s.node] = true
	s.told(func(node int) {
		for _, r := range s.realms {
			for p := range r.cache {
				if p.node == node {
					delete(r.cache, p)
				}
			}
		}
	})
	answer(w, http.StatusNoContent, nil)
}
