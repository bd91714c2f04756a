package selfservice

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// verify switches once a real token proves the new credential. Until then the
// old one serves: servers take their time to learn of a new one.
func (r *Rotator) verify(ctx context.Context, s *state, now time.Time) (time.Time, error) {
	err := r.accepted(ctx, s.Pending)
	if err == nil {
		return now, r.switchOver(ctx, s)
	}
	if !errors.Is(err, ErrRefused) {
		return now, err
	}
	waited := now.Sub(s.Pending.Registered).Abs() // below zero: another replica's clock is ahead
	if waited < r.Timing.propagation() {
		return now.Add(min(max(waited/4, 250*time.Millisecond), 15*time.Second)), nil
	}
	return now, r.giveUp(ctx, s, now, r.overdue(ctx, s, waited))
}

// overdue finds out whether the server has lost a credential that it still
// does not accept, and sees that it is registered again then. It returns an
// error in any case.
func (r *Rotator) overdue(ctx context.Context, s *state, waited time.Duration) error {
	late := fmt.Errorf("selfservice: the new credential is not accepted %v after its registration", waited.Round(time.Second))
	_, listed, err := r.find(ctx, s, s.Pending.Credential)
	if err != nil || listed {
		return errors.Join(late, err)
	}
	s.Pending.Registered = time.Time{}
	return errors.Join(late, r.save(ctx, s))
}

// giveUpAfter is how long a new credential is tried.
const giveUpAfter = 24 * time.Hour

// giveUp sets a new credential aside that has come to nothing for a day, so
// that a better one can be made before the active one expires: what is wrong
// may be the credential. In case the server takes it after all it is kept as
// an old one. Only one at a time: while the server is down nothing piles up.
func (r *Rotator) giveUp(ctx context.Context, s *state, now time.Time, err error) error {
	if err == nil || errors.Is(err, ErrRefused) || errors.Is(err, ErrLimit) || len(s.Retiring) > 0 || now.Sub(s.Pending.Made) < giveUpAfter {
		return err
	}
	s.abandon(now, r.Timing.overlap())
	return errors.Join(fmt.Errorf("selfservice: the new credential is given up after %v", giveUpAfter), err, r.save(ctx, s))
}

// switchOver makes the pending credential the active one.
func (r *Rotator) switchOver(ctx context.Context, s *state) error {
	s.promote(time.Now().Round(0), r.Timing.overlap())
	if err := r.save(ctx, s); err != nil {
		return err
	}
	r.switches.Add(1)
	r.tell(Event{Kind: Switched, Credential: s.Active.Credential.Fingerprint()})
	return nil
}
