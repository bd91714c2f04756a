package selfservice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// postponed is when a credential is tried to be retired again that could
	// not be, and stuckEvery how often from then on.
	postponed  = 15 * time.Minute
	stuckEvery = time.Hour

	// maxStuck is how many of them are kept: the stored state does not grow
	// for ever.
	maxStuck = 20
)

// postpone returns err, after a call that the server did not carry out. It may
// be a refusal although the active credential works: of an administrator's,
// or of a right that this client does not have.
func (r *Rotator) postpone(ctx context.Context, s *state, old *entry, now time.Time, err error) error {
	wait := postponed
	if old.Stuck {
		wait = stuckEvery
	}
	old.Until, old.Stuck = now.Add(max(wait, retryAfter(err))), true
	if stuck := slices.DeleteFunc(slices.Clone(s.Retiring), func(e *entry) bool { return !e.Stuck }); len(stuck) > maxStuck {
		s.drop(stuck[0])
		err = fmt.Errorf("selfservice: the oldest of %d credentials that cannot be removed is left to the server: %w", len(stuck), err)
	}
	return errors.Join(err, r.save(ctx, s))
}

// makeRoom returns err. If the server has no room, one that could not be
// cleared away goes before everything else again.
func (r *Rotator) makeRoom(ctx context.Context, s *state, err error) error {
	stuck := s.earliest(true)
	if !errors.Is(err, ErrLimit) || stuck == nil {
		return err
	}
	stuck.Stuck = false
	return errors.Join(err, r.save(ctx, s))
}

// disable turns an old credential off where the server can, and on again if
// the new one turns out not to work alone. The new one has to work before: the
// old one may be all there is.
func (r *Rotator) disable(ctx context.Context, s *state, old *entry, now time.Time) error {
	if err := r.accepted(ctx, s.Active); err != nil {
		return r.turnOn(ctx, s, old, now, err) // it may be off since a step that came to no end
	}
	off := r.call(ctx, "Switch.Deactivate", func(ctx context.Context) error {
		return r.Provider.(Switch).Deactivate(ctx, s.Active.Credential, old.registration())
	})
	// Also after an error: it may have been carried out.
	if err := r.accepted(ctx, s.Active); err != nil {
		return r.turnOn(ctx, s, old, now, err)
	}
	if off != nil {
		return r.postpone(ctx, s, old, now, off)
	}
	old.Off = true
	if err := r.save(ctx, s); err != nil {
		return err
	}
	r.tell(Event{Kind: Disabled, Credential: old.Credential.Fingerprint()})
	return nil
}

// turnOn serves an old credential again if err says that the active one is
// refused, and else returns err.
func (r *Rotator) turnOn(ctx context.Context, s *state, old *entry, now time.Time, err error) error {
	if !errors.Is(err, ErrRefused) {
		return err
	}
	// As the active one still: a provider that works as an administrator does
	// not care, and another has a token from before.
	back := r.call(ctx, "Switch.Activate", func(ctx context.Context) error {
		return r.Provider.(Switch).Activate(ctx, s.Active.Credential, old.registration())
	})
	if back != nil {
		return errors.Join(err, fmt.Errorf("selfservice: an old credential cannot be turned on again: %w", back))
	}
	// It may have died of age long ago: then recover looks for a better one.
	if back := r.accepted(ctx, old); back != nil {
		return r.postpone(ctx, s, old, now, errors.Join(err, back))
	}
	return r.rollBack(ctx, s, old, now)
}

// remove deletes an old credential where the server can, and then here. What
// cannot be undone is preceded by a real token of the active one.
func (r *Rotator) remove(ctx context.Context, s *state, old *entry, now time.Time) error {
	if old.Removed {
		return r.purge(ctx, s, old, now)
	}
	if !old.Off {
		if err := r.accepted(ctx, s.Active); err != nil {
			return err
		}
	}
	if remover, ok := r.Provider.(Remover); ok {
		err := r.call(ctx, "Remover.Remove", func(ctx context.Context) error {
			return remover.Remove(ctx, s.Active.Credential, old.registration())
		})
		if err != nil {
			return r.postpone(ctx, s, old, now, err)
		}
	}
	if _, ok := r.Provider.(Purger); ok && r.Timing.nodes(r.Provider) > 0 {
		old.Removed, old.Stuck, old.Until = true, false, now.Add(r.Timing.nodes(r.Provider))
		return r.save(ctx, s)
	}
	return r.forget(ctx, s, old)
}

// purge ends what nodes of the server may have kept of an old credential that
// has been removed, and then deletes it here.
func (r *Rotator) purge(ctx context.Context, s *state, old *entry, now time.Time) error {
	if purger, ok := r.Provider.(Purger); ok {
		err := r.call(ctx, "Purger.Purge", func(ctx context.Context) error {
			return purger.Purge(ctx, s.Active.Credential, old.registration())
		})
		if err != nil {
			return r.postpone(ctx, s, old, now, err)
		}
	}
	return r.forget(ctx, s, old)
}

// accepted gets a real token with the credential of e.
func (r *Rotator) accepted(ctx context.Context, e *entry) error {
	return r.call(ctx, "Provider.Verify", func(ctx context.Context) error { return r.Provider.Verify(ctx, e.Credential) })
}

// forget takes an old credential out of the store.
func (r *Rotator) forget(ctx context.Context, s *state, old *entry) error {
	s.drop(old)
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
