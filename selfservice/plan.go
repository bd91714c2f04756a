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
// third.
func next(s *state, now time.Time, t Timing, can abilities) plan {
	for _, e := range s.Retiring {
		switch {
		case now.Before(e.Until):
		case can.switches && !e.Off:
			return plan{do: disable, entry: e}
		default:
			return plan{do: remove, entry: e}
		}
	}
	wake := plan{}
	for _, e := range s.Retiring {
		wake.sooner(e.Until)
	}
	if p := s.Pending; p != nil {
		switch {
		case p.Credential.IsZero():
			return plan{do: issue, entry: p}
		case p.Registered.IsZero():
			return plan{do: register, entry: p}
		case now.Before(p.Registration.UsableFrom):
			wake.sooner(p.Registration.UsableFrom)
			return wake
		}
		return plan{do: verify, entry: p}
	}
	a := s.Active
	if looked := a.Checked.Add(t.checkEvery()); a.Checked.IsZero() || !now.Before(looked) || a.Checked.After(now.Add(time.Hour)) {
		return plan{do: look, entry: a}
	} else {
		wake.sooner(looked)
	}
	if due := t.due(a); !due.IsZero() {
		// Replicas that have not read the store since the last switch still
		// sign with the credential before. Where a new one ends the others,
		// they would be two behind. This comes up when a rotation that was
		// interrupted for long is ended: its credential is old from the start.
		settled := a.Since.Add(2 * t.reread())
		expires := a.Registration.Expires
		if len(s.Retiring) > 0 && due.Before(settled) && (expires.IsZero() || settled.Before(expires)) {
			due = settled
		}
		if !now.Before(due) {
			return plan{do: begin, entry: a}
		}
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
func (t Timing) due(a *entry) time.Time {
	start := a.Made
	if a.Registration.Created.After(start) {
		start = a.Registration.Created
	}
	var due time.Time
	expires := a.Registration.Expires
	if !expires.IsZero() {
		before := t.RenewBefore
		if life := expires.Sub(start); before <= 0 || before >= life {
			before = max(life, 0) / 3
		}
		due = expires.Add(-before - jitter(a, before/10))
	}
	if !a.Registration.RenewAt.IsZero() {
		due = a.Registration.RenewAt
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
	return due
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
