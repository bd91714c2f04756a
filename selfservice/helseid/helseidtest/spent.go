package helseidtest

import (
	"crypto/sha256"
	"sync"
	"time"
)

// spent remembers each jti for one to two windows of time. A shard has two
// generations, of which the older is dropped as a whole. Shards reduce lock
// contention.
type spent struct {
	window time.Duration
	shards [64]struct {
		sync.Mutex
		generation  int64
		now, before map[[16]byte]struct{}
	}
}

func newSpent(window time.Duration) *spent { return &spent{window: window} }

// add spends the jti of a client or key. It reports whether it was new.
func (s *spent) add(who, jti string, now time.Time) bool {
	id := spentID(who, jti)
	shard := &s.shards[id[0]%64]
	generation := now.UnixNano() / int64(s.window)
	shard.Lock()
	defer shard.Unlock()
	if shard.now == nil || shard.generation != generation {
		shard.before = nil
		if shard.generation+1 == generation {
			shard.before = shard.now
		}
		shard.now, shard.generation = make(map[[16]byte]struct{}), generation
	}
	if _, ok := shard.now[id]; ok {
		return false
	}
	if _, ok := shard.before[id]; ok {
		return false
	}
	shard.now[id] = struct{}{}
	return true
}

// remove makes a jti valid again.
func (s *spent) remove(who, jti string) {
	id := spentID(who, jti)
	shard := &s.shards[id[0]%64]
	shard.Lock()
	defer shard.Unlock()
	delete(shard.now, id)
	delete(shard.before, id)
}

func spentID(who, jti string) [16]byte {
	sum := sha256.Sum256([]byte(who + "\x00" + jti))
	return [16]byte(sum[:])
}
