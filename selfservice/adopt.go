package selfservice

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// Adopt puts the credential that the server already knows into an empty store. If
// the store has one, Adopt changes nothing: the store is ahead of whatever file
// the program started from. Only if the server refuses everything in the store is
// c tried, since a person may have registered it to end a lock-out. Adopt does
// not call the server; [Rotator.Enroll] does.
//
// A client that changes from secrets to keys, or back, needs another Store, such
// as a sqlstore.Table.Store of another name: one that holds the kind that the
// Provider does not take is refused with [ErrConfig].
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
		return errors.Join(err, r.fits(s))
	}
	s = &state{version: s.version, Active: adopt(c, time.Now().Round(0)), Lineage: rand.Text()}
	if err = r.save(ctx, s); errors.Is(err, ErrConflict) {
		s, err = r.read(ctx) // another replica was first
		return errors.Join(err, r.fits(s))
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

// fits refuses a state whose credential is a secret where the provider takes keys,
// or the other way round. It asks for no more: an older version may have stored
// a form that the provider would change or refuse today.
func (r *Rotator) fits(s *state) error {
	a, ok := r.Provider.(Adopter)
	if !ok || s == nil || s.Active == nil {
		return nil
	}
	const remedy = "give the Rotator another Store (sqlstore.Table.Store of another name)"
	switch _, err := a.Adopted(s.Active.Credential); {
	case errors.Is(err, errSecret):
		return fmt.Errorf("%w: the store holds a secret, and this provider rotates keys: %s", ErrConfig, remedy)
	case errors.Is(err, errKey):
		return fmt.Errorf("%w: the store holds a key, and this provider rotates secrets: %s", ErrConfig, remedy)
	}
	return nil
}
