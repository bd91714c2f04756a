package selfservice

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Timing says when a [Rotator] does what. The zero value is good for a service
// with a few replicas.
//
// Replicas hold dates of each other's clocks against their own. The clocks must
// not differ by more than CallTimeout or Reread, whichever is less: 30 seconds
// by default. If they do, two replicas may register at once, or an
// overlap may end before all of them have read the store; what is stored is
// not lost. The same goes for replicas with another Overlap, Reread,
// CallTimeout or Lease than the others: during an update of the program, say,
// that is better not made while a rotation is under way.
type Timing struct {
	// MaxAge is how old a credential may grow; zero: 90 days if the server
	// tells no expiry, else as long as RenewBefore allows; negative: no limit.
	MaxAge time.Duration

	// RenewBefore is how long before its expiry a credential is replaced;
	// zero: a third of its lifetime. Up to a tenth of it is added as jitter.
	RenewBefore time.Duration

	// Overlap is how long the old credential stays registered after the
	// switch; zero: 1 hour. At least twice Reread, because a replica that has
	// not read the store since the switch still signs with the old one.
	Overlap time.Duration

	// Reread is how often Run reads the store to see what other replicas did;
	// zero: 1 minute, or a quarter of Overlap if that is less.
	Reread time.Duration

	// CheckEvery is how often the server is asked for the expiry of the
	// active credential; zero: 24 hours.
	CheckEvery time.Duration

	// Propagation is how long the nodes of the server may take to learn of a
	// new credential, one after the other: it is active only after it has been
	// accepted at every try for that long, and for twice as long as it, or one
	// before it, was refused at first. Zero: what the provider says ([Propagator]), or else 10
	// seconds; negative: the server has one node, and what was removed is not
	// purged either ([Purger]). At most PropagationTimeout.
	Propagation time.Duration

	// PropagationTimeout is how long a new credential may be refused after its
	// registration before that is an error; zero: 5 minutes. It is tried on
	// after that too, while the old one serves.
	PropagationTimeout time.Duration

	// CallTimeout is the limit of each call to the provider, the store and New;
	// zero: 30 seconds, or Overlap if that is less, but no less than 5 seconds.
	// Not longer than Overlap, or 5 seconds if that is more: a replica that waits
	// for the store would go on with a credential that is gone.
	CallTimeout time.Duration

	// Lease is how long a replica that died may hold up the others; zero: 4
	// times CallTimeout, and at least that.
	Lease time.Duration
}

const (
	defaultMaxAge      = 90 * 24 * time.Hour
	defaultOverlap     = time.Hour
	defaultReread      = time.Minute
	defaultCheckEvery  = 24 * time.Hour
	defaultPropagation = 10 * time.Second
	defaultGiveUp      = 5 * time.Minute
	defaultCallTimeout = 30 * time.Second
	minCallTimeout     = 5 * time.Second
	maxDuration        = 50 * 365 * 24 * time.Hour // four of them do not overflow
)

func or(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}

func (t Timing) overlap() time.Duration    { return or(t.Overlap, defaultOverlap) }
func (t Timing) reread() time.Duration     { return or(t.Reread, min(defaultReread, t.overlap()/4)) }
func (t Timing) checkEvery() time.Duration { return or(t.CheckEvery, defaultCheckEvery) }
func (t Timing) timeout() time.Duration    { return or(t.PropagationTimeout, defaultGiveUp) }
func (t Timing) lease() time.Duration      { return or(t.Lease, 4*t.callTimeout()) }

func (t Timing) callTimeout() time.Duration {
	return or(t.CallTimeout, min(defaultCallTimeout, t.longestCall()))
}

func (t Timing) longestCall() time.Duration { return max(t.overlap(), minCallTimeout) }

// nodes is how long the nodes of the server may take to learn of a change; at
// most zero where they take no time.
func (t Timing) nodes(p Provider) time.Duration {
	if p, ok := p.(Propagator); ok && t.Propagation == 0 {
		return p.Propagation()
	}
	return or(t.Propagation, defaultPropagation)
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

// check refuses values that break an invariant.
func (t Timing) check() error {
	longest := max(t.MaxAge, t.RenewBefore, t.Overlap, t.Reread, t.CheckEvery, t.Propagation, t.PropagationTimeout, t.CallTimeout, t.Lease)
	switch {
	case t.RenewBefore < 0 || t.Overlap < 0 || t.Reread < 0 || t.CheckEvery < 0 || t.PropagationTimeout < 0 || t.CallTimeout < 0 || t.Lease < 0:
		return fmt.Errorf("%w: negative duration", ErrConfig)
	case longest > maxDuration:
		return fmt.Errorf("%w: %v is longer than any credential lives", ErrConfig, longest)
	case t.reread() < time.Millisecond || t.checkEvery() < time.Millisecond:
		return fmt.Errorf("%w: Reread %v or CheckEvery %v is less than a millisecond", ErrConfig, t.reread(), t.checkEvery())
	case t.overlap() < 2*t.reread():
		return fmt.Errorf("%w: Overlap %v is shorter than twice Reread %v: a replica could sign with a credential that is gone", ErrConfig, t.overlap(), t.reread())
	case t.CallTimeout > t.longestCall():
		return fmt.Errorf("%w: CallTimeout %v is longer than Overlap %v: a replica could sign with a credential that is gone", ErrConfig, t.CallTimeout, t.overlap())
	case t.lease() < 4*t.callTimeout():
		return fmt.Errorf("%w: Lease %v is shorter than 4 times CallTimeout %v: a replica could lose its lease in the middle of a step", ErrConfig, t.lease(), t.callTimeout())
	case t.MaxAge > 0 && t.MaxAge <= t.overlap():
		return fmt.Errorf("%w: MaxAge %v is not longer than Overlap %v", ErrConfig, t.MaxAge, t.overlap())
	}
	return nil
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
