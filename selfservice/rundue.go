package selfservice

import (
	"context"
	"errors"
	"time"
)

// RunDue takes every step that is due and returns when the next one will be, or
// zero for never. It is for programs that run from cron, and with [Fleet] the
// only loop that one needs. If the server does not accept a new credential yet,
// RunDue waits, as long as the next try is at most 15 seconds away. What another
// replica is doing is left to it.
//
// After an error or a crash the next call resumes where this one stopped: at
// once after an error, and after a crash when the lease of the dead process has
// ended (see Timing.Lease and Rotator.Owner).
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
				return at, errors.Join(err, r.release(ctx))
			}
		}
	}
}
