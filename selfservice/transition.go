package selfservice

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// hold makes this replica the one that moves the rotation on.
func (s *state) hold(now time.Time, m rules) { s.Lease = lease{m.owner, now.Add(m.lease())} }

// start begins a rotation. It has no credential yet where the server makes it:
// that will be one that is not in before.
func (s *state) start(c *change, made Credential, before []Registration, now time.Time, m rules) {
	s.Pending = &entry{Credential: made, Before: before, Made: now, Lag: s.Active.Lag}
	s.hold(now, m)
	c.save = true
	c.tell(EventStarted, made, nil)
}

// registered notes that the server has the pending credential.
func (s *state) registered(c *change, o outcome, now time.Time, m rules) {
	p := s.Pending
	if !o.credential.IsZero() {
		p.Credential = o.credential
	}
	p.Registration, p.Registered = o.registration, now
	if !p.Registration.Expires.IsZero() {
		p.Checked = now // the reply says when it ends: no need to ask once it is active
	}
	s.hold(now, m)
	c.save, c.err = true, nil
	c.tell(EventRegistered, p.Credential, nil)
}

// The time between two tries of a new credential.
const (
	minTry = 250 * time.Millisecond
	maxTry = 15 * time.Second
)

// proved switches once real tokens prove the new credential, at every try over
// as long as the nodes of the server may take to learn of it. Until then the
// old one serves.
func (s *state) proved(c *change, o outcome, now time.Time, m rules) {
	p := s.Pending
	switch o.result {
	case refused, forgotten:
		s.notYet(c, o, now, m)
		return
	case failed:
		s.giveUp(c, now, m)
		return
	case alone: // a server that ends the old one at once leaves no time to wait
		s.promote(c, now, m)
		return
	}
	p.Lag = max(p.Lag, o.lag)
	span := m.settling(p, 0)
	if span == 0 || !p.Proved.IsZero() && o.began.Sub(p.Proved) >= span {
		s.promote(c, now, m)
		return
	}
	if p.Proved.IsZero() {
		p.Proved, c.save = now, true
	}
	wait := min(max(span/10, 4*minTry), maxTry/3)
	if left := p.Proved.Add(span).Sub(now); left > 0 {
		wait = min(wait, left)
	}
	c.at = now.Add(wait)
}

// notYet waits for a server that does not accept the new credential: it, or
// one of its nodes, has not learned of it.
func (s *state) notYet(c *change, o outcome, now time.Time, m rules) {
	p := s.Pending
	waited := p.waited(o.began)
	if !p.Proved.IsZero() {
		p.Proved, p.Lag, c.save = time.Time{}, max(p.Lag, waited), true
	}
	switch {
	case m.issues && o.result == forgotten:
		s.reissue(now, m, o.list)
		c.save = true
	case o.err != nil && waited < m.timeout():
	case waited < m.timeout():
		c.at = now.Add(min(max(waited/4, minTry), maxTry))
	default:
		late := fmt.Errorf("selfservice: the new credential is not accepted %v after its registration", waited.Round(time.Second))
		c.err = errors.Join(late, o.err)
		if o.result == forgotten {
			p.Registered, c.save = time.Time{}, true // register it again
		}
		s.giveUp(c, now, m)
	}
}

// waited is for how long the server has had a credential; below zero another
// replica's clock is ahead.
func (e *entry) waited(now time.Time) time.Duration { return now.Sub(e.Registered).Abs() }

// minLost is how long a secret that the server made must have been refused
// before it may be lost.
const minLost = time.Second

// doubtful reports whether a pending credential that is refused may have been
// lost by the server: a person had it make others, or it came back without its
// last commits.
func (s *state) doubtful(now time.Time, m rules) bool {
	p := s.Pending
	if !m.issues {
		return p.waited(now) >= m.timeout()
	}
	return p.waited(now) >= max(minLost, p.Registered.Sub(p.Made)/2, m.settling(p, 0))
}

// giveUpAfter is how long a new credential is tried.
const giveUpAfter = 24 * time.Hour

// giveUp sets a new credential aside that has come to nothing for a day, so
// that a better one can be made before the active one expires: what is wrong
// may be the credential. In case the server takes it after all it is kept as
// an old one. Only one at a time: while the server is down nothing piles up.
func (s *state) giveUp(c *change, now time.Time, m rules) {
	if errors.Is(c.err, ErrInvalidClient) || s.earliest(false) != nil || now.Sub(s.Pending.Made) < giveUpAfter {
		return
	}
	s.setAside(now, m)
	c.save = true
	c.err = errors.Join(fmt.Errorf("selfservice: the new credential is given up after %v", giveUpAfter), c.err)
}

// setAside keeps the pending credential as an old one.
func (s *state) setAside(now time.Time, m rules) {
	s.Pending.Before = nil
	s.retire(s.Pending, now, m)
	s.Pending, s.Lease = nil, lease{}
}

// retire puts a credential among the old ones, until the end of its overlap or
// of its life.
func (s *state) retire(e *entry, now time.Time, m rules) {
	e.Until, e.Checked = now.Add(m.overlap()), time.Time{}
	if expires := e.Registration.Expires; expires.After(now) && expires.Before(e.Until) {
		e.Until = expires
	}
	s.Retiring = append(s.Retiring, e)
}

// reissue has the server make another secret than the pending one, which is
// lost, and those in before. In case the server takes it after all it is kept
// as an old one, unless there are some already. When the rotation began stays:
// the longer it takes, the later a secret is taken for lost.
func (s *state) reissue(now time.Time, m rules, before []Registration) {
	lost, made := s.Pending, s.Pending.Made
	if len(s.Retiring) < 3 {
		s.setAside(now, m)
	}
	s.Pending = &entry{Made: made, Before: append(slices.Clone(before), lost.registration()), Lag: s.Active.Lag}
	s.Lease = lease{}
}

// promote makes the pending credential active.
func (s *state) promote(c *change, now time.Time, m rules) {
	s.retire(s.Active, now, m)
	s.Active, s.Pending = s.Pending, nil
	s.Active.Since, s.Active.Before, s.Active.Proved = now, nil, time.Time{}
	if s.Active.Registered.IsZero() {
		s.Active.Registered = now // the reply was lost, but it works
	}
	s.Rotations++
	s.Lease = lease{}
	c.save, c.err = true, nil
	c.tell(EventSwitched, s.Active.Credential, nil)
}

// forget takes an old credential out: it is removed, as far as the provider can.
func (s *state) forget(c *change, old *entry, m rules) {
	s.drop(old)
	if s.Pending == nil && len(s.Retiring) == 0 {
		s.Lease = lease{}
	}
	c.save = true
	c.events = append(c.events, Event{Kind: EventRetired, Credential: old.Credential.Fingerprint(), Unremoved: !m.removes})
}

const (
	// postponed is when a credential is tried to be retired again that could
	// not be, and stuckEvery how often from then on.
	postponed  = 15 * time.Minute
	stuckEvery = time.Hour

	// maxStuck is how many of them are kept: the stored state has a limit.
	maxStuck = 20
)

// postpone retires a credential later, after a call that the server did not
// carry out. It may be a refusal although the active credential works: of an
// administrator's, or of a right that this client does not have.
func (s *state) postpone(c *change, old *entry, now time.Time) {
	wait := postponed
	if old.Stuck {
		wait = stuckEvery
	}
	old.Until, old.Stuck, c.save = now.Add(max(wait, retryAfter(c.err))), true, true
	if stuck := slices.DeleteFunc(slices.Clone(s.Retiring), func(e *entry) bool { return !e.Stuck }); len(stuck) > maxStuck {
		s.drop(stuck[0])
		c.err = fmt.Errorf("selfservice: the oldest of %d credentials that cannot be removed is left to the server: %w", len(stuck), c.err)
	}
}

// candidates are the credentials to try when the active one is refused: the
// pending one first (the server replaced at once, or a reply was lost), then
// the old ones, then the one that was given to Adopt. Soon after a switch the
// one before it goes first. The active one is among them: it may work after
// all.
//
// While another replica holds the lease only the pending one is tried:
// whatever the holder is doing with that, a switch to it does no harm. An old
// one it may be about to remove.
func (s *state) candidates(now time.Time, m rules, given Credential, held bool) []*entry {
	all, old := s.entries(), s.latest(now, m)
	switch {
	case held:
		all = slices.DeleteFunc(all, func(e *entry) bool { return e != s.Active && e != s.Pending })
	case old != nil:
		all = append([]*entry{old}, slices.DeleteFunc(all, func(e *entry) bool { return e == old })...)
	}
	if !held && !s.holds(given) {
		all = append(all, &entry{Credential: given})
	}
	return slices.DeleteFunc(all, func(e *entry) bool { return e.Credential.IsZero() || e.Removed })
}

// latest returns the credential from before the last switch while some node of
// the server may still know it better than the active one; nil if there is
// none.
func (s *state) latest(now time.Time, m rules) *entry {
	n := len(s.Retiring)
	if s.Pending != nil || n == 0 || s.Retiring[n-1].Off || s.Retiring[n-1].Removed || s.Active.waited(now) >= m.timeout() || m.settling(s.Active, 0) == 0 {
		return nil
	}
	return s.Retiring[n-1]
}

// rescued serves the credential that the server accepts in place of the active
// one.
func (s *state) rescued(c *change, o outcome, now time.Time, m rules) {
	switch {
	case o.result == refused:
		s.lockedOut(c, o, now, m)
	case o.result == failed || o.works == s.Active: // nothing is known, nothing is changed
	case o.works == s.Pending:
		s.promote(c, now, m)
	case o.works == s.latest(now, m):
		s.stepBack(c, o.works, now)
	case slices.Contains(s.Retiring, o.works):
		s.fallBack(c, o.works, now, m)
	default:
		s.adoptInstead(c, o.works.Credential, now, m)
	}
}

// stepBack makes the credential from before the last switch active again and
// has the active one proved once more: some node has not learned of it yet. A
// single success says nothing against that, so it is not asked for.
func (s *state) stepBack(c *change, old *entry, now time.Time) {
	s.drop(old)
	early := s.Active
	early.Lag, early.Since = max(2*early.Lag, early.waited(now), defaultPropagation), time.Time{}
	old.Since, old.Until, old.Off, old.Stuck = now, time.Time{}, false, false
	s.Active, s.Pending, s.Lease = old, early, lease{}
	c.save = true
	c.tell(EventRolledBack, early.Credential, fmt.Errorf("%w everywhere yet: it is proved once more", ErrInvalidClient))
}

// fallBack makes an old credential active again because the active one has
// stopped working. That one is not tried again: it is retired in turn, and what
// comes next is a new one.
func (s *state) fallBack(c *change, old *entry, now time.Time, m rules) {
	dead := s.Active
	s.replace(old, now, m)
	c.save, c.err = true, nil
	c.tell(EventRolledBack, dead.Credential, ErrInvalidClient)
}

// adoptInstead serves what Adopt was given, in place of all that does not work.
func (s *state) adoptInstead(c *change, given Credential, now time.Time, m rules) {
	s.replace(adopt(given, now), now, m)
	c.save, c.err = true, nil
	c.tell(EventAdopted, given, nil)
}

// replace retires the active credential in favour of another one.
func (s *state) replace(by *entry, now time.Time, m rules) {
	s.drop(by)
	s.retire(s.Active, now, m)
	by.Since, by.Until, by.Off, by.Removed, by.Stuck = now, time.Time{}, false, false, false
	s.Active, s.Lease = by, lease{}
}

// lockedOut begins again where the provider needs no credential for that.
// Clearing away what is over, which asks for a token first, has to wait. It
// changes nothing when all that is under way: the refusal that led here is an
// error then, and not tried again at once.
func (s *state) lockedOut(c *change, o outcome, now time.Time, m rules) {
	c.err = fmt.Errorf("%w: %w", ErrLockedOut, o.err)
	if !m.unassisted {
		return
	}
	for _, e := range s.Retiring {
		c.save = c.save || !e.Stuck
		e.Stuck = true
	}
	again := m.issues && s.Pending != nil && !s.Pending.Credential.IsZero() // it was refused just now
	if s.Pending == nil || c.save || again {
		c.save = true
		c.events = append(c.events, Event{Kind: EventFailed, Err: c.err})
	}
	c.err = nil
	switch {
	case again:
		s.reissue(now, m, nil)
	case s.Pending == nil:
		// Of what the server has now nothing counts as before: a secret that it
		// made for a person is the one to take over.
		s.start(c, o.credential, nil, now, m)
	}
}

// adopt is the entry of a credential that was registered by hand.
func adopt(c Credential, now time.Time) *entry {
	return &entry{Credential: c, Made: now, Since: now, Registered: now}
}

// refresh takes over what the server says about each credential.
func (s *state) refresh(list []Registration, now time.Time) {
	for _, e := range s.entries() {
		for _, r := range list {
			if !e.Credential.IsZero() && r.Matches(e.Credential) {
				e.Registration = r
			}
		}
		if e != s.Pending { // that one is looked at when it is active
			e.Checked = now
		}
	}
}
