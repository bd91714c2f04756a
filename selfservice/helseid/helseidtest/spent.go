package helseidtest

import (
	"crypto/sha256"
	"sync"
	"time"
)

// spent remembers the jti that were used for at least a window of time and
// at most two. Two generations of maps per shard expire without a search, and
// the shards keep many requests from waiting for one lock.
type spent struct {
	window time.Duration
	shards [64]struct {
		sync.Mutex
		generation  int64
		now, before map[[16]byte]struct{}
	}
}

func newSpent(window time.Duration) *spent { return &spent{window: window} }

// add spends the jti of one client or key; false: it was spent before.
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

// remove makes a jti good once more.
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
