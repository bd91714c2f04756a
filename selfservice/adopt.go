package selfservice

import (
	"context"
	"crypto/rand"
	"errors"
	"time"
)

// Adopt puts the credential that the server knows already into an empty store.
// When the store has one it changes nothing: the store is ahead of whatever
// file the program started from. Only if the server refuses all that is stored
// is c tried: a person may have registered it to end a lock-out. Adopt itself
// asks nothing of the server.
func (r *Rotator) Adopt(ctx context.Context, c Credential) (err error) {
	defer guard(&err, "the provider")
	if err := r.check(); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	if a, ok := r.Provider.(Adopter); ok {
		if c, err = a.Adopted(c); err != nil {
			return err
		}
	}
	if err := r.lock(ctx); err != nil {
		return err
	}
	defer r.unlock()
	r.given = c
	s, err := r.read(ctx)
	if !errors.Is(err, ErrNotAdopted) {
		return err
	}
	s = &state{version: s.version, Active: adopt(c, time.Now().Round(0)), Lineage: rand.Text()}
	if err = r.save(ctx, s); errors.Is(err, ErrConflict) {
		_, err = r.read(ctx) // another replica was first
		return err
	}
	if err == nil {
		r.tell(Event{Kind: EventAdopted, Credential: c.Fingerprint()})
	}
	return err
}

// Enroll is [Rotator.Adopt] for a credential that nobody has tried yet: it goes
// into an empty store only once the server has accepted it. When the store has
// a credential it does what Adopt does, and asks nothing of the server.
func (r *Rotator) Enroll(ctx context.Context, c Credential) (err error) {
	defer guard(&err, "the provider")
	if err := errors.Join(r.check(), c.check()); err != nil {
		return err
	}
	_, err = r.read(ctx)
	switch {
	case err == nil:
		return r.Adopt(ctx, c)
	case !errors.Is(err, ErrNotAdopted):
		return err
	}
	if a, ok := r.Provider.(Adopter); ok {
		if c, err = a.Adopted(c); err != nil {
			return err
		}
	}
	if r.Provider != nil {
		if err := r.call(ctx, "Provider.Verify", func(ctx context.Context) error { return r.Provider.Verify(ctx, c) }); err != nil {
			return err
		}
	}
	return r.Adopt(ctx, c)
}
