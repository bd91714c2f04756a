package selfservice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// disable turns an old credential off where the server can, and on again if
// the new one turns out not to work alone.
func (r *Rotator) disable(ctx context.Context, s *state, old *entry, now time.Time) error {
	sw := r.Provider.(Switch)
	err := r.call(ctx, func(ctx context.Context) error {
		return sw.Deactivate(ctx, s.Active.Credential, old.registration())
	})
	if err != nil {
		return err
	}
	err = r.call(ctx, func(ctx context.Context) error { return r.Provider.Verify(ctx, s.Active.Credential) })
	if errors.Is(err, ErrRefused) {
		// As the active one still: a provider that works as an administrator
		// does not care, and another has a token from before.
		back := r.call(ctx, func(ctx context.Context) error {
			return sw.Activate(ctx, s.Active.Credential, old.registration())
		})
		if back != nil {
			return fmt.Errorf("selfservice: the active credential is refused and the old one cannot be turned on again: %w", back)
		}
		return r.rollBack(ctx, s, old, now)
	}
	if err != nil {
		return err
	}
	old.Off = true
	if err := r.save(ctx, s); err != nil {
		return err
	}
	r.tell(Event{Kind: Disabled, Credential: old.Credential.Fingerprint()})
	return nil
}

// remove deletes an old credential at the server and then here. What cannot be
// undone is preceded by a real token of the active one.
func (r *Rotator) remove(ctx context.Context, s *state, old *entry) error {
	err := r.call(ctx, func(ctx context.Context) error {
		if !old.Off {
			if err := r.Provider.Verify(ctx, s.Active.Credential); err != nil {
				return err
			}
		}
		return r.Provider.(Remover).Remove(ctx, s.Active.Credential, old.registration())
	})
	if err != nil {
		return err
	}
	return r.forget(ctx, s, old)
}

// forget takes an old credential out of the store.
func (r *Rotator) forget(ctx context.Context, s *state, old *entry) error {
	s.Retiring = slices.DeleteFunc(s.Retiring, func(e *entry) bool { return e == old })
	if s.Pending == nil && len(s.Retiring) == 0 {
		s.Claim = claim{}
	}
	if err := r.save(ctx, s); err != nil {
		return err
	}
	r.tell(Event{Kind: Retired, Credential: old.Credential.Fingerprint()})
	return nil
}

// registration is what the provider needs to find the credential, also when
// the server never told of it.
func (e *entry) registration() Registration {
	reg := e.Registration
	if reg.Fingerprint == "" {
		reg.Fingerprint = e.Credential.Fingerprint()
	}
	if reg.KeyID == "" {
		reg.KeyID = e.Credential.KeyID()
	}
	return reg
}

// recover is called when the server refused the active credential. It looks
// for one that works among those in the store: the pending one first (the
// server replaced at once, or a reply was lost), then the old ones. It tells
// whether it moved the state; neither moved nor an error means that the
// active one works after all.
func (r *Rotator) recover(ctx context.Context) (moved bool, err error) {
	s, err := r.load(ctx) // anew: the failed step may have changed its copy half-way
	if err != nil {
		return false, err
	}
	accepted := func(c Credential) (bool, error) {
		err := r.call(ctx, func(ctx context.Context) error { return r.Provider.Verify(ctx, c) })
		if errors.Is(err, ErrRefused) {
			return false, nil
		}
		return err == nil, err
	}
	for _, e := range s.entries() {
		if e.Credential.IsZero() {
			continue
		}
		ok, err := accepted(e.Credential)
		switch {
		case err != nil:
			return false, err // the network, say: nothing is known, nothing is changed
		case !ok:
			continue
		case e == s.Active:
			return false, nil
		case e == s.Pending:
			err = r.switchOver(ctx, s)
		default:
			err = r.rollBack(ctx, s, e, time.Now().Round(0))
		}
		if errors.Is(err, ErrConflict) {
			err = nil // another replica moved on
		}
		return true, err
	}
	return false, ErrLockedOut
}

// rollBack serves an old credential again.
func (r *Rotator) rollBack(ctx context.Context, s *state, old *entry, now time.Time) error {
	failed := s.Active.Credential.Fingerprint()
	s.fallBack(old, now, r.Timing.overlap())
	if err := r.save(ctx, s); err != nil {
		return err
	}
	r.tell(Event{Kind: RolledBack, Credential: failed, Err: ErrRefused})
	return nil
}
