package selfservice

import (
	"context"
	"fmt"
	"strings"
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
	if err == nil && s.Active != nil && s != before && r.current.CompareAndSwap(before, s) {
		r.inspect()
	}
	return s, err
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
	blob, err := s.encode()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.Timing.callTimeout())
	defer cancel()
	version, err := r.Store.Save(ctx, blob, s.version)
	if err != nil {
		return fmt.Errorf("selfservice: writing the store: %w", err)
	}
	s.version = version
	r.current.Store(s.clone())
	return nil
}
