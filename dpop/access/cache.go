package access

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"
)

// entrySize is what an entry of a cache takes beside its claims, in bytes,
// rounded up.
const entrySize = 1 << 10

// digest is the SHA-256 of a token: what is kept in its place.
type digest [sha256.Size]byte

func digestOf(token string) digest {
	// A size that the compiler knows keeps the copy of most tokens off the heap.
	return sha256.Sum256(append(make([]byte, 0, 2048), token...))
}

// cache keeps what is known of tokens; what was used longest ago goes first.
type cache[V any] struct {
	mu      sync.Mutex
	size    int
	entries map[digest]*list.Element
	recent  list.List // of *entry[V], the one used last in front
}

type entry[V any] struct {
	of    digest
	value V
	size  int
	until time.Time
}

func (c *cache[V]) get(of digest, now time.Time) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[of]
	if e == nil {
		return value, false
	}
	found := e.Value.(*entry[V])
	if reached(found.until, now) {
		c.remove(e)
		return value, false
	}
	c.recent.MoveToFront(e)
	return found.value, true
}

// put keeps value until then; more is the size in bytes of what it refers to,
// limit that of the whole cache.
func (c *cache[V]) put(of digest, value V, more int, until time.Time, limit int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[of]; e != nil {
		c.remove(e)
	}
	if c.entries == nil {
		c.entries = make(map[digest]*list.Element)
	}
	c.entries[of] = c.recent.PushFront(&entry[V]{of, value, entrySize + more, until})
	c.size += entrySize + more
	for c.size > limit {
		c.remove(c.recent.Back())
	}
}

func (c *cache[V]) remove(e *list.Element) {
	gone := c.recent.Remove(e).(*entry[V])
	delete(c.entries, gone.of)
	c.size -= gone.size
}

// reached reports whether t has come by the monotonic clock, which stands still
// while the machine is suspended, or by the wall clock, which may be set back.
func reached(t, now time.Time) bool {
	return !now.Before(t) || now.UnixNano() >= t.UnixNano()
}
