package selfservice

import (
	"encoding/binary"
	"time"
)

// action is the next transition of a rotation.
type action int

const (
	idle     action = iota // nothing to do before plan.at
	look                   // read what the server says of the active credential
	begin                  // make a new credential and save it as pending
	issue                  // have the server make it
	register               // register the pending one
	verify                 // get a token with it, then switch
	disable                // turn a retiring one off
	remove                 // delete a retiring one, here and at the server
)

// plan is what to do now, or until when to do nothing. Entry is the one that
// the action is about.
type plan struct {
	do    action
	entry *entry
	at    time.Time // idle: zero for never
}

// abilities are the optional parts that a provider has.
type abilities struct {
	issues, switches, removes bool
}

// next decides, without any I/O, what a rotation does at now. What is over is
// cleared away first: a server with room for two credentials has none for a
// third. What could not be cleared away before comes last, or it would keep the
// rotation from its turn until the active credential expires.
func next(s *state, now time.Time, t Timing, can abilities) plan {
	if p := s.tidy(now, can, false); p.do != idle {
		return p
	}
	p := s.advance(now, t)
	if p.do != idle {
		return p
	}
	if stuck := s.tidy(now, can, true); stuck.do != idle {
		return stuck
	}
	for _, e := range s.Retiring {
		p.sooner(e.Until)
	}
	return p
}

// tidy clears away one that is over, of those that are stuck or of the others.
func (s *state) tidy(now time.Time, can abilities, stuck bool) plan {
	e := s.earliest(stuck)
	switch {
	case e == nil || now.Before(e.Until):
		return plan{}
	case can.switches && !e.Off:
		return plan{do: disable, entry: e}
	}
	return plan{do: remove, entry: e}
}

// advance is what is to be done for the next credential.
func (s *state) advance(now time.Time, t Timing) plan {
	if p := s.Pending; p != nil {
		switch {
		case p.Credential.IsZero():
			return plan{do: issue, entry: p}
		case p.Registered.IsZero():
			return plan{do: register, entry: p}
		case now.Before(p.Registration.UsableFrom):
			return plan{at: p.Registration.UsableFrom}
		}
		return plan{do: verify, entry: p}
	}
	// Before the look: a list that cannot be read must not keep a credential
	// until it expires.
	due := t.due(s)
	if !due.IsZero() && !now.Before(due) {
		return plan{do: begin, entry: s.Active}
	}
	looked := s.Active.Checked.Add(t.checkEvery())
	if s.Active.Checked.IsZero() || !now.Before(looked) {
		return plan{do: look, entry: s.Active}
	}
	wake := plan{at: looked}
	if !due.IsZero() {
		wake.sooner(due)
	}
	return wake
}

// sooner makes the plan end at t if it would end later.
func (p *plan) sooner(t time.Time) {
	if p.at.IsZero() || t.Before(p.at) {
		p.at = t
	}
}

// due is when the active credential is to be replaced; zero: never.
func (t Timing) due(s *state) time.Time {
	a := s.Active
	var due time.Time
	start, expires := a.Made, a.Registration.Expires
	if a.Registered.After(start) { // not Created: the server's clock may be years ahead
		start = a.Registered
	}
	if !expires.IsZero() {
		before := t.RenewBefore
		if life := expires.Sub(start); before <= 0 || before >= life {
			before = max(life, 0) / 3
		}
		due = expires.Add(-before - jitter(a, before/10))
	}
	if at := a.Registration.RenewAt; !at.IsZero() && (expires.IsZero() || at.Before(expires)) {
		due = at
	}
	age := t.MaxAge
	if age == 0 && due.IsZero() {
		age = defaultMaxAge
	}
	if age > 0 {
		if old := start.Add(age - jitter(a, age/20)); due.IsZero() || old.Before(due) {
			due = old
		}
	}
	// Whatever the dates say, one rotation does not follow the other without
	// a pause. It is also the time in which the other replicas learn of the
	// last switch: where a new credential ends the others, one that has not
	// read the store for two rotations would have none that works.
	if rest := a.Since.Add(t.rest(a)); s.Rotations > 0 && !due.IsZero() && due.Before(rest) {
		due = rest
	}
	return due
}

// rest is how long a credential serves at least: an overlap, or if its life is
// too short for that a third of it, but two readings of the store if they fit.
func (t Timing) rest(a *entry) time.Duration {
	rest := t.overlap()
	if left := a.Registration.Expires.Sub(a.Since); left > 0 {
		rest = min(rest, left/3)
		if read := 2 * t.reread(); rest < read && read < left {
			rest = read
		}
	}
	return rest
}

// jitter spreads the rotations of many clients over up to span. It is made
// from the credential, so that all replicas of one client agree.
func jitter(e *entry, span time.Duration) time.Duration {
	if span <= 0 {
		return 0
	}
	var b [8]byte
	copy(b[:], e.Credential.Fingerprint())
	h := binary.LittleEndian.Uint64(b[:]) * 0x9e3779b97f4a7c15 // spreads the base64 alphabet over all bits
	return time.Duration(h % uint64(span))
}
