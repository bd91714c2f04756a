package selfservice

import (
	"fmt"
	"time"
)

// Timing says when a [Rotator] does what. The zero value suits a service with a
// few replicas.
//
// Replicas compare each other's dates with their own clocks, which must not
// differ by more than CallTimeout or Reread, whichever is less: 30 seconds by
// default. If they do, two replicas may register at once, or an overlap may end
// before all of them have read the store; nothing stored is lost. The same goes
// for replicas with different Overlap, Reread, CallTimeout or Lease: do not
// change those while a rotation is under way.
type Timing struct {
	// MaxAge is how old a credential may get. Zero: 90 days if the server reports
	// no expiry, else as long as RenewBefore allows; negative: no limit.
	MaxAge time.Duration

	// RenewBefore is how long before its expiry a credential is replaced;
	// zero: a third of its lifetime. Up to a tenth of it is added as jitter.
	RenewBefore time.Duration

	// Overlap is the least time that the old credential stays registered after the
	// switch; zero: 1 hour. At least twice Reread, because a replica that has
	// not read the store since the switch still signs with the old one.
	Overlap time.Duration

	// Reread is how often Run reads the store to see what other replicas did;
	// zero: 1 minute, or a quarter of Overlap if that is less.
	Reread time.Duration

	// CheckEvery is how often the server is asked for the expiry of the
	// active credential; zero: 24 hours.
	CheckEvery time.Duration

	// Propagation is how long a new credential may take to reach every node of
	// the server. It becomes active only after the server has accepted it at every
	// try for that long, and for twice as long as it, or one before it, was refused
	// at first. Zero: what the provider says ([Propagator]), or else 10 seconds.
	// Negative: the server has one node, and nothing is purged ([Purger]). At most
	// PropagationTimeout.
	Propagation time.Duration

	// PropagationTimeout is how long after its registration a new credential may
	// be refused before that is an error; zero: 5 minutes. It is still retried
	// after that, while the old one is served.
	PropagationTimeout time.Duration

	// CallTimeout limits each call to the provider, the store and New; zero: 30
	// seconds, or Overlap if that is less, but at least 5 seconds. It must not
	// exceed Overlap, or 5 seconds if that is more: a replica that waits for the
	// store would go on with a credential that is gone.
	CallTimeout time.Duration

	// Lease is how long a replica that died may hold up the others; zero: 4 times
	// CallTimeout, which is also the least.
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
