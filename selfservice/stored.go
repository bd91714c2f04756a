package selfservice

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// serving returns what is served now; a caller that comes before Run did has
// the store read.
func (r *Rotator) serving(ctx context.Context) (*state, error) {
	if s := r.current.Load(); s != nil {
		return s, nil
	}
	return r.first(ctx)
}

// first reads the store. It does not wait for a step that is under way.
func (r *Rotator) first(ctx context.Context) (*state, error) {
	s, err := r.peek(ctx)
	if err == nil && s.Active == nil {
		err = ErrNotAdopted
	}
	return s, err
}

// load returns a copy of what the store holds, which the step may change.
func (r *Rotator) load(ctx context.Context) (*state, error) {
	s, err := r.peek(ctx)
	if err != nil {
		return nil, err
	}
	return s.clone(), nil
}

// peek reads the store and serves what it holds from now on, unless something
// newer is served already.
func (r *Rotator) peek(ctx context.Context) (*state, error) {
	before := r.current.Load()
	s, err := r.read(ctx)
	if err != nil || s == before {
		return s, err
	}
	back := before != nil && before.version != s.version && before.goneBack(s)
	if back {
		s = before.restore(s, time.Now().Round(0).Add(r.Timing.overlap()))
	}
	if s.Active != nil && r.current.CompareAndSwap(before, s) {
		r.inspect()
		if back {
			r.tell(Event{Kind: Damaged, Err: fmt.Errorf("%w: it is older than what this process has read or written, which is written back", ErrCorrupt)})
		}
	}
	return s, err
}

// goneBack reports whether stored, which was read after s, is older: a backup,
// a standby without the last commits, or an empty store.
func (s *state) goneBack(stored *state) bool {
	return stored.Active == nil || stored.Lineage != s.Lineage || stored.Serial <= s.Serial
}

// restore returns what is to be stored in place of a state that is older than s.
// It is s, and what only the older one has is kept as old until then: the server
// may know it.
func (s *state) restore(older *state, until time.Time) *state {
	c := s.clone()
	c.version, c.Claim, c.restored = older.version, older.Claim, true
	c.Serial, c.Rotations = max(s.Serial, older.Serial), max(s.Rotations, older.Rotations)
	for _, e := range older.entries() {
		if !e.Credential.IsZero() && !c.holds(e.Credential) {
			e = e.clone()
			e.Until, e.Before, e.Off, e.Removed, e.Stuck = until, nil, false, false, false
			c.Retiring = append([]*entry{e}, c.Retiring...)
		}
	}
	return c
}

// damaged is a Store that can go on with an older version when the newest one
// cannot be read, such as [Dir]. It names what it left behind.
type damaged interface{ Damaged() ([]string, error) }

// inspect tells when the store has gone back to an older version: once for
// each time, since what is damaged stays there.
func (r *Rotator) inspect() {
	store, ok := r.Store.(damaged)
	if !ok {
		return
	}
	defer func() { _ = recover() }() // of the caller's making, too
	files, err := store.Damaged()
	if n := int64(len(files)); err == nil && n > r.damaged.Swap(n) {
		r.tell(Event{Kind: Damaged, Err: fmt.Errorf("%w: %s", ErrCorrupt, strings.Join(files, ", "))})
	}
}

// read reads the store. What has not changed is not parsed again: checking a
// private key costs more than a signature.
func (r *Rotator) read(ctx context.Context) (s *state, err error) {
	defer guard(&err, "Store.Load")
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, r.Timing.callTimeout())
	defer cancel()
	blob, version, err := r.Store.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("selfservice: reading the store: %w", err)
	}
	if s := r.current.Load(); s != nil && s.version == version {
		return s, nil
	}
	return decode(blob, version)
}

// save writes the state and only then serves it.
func (r *Rotator) save(ctx context.Context, s *state) (err error) {
	defer guard(&err, "Store.Save")
	next := s.clone()
	next.Serial++
	next.restored = false
	blob, err := next.encode()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.Timing.callTimeout())
	defer cancel()
	version, err := r.Store.Save(ctx, blob, s.version)
	if err != nil {
		return fmt.Errorf("selfservice: writing the store: %w", err)
	}
	next.version = version
	s.Serial, s.version, s.restored = next.Serial, version, false
	r.current.Store(next)
	return nil
}
