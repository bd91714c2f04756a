package selfservice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// verify switches once real tokens prove the new credential, at every try over
// as long as the nodes of the server may take to learn of it. Until then the
// old one serves.
func (r *Rotator) verify(ctx context.Context, s *state, now time.Time) (time.Time, error) {
	err := r.accepted(ctx, s.Pending)
	switch {
	case errors.Is(err, ErrRefused):
		return r.notYet(ctx, s, now)
	case err != nil:
		return now, err
	}
	p := s.Pending
	if r.lag.fingerprint == p.Credential.Fingerprint() {
		p.Lag = max(p.Lag, r.lag.waited)
	}
	span := r.Timing.settling(r.Provider, p)
	if !p.Proved.IsZero() && now.Sub(p.Proved) >= span || span == 0 {
		return now, r.switchOver(ctx, s)
	}
	if p.Proved.IsZero() {
		// A server that ends the old one at once leaves no time to wait.
		switch err := r.accepted(ctx, s.Active); {
		case errors.Is(err, ErrRefused):
			return now, r.switchOver(ctx, s)
		case err != nil:
			return now, err
		}
		p.Proved = now
		if err := r.save(ctx, s); err != nil {
			return now, err
		}
	}
	next := min(max(span/10, 4*minTry), maxTry/3)
	if left := p.Proved.Add(span).Sub(now); left > 0 {
		next = min(next, left)
	}
	return now.Add(next), nil
}

// The time between two tries of a new credential.
const (
	minTry = 250 * time.Millisecond
	maxTry = 15 * time.Second
)

// lag is how long after its registration a credential was refused.
type lag struct {
	fingerprint string
	waited      time.Duration
}

// notYet waits for a server that does not accept the new credential: it, or
// one of its nodes, has not learned of it.
func (r *Rotator) notYet(ctx context.Context, s *state, now time.Time) (time.Time, error) {
	p := s.Pending
	waited := now.Sub(p.Registered).Abs() // below zero: another replica's clock is ahead
	r.lag = lag{p.Credential.Fingerprint(), waited}
	if !p.Proved.IsZero() {
		p.Proved, p.Lag = time.Time{}, max(p.Lag, waited)
		if err := r.save(ctx, s); err != nil {
			return now, err
		}
	}
	if _, issues := r.Provider.(Issuer); issues && waited >= max(minLost, p.Registered.Sub(p.Made)/2, r.Timing.settling(r.Provider, p)) {
		if lost, err := r.lost(ctx, s); lost || err != nil {
			return now, err
		}
	}
	if waited < r.Timing.timeout() {
		return now.Add(min(max(waited/4, minTry), maxTry)), nil
	}
	return now, r.giveUp(ctx, s, now, r.overdue(ctx, s, waited))
}

// minLost is how long a secret that the server made must have been refused
// before it may be lost.
const minLost = time.Second

// lost finds out whether the server has forgotten a secret that it made: a
// person had it make others, or it came back without its last commits. It then
// is to make another one.
func (r *Rotator) lost(ctx context.Context, s *state) (bool, error) {
	list, err := r.list(ctx, s.Active.Credential)
	if err != nil || slices.ContainsFunc(list, func(reg Registration) bool { return reg.Of(s.Pending.Credential) }) {
		return false, err
	}
	s.reissue(time.Now().Round(0), r.Timing.overlap(), list)
	return true, r.save(ctx, s)
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
	if _, issues := r.Provider.(Issuer); issues {
		return late
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
	before := s.clone()
	s.promote(time.Now().Round(0), r.Timing.overlap())
	if err := r.save(ctx, s); err != nil {
		return r.standIn(ctx, before, s.Active, err)
	}
	r.switches.Add(1)
	r.tell(Event{Kind: Switched, Credential: s.Active.Credential.Fingerprint()})
	return nil
}
