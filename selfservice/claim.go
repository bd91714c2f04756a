package selfservice

import (
	"context"
	"time"
)

// claim says which replica moves the rotation on. It is no lock: a holder that
// oversleeps finds its next save refused, and every remote step may be
// repeated. It keeps replicas from doing the same work twice.
type claim struct {
	Owner string    `json:"owner,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// heldByOther tells whether another than owner holds the claim. A claim that ends
// later than any replica could have said comes from a clock that was stepped
// and does not count.
func (c claim) heldByOther(owner string, now time.Time, lease time.Duration) bool {
	return c.Owner != "" && c.Owner != owner && now.Before(c.Until) && c.Until.Sub(now) <= 2*lease
}

// claim makes this replica the one that moves the rotation on, for at least
// the calls of one step.
func (r *Rotator) claim(ctx context.Context, s *state, now time.Time) error {
	if s.Claim.Owner == r.owner && s.Claim.Until.Sub(now) >= 3*r.Timing.callTimeout() {
		return nil
	}
	if s.Claim.Owner != r.owner {
		r.fresh = "" // who held it since may have sent what this process had not
	}
	r.hold(s, now)
	return r.save(ctx, s)
}

// hold claims with the next save of s.
func (r *Rotator) hold(s *state, now time.Time) {
	s.Claim = claim{Owner: r.owner, Until: now.Add(r.Timing.lease())}
}
