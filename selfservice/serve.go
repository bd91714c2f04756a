package selfservice

import (
	"context"
	"errors"
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
	return r.read(ctx)
}

// read reads the store and serves what it holds from now on, unless something
// newer is served already. It does not wait for a step that is under way. Who
// wants to change the state clones it. An empty store is [ErrNotAdopted].
func (r *Rotator) read(ctx context.Context) (*state, error) {
	before := r.current.Load()
	s, err := r.fetch(ctx)
	if err != nil || s == before {
		return s, err
	}
	back := before != nil && before.version != s.version && before.goneBack(s)
	if back {
		s = before.restore(s, time.Now().Round(0).Add(r.Timing.overlap()))
	}
	if s.Active == nil {
		return s, ErrNotAdopted
	}
	if r.current.CompareAndSwap(before, s) {
		r.inspect()
		if back {
			r.tell(Event{Kind: EventDamaged, Err: fmt.Errorf("%w: it is older than what this process has read or written, which is written back", ErrCorrupt)})
		}
	}
	return s, nil
}

// fetch reads the store. What has not changed is not parsed again: checking a
// private key costs more than a signature.
func (r *Rotator) fetch(ctx context.Context) (s *state, err error) {
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

// damaged is a Store that can go on with an older version when the newest one
// cannot be read, such as filestore.Dir. It names what it left behind.
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
		r.tell(Event{Kind: EventDamaged, Err: fmt.Errorf("%w: %s", ErrCorrupt, strings.Join(files, ", "))})
	}
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

// unsaved returns err, with which the store refused to hold what p has come to.
// The server has moved on all the same: a secret that it issued nobody else has,
// and a credential that has just been registered or proved may be all that it
// accepts.
func (r *Rotator) unsaved(ctx context.Context, before, s *state, p plan, m rules, err error) error {
	conflict := errors.Is(err, ErrConflict)
	if p.do == issue && conflict {
		return errors.Join(err, r.keep(ctx, s.Pending, m))
	}
	if p.do == issue {
		r.issued = s.Pending.clone()
	}
	next := s.Active
	if s.Pending != nil && !s.Pending.Registered.IsZero() {
		next = s.Pending
	}
	if !conflict && next.Credential.Fingerprint() != before.Active.Credential.Fingerprint() {
		r.standIn(ctx, before, next)
	}
	return err
}

// keep saves what the server issued to a replica that has overslept its lease.
func (r *Rotator) keep(ctx context.Context, issued *entry, m rules) error {
	s, err := r.read(ctx)
	if err != nil || s.holds(issued.Credential) {
		return err
	}
	s = s.clone()
	s.keep(issued, time.Now().Round(0), m)
	return r.save(ctx, s)
}

// standIn is a credential that is served in place of the active one, which the
// server refuses, while the store that should say so cannot be written. It
// stands in for one version of the stored state only.
type standIn struct {
	credential Credential
	version    string
}

// standIn serves the credential of e from memory if the server accepts that one
// and refuses the active one.
func (r *Rotator) standIn(ctx context.Context, stored *state, e *entry) {
	if r.accepted(ctx, e) == nil && errors.Is(r.accepted(ctx, stored.Active), ErrInvalidClient) {
		r.stands.Store(&standIn{e.Credential, stored.version})
	}
}

// active is the credential to use now.
func (r *Rotator) active(s *state) Credential {
	if c := r.stands.Load(); c != nil && c.version == s.version {
		return c.credential
	}
	return s.Active.Credential
}
