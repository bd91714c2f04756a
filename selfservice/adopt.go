package selfservice

import (
	"context"
	"crypto/rand"
	"errors"
	"time"
)

// Adopt puts the credential that the server already knows into an empty store. If
// the store has one, Adopt changes nothing: the store is ahead of whatever file
// the program started from. Only if the server refuses everything in the store is
// c tried, since a person may have registered it to end a lock-out. Adopt does
// not call the server; [Rotator.Enroll] does.
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

// Enroll is [Rotator.Adopt] for a credential that has not been tried yet: it goes
// into an empty store only once the server has accepted it. If the store has a
// credential, Enroll does what Adopt does and does not call the server.
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
