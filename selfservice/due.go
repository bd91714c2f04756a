package selfservice

import (
	"encoding/binary"
	"time"
)

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

// minLife is the shortest life that a server is believed to give. One that ends
// sooner does so by a clock that is behind this one.
const minLife = 3 * time.Second

// rest is how long a credential serves at least: an overlap, or if its life is
// too short for that a third of it, but two readings of the store if they fit.
func (t Timing) rest(a *entry) time.Duration {
	rest := t.overlap()
	if left := a.Registration.Expires.Sub(a.Since); left >= minLife {
		rest = min(rest, left/3)
		if read := 2 * t.reread(); rest < read && read < left {
			rest = read
		}
	}
	return rest
}

// settling is how long a new credential must be accepted at every try: as long
// as the nodes of the server may take to learn of it, and no less than twice
// the time for which it, or one before it, was seen to be refused: the last
// node to learn of it need not have been the one that was met.
func (m rules) settling(e *entry, seen time.Duration) time.Duration {
	span := m.nodes
	if !e.Registration.UsableFrom.IsZero() {
		span = 0 // it waited for all of them before the first try
	}
	return min(max(span, 2*e.Lag, 2*seen, 0), m.timeout())
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
