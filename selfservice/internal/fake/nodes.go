// Package fake has what the fake servers of the providers share: nodes that a change
// reaches one after the other, and faults of single requests.
package fake

import (
	"net/http"
	"sync"
	"time"
)

// Balancer distributes requests over the nodes of a server. The zero value is ready.
type Balancer struct {
	mu    sync.Mutex
	turn  int
	conns map[string]int // remote address → node
}

// maxConns bounds the map of connections, whose end is not reported.
const maxConns = 1 << 12

// Node returns which of the nodes answers a request: the next one or, by connection,
// the one that the connection leads to. A new connection leads to the next one, and
// ends with a request that closes it.
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

// History holds the versions of a value, of which each node of a server sees the one
// of some time ago.
type History[T any] struct{ versions []version[T] } // oldest first

type version[T any] struct {
	from  time.Time
	value T
}

// Add adds a version. Those from longer ago than keep are dropped.
func (h *History[T]) Add(now time.Time, value T, keep time.Duration) {
	for len(h.versions) > 1 && now.Sub(h.versions[1].from) > keep {
		h.versions = h.versions[1:]
	}
	h.versions = append(h.versions, version[T]{now, value})
}

// At returns the version at a time; before the first one, the first.
func (h *History[T]) At(t time.Time) (value T) {
	for i := len(h.versions) - 1; i >= 0; i-- {
		if value = h.versions[i].value; !h.versions[i].from.After(t) {
			break
		}
	}
	return value
}
