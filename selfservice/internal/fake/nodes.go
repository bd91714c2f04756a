// Package fake is what the fake servers of the providers have in common: nodes
// that learn of a change one after the other, and faults of single requests.
package fake

import (
	"net/http"
	"sync"
	"time"
)

// Balancer gives requests to the nodes of a server. The zero value is ready.
type Balancer struct {
	mu    sync.Mutex
	turn  int
	conns map[string]int // remote address → node
}

// maxConns bounds what is kept of connections, whose end nobody tells.
const maxConns = 1 << 12

// Node returns which of so many nodes answers a request: the next one, or the
// one to which its connection leads. Each new connection leads to the next one;
// a request that has it closed is its last.
func (b *Balancer) Node(r *http.Request, nodes int, byConnection bool) int {
	if nodes <= 1 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	node, known := b.conns[r.RemoteAddr]
	if !known || !byConnection {
		node = b.turn % nodes
		b.turn++
	}
	switch {
	case !byConnection:
	case r.Close:
		delete(b.conns, r.RemoteAddr)
	case b.conns == nil || len(b.conns) >= maxConns:
		b.conns = map[string]int{r.RemoteAddr: node}
	default:
		b.conns[r.RemoteAddr] = node
	}
	return node
}

// History is what the nodes of a server know of something that changes: each
// one as it was some time ago.
type History[T any] struct{ versions []version[T] } // oldest first

type version[T any] struct {
	from  time.Time
	value T
}

// Add notes a change. Nobody asks for what was longer ago than keep.
func (h *History[T]) Add(now time.Time, value T, keep time.Duration) {
	for len(h.versions) > 1 && now.Sub(h.versions[1].from) > keep {
		h.versions = h.versions[1:]
	}
	h.versions = append(h.versions, version[T]{now, value})
}

// At returns what was true at a time; before the first version it is that.
func (h *History[T]) At(t time.Time) (value T) {
	for i := len(h.versions) - 1; i >= 0; i-- {
		if value = h.versions[i].value; !h.versions[i].from.After(t) {
			break
		}
	}
	return value
}
