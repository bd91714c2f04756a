package selfservice

import (
	"context"
	"errors"
	"time"
)

// RunDue makes every step that is due and returns when the next one will be:
// zero for never. It is for a program that is run from cron, and with [Fleet]
// the only loop that one needs. A new credential that the server does not
// accept yet is waited for, as long as its next try is not more than 15
// seconds away; what another replica is at is left to it.
//
// After an error, and after a crash, the next call goes on where this one was:
// at once, but for what a crashed process was at, which waits for its lease to
// end (see Timing.Lease and Rotator.Owner).
func (r *Rotator) RunDue(ctx context.Context) (next time.Time, err error) {
	for {
		at, err := r.Step(ctx)
		if err != nil {
			return at, errors.Join(err, r.release(ctx))
		}
		s, wait := r.current.Load(), time.Until(at)
		switch {
		case at.IsZero():
			return at, r.release(ctx)
		case wait <= 0:
		case s.Lease.heldByOther(r.owner, time.Now(), r.Timing.lease()):
			return at, nil
		case s.Pending == nil || wait > maxTry:
			return at, r.release(ctx)
		default:
			if err := sleep(ctx, wait); err != nil {
				return at, err
			}
		}
	}
}
