package dpop

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Memory is a replay cache for a single process. It is bounded in total and
// per key, so that the holder of one token cannot fill it for others. The
// zero value is ready to use, and safe for concurrent use.
type Memory struct {
	Max    int // proofs at a time, in all; zero: 1,000,000, which take 100 MB at most
	MaxKey int // proofs at a time by one key; zero: a tenth of Max

	init   sync.Once
	seed   maphash.Seed
	total  atomic.Int64
	shards [16]shard
}

// shard has the proofs of some of the keys.
type shard struct {
	mu    sync.Mutex
	live  []*generation
	floor int64 // a proof that ended by then is refused: it may have been forgotten
}

// generation has the proofs that end within the same few seconds. They are
// forgotten together, without a scan.
type generation struct {
	end    int64 // unix time; exclusive of what comes later
	ids    map[[16]byte]struct{}
	owners map[uint64]uint32
}

const (
	defaultMax       = 1_000_000
	generationLength = 10 // seconds
)

// Format prints a fixed text for every verb, like [Nonces.Format].
func (m *Memory) Format(f fmt.State, _ rune) { io.WriteString(f, "dpop.Memory") }

// Insert implements [Replay]. It ignores the context: it does not block.
func (m *Memory) Insert(_ context.Context, e Entry) error {
	m.init.Do(func() { m.seed = maphash.MakeSeed() })
	now, until := time.Now(), e.Until.Unix()
	if e.Until.Nanosecond() > 0 {
		until++
	}
	owner := maphash.Bytes(m.seed, e.Owner[:])
	s := &m.shards[owner%uint64(len(m.shards))]
	s.mu.Lock()
	m.forget(s, now)
	err := m.insert(s, e.ID, owner, until, now)
	s.mu.Unlock()
	if err == ErrReplayFull && m.forgetAll(now) {
		s.mu.Lock()
		err = m.insert(s, e.ID, owner, until, now)
		s.mu.Unlock()
	}
	return err
}

func (m *Memory) insert(s *shard, id [32]byte, owner uint64, until int64, now time.Time) error {
	if until <= s.floor || until <= now.Unix() {
		return ErrProofTime
	}
	var g *generation
	end := (until + generationLength - 1) / generationLength * generationLength
	owned := 0
	short := [16]byte(id[:])
	for _, other := range s.live {
		if _, there := other.ids[short]; there {
			return ErrReplayed
		}
		owned += int(other.owners[owner])
		if other.end == end {
			g = other
		}
	}
	most := cmp.Or(m.Max, defaultMax)
	if owned >= cmp.Or(m.MaxKey, max(most/10, 1)) {
		return ErrReplayKeyFull
	}
	if m.total.Add(1) > int64(most) {
		m.total.Add(-1)
		return ErrReplayFull
	}
	if g == nil {
		g = &generation{end: end, ids: make(map[[16]byte]struct{}), owners: make(map[uint64]uint32)}
		s.live = append(s.live, g)
	}
	g.ids[short] = struct{}{}
	g.owners[owner]++
	return nil
}

// forget drops the generations that have ended.
func (m *Memory) forget(s *shard, now time.Time) (dropped bool) {
	kept := s.live[:0]
	for _, g := range s.live {
		if g.end > now.Unix() {
			kept = append(kept, g)
			continue
		}
		// The clock may be set back. A proof of that time looks good again then.
		s.floor = max(s.floor, g.end)
		m.total.Add(-int64(len(g.ids)))
		dropped = true
	}
	clear(s.live[len(kept):])
	s.live = kept
	return dropped
}

// forgetAll makes room in shards that had no calls for a while.
func (m *Memory) forgetAll(now time.Time) (dropped bool) {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		dropped = m.forget(s, now) || dropped
		s.mu.Unlock()
	}
	return dropped
}
