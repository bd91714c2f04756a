package selfservice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// recover is called when the server refused the active credential. If that is
// so still, it looks for one that works among those in the store: the pending
// one first (the server replaced at once, or a reply was lost), then the old
// ones, then the one that was given to Adopt. Soon after a switch the one before
// it goes first. It tells whether it moved the
// state; neither moved nor an error means that the active one works after all,
// or that another replica is at work. With none left an [Independent] provider
// is asked for a new one.
//
// While another one holds the claim only the pending one is tried: whatever
// the holder is doing with that, a switch to it does no harm. An old one it
// may be about to remove.
func (r *Rotator) recover(ctx context.Context) (moved bool, err error) {
	s, err := r.load(ctx) // anew: the failed step may have changed its copy half-way
	if err != nil {
		return false, err
	}
	now := time.Now().Round(0)
	held := s.Claim.heldByOther(r.owner, now, r.Timing.lease())
	if old := s.latest(now, r.Timing.timeout()); old != nil && !held && r.Timing.settling(r.Provider, s.Active) > 0 {
		if err := r.accepted(ctx, old); err == nil {
			return true, r.stepBack(ctx, s, old, now)
		} else if !errors.Is(err, ErrRefused) {
			return false, err
		}
	}
	var refusal error // of the active one
	all := s.entries()
	if !s.holds(r.given) {
		all = append(all, &entry{Credential: r.given})
	}
	for _, e := range all {
		if e.Credential.IsZero() || e.Removed || held && e != s.Active && e != s.Pending {
			continue
		}
		err := r.accepted(ctx, e)
		switch {
		case errors.Is(err, ErrRefused):
			refusal = cmp.Or(refusal, err)
			continue
		case err != nil:
			return false, err // the network, say: nothing is known, nothing is changed
		case e == s.Active:
			return false, nil
		case e == s.Pending:
			return true, r.switchOver(ctx, s)
		case slices.Contains(s.Retiring, e):
			return true, r.rollBack(ctx, s, e, now)
		}
		return true, r.adoptGiven(ctx, s, now)
	}
	if held {
		return false, nil
	}
	lockedOut := fmt.Errorf("%w: %w", ErrLockedOut, refusal)
	if i, ok := r.Provider.(Independent); ok && i.Independent() {
		return r.beginAnew(ctx, s, now, lockedOut)
	}
	return false, lockedOut
}

// stepBack serves the credential from before the last switch again, and has
// the active one proved once more: some node has not learned of it yet. A
// single success says nothing against that, so it is not asked for.
func (r *Rotator) stepBack(ctx context.Context, s *state, old *entry, now time.Time) error {
	early := s.Active.Credential.Fingerprint()
	s.demote(old, now)
	if err := r.save(ctx, s); err != nil {
		return err
	}
	r.tell(Event{Kind: RolledBack, Credential: early, Err: fmt.Errorf("%w everywhere yet: it is proved once more", ErrRefused)})
	return nil
}

// beginAnew ends a lock-out through a provider that needs no credential for
// it. Clearing away what is over, which asks for a token first, has to wait.
// It moves nothing when all that is under way: the refusal that led here is an
// error then, and not tried again at once.
func (r *Rotator) beginAnew(ctx context.Context, s *state, now time.Time, lockedOut error) (moved bool, err error) {
	for _, e := range s.Retiring {
		moved = moved || !e.Stuck
		e.Stuck = true
	}
	_, issues := r.Provider.(Issuer)
	again := issues && s.Pending != nil && !s.Pending.Credential.IsZero() // it was refused just now
	if s.Pending != nil && !moved && !again {
		return false, nil
	}
	r.tell(Event{Kind: Failed, Err: lockedOut})
	if again {
		s.reissue(now, r.Timing.overlap(), []Registration{})
	}
	if s.Pending != nil {
		return true, r.save(ctx, s)
	}
	// Of what the server has now nothing counts as before: a secret that it
	// made for a person is the one to take over.
	return true, r.begin(ctx, s, now, []Registration{})
}

// adoptGiven serves what Adopt was given, in place of all that does not work.
func (r *Rotator) adoptGiven(ctx context.Context, s *state, now time.Time) error {
	s.fallBack(adopt(r.given, now), now, r.Timing.overlap())
	if err := r.save(ctx, s); err != nil {
		return err
	}
	r.tell(Event{Kind: Adopted, Credential: r.given.Fingerprint()})
	return nil
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
