package selfservice

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	firstBackoff = time.Second
	maxBackoff   = 15 * time.Minute
)

// Run rotates until ctx ends, and returns its error. It returns earlier only for
// a configuration that cannot work or, at the start, an empty store. Failures are
// reported as events and retried with a backoff of up to 15 minutes, or when the
// server said. Meanwhile the last good credential is served.
func (r *Rotator) Run(ctx context.Context) error {
	if err := r.check(); err != nil {
		return err
	}
	var backoff time.Duration
	for ctx.Err() == nil {
		at, err := r.Step(ctx)
		switch {
		case ctx.Err() != nil:
		case r.current.Load() == nil && (errors.Is(err, ErrNotAdopted) || errors.Is(err, ErrConfig)):
			return err
		case err != nil:
			r.tell(Event{Kind: EventFailed, Err: err})
			backoff = min(max(2*backoff, firstBackoff), maxBackoff)
			r.pause(ctx, max(retryAfter(err), spread(backoff)), err)
		default:
			backoff = 0
			r.rest(ctx, at)
		}
	}
	return ctx.Err()
}

// pause waits for d after a failure. What other replicas do is served meanwhile.
// If the active credential is refused another one is looked for at once, unless
// that is what has failed or the server asked for patience. If there is one the
// pause is over.
func (r *Rotator) pause(ctx context.Context, d time.Duration, failed error) {
	for start := time.Now(); ctx.Err() == nil && time.Since(start) < d; r.read(ctx) {
		wake := r.wake
		if errors.Is(failed, ErrLockedOut) || retryAfter(failed) > 0 {
			wake = nil
		}
		if r.sleep(ctx, d-time.Since(start), wake) {
			continue
		}
		moved, err := r.cure(ctx)
		if moved {
			return
		}
		if errors.Is(err, ErrLockedOut) {
			failed = err
			r.note(err)
			r.tell(Event{Kind: EventFailed, Err: err})
		}
	}
}

// cure looks for another credential if the active one has been refused. It
// reports whether that has changed the state.
func (r *Rotator) cure(ctx context.Context) (moved bool, err error) {
	if err := r.lock(ctx); err != nil {
		return false, err
	}
	defer r.unlock()
	defer guard(&err, "a step")
	if s := r.current.Load(); s == nil || r.Provider == nil || !r.reported(s.Active.Credential) {
		return false, nil
	}
	return r.rescue(ctx)
}

// rest waits until at, or until there may be something to do earlier: another
// replica moved on, or a caller was refused. At is a wall clock's time, and
// that may be set or stand still in a suspended machine: it is compared often,
// and after some minutes of any clock the next step finds out.
func (r *Rotator) rest(ctx context.Context, at time.Time) {
	seen := r.version()
	for start := time.Now(); r.version() == seen; r.read(ctx) {
		wait := maxBackoff - time.Since(start)
		if !at.IsZero() {
			wait = min(wait, time.Until(at))
		}
		if !r.sleep(ctx, wait, r.wake) {
			return
		}
	}
}

// sleep waits for d or until the next reading of the store. It reports whether
// there may be more to wait for: no if d was over, ctx ended, or wake came.
func (r *Rotator) sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	if d <= 0 {
		return false
	}
	timer := time.NewTimer(min(d, spread(r.Timing.reread())))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
		return false
	case <-timer.C:
		return true
	}
}

// Rotate starts a rotation now, or joins the one that is under way, and
// returns when its new credential is active and saved. The old one is retired
// later, by Run or Step. After an error the rotation goes on at once with the
// next Rotate, Step or Run, of this process or of another one.
func (r *Rotator) Rotate(ctx context.Context) error {
	if err := r.check(); err != nil {
		return err
	}
	if r.Provider == nil {
		return fmt.Errorf("%w: no Provider", ErrConfig)
	}
	before, err := r.read(ctx)
	if err != nil {
		return err
	}
	for {
		at, err := r.step(ctx, before.Rotations)
		if err != nil {
			return errors.Join(err, r.release(ctx))
		}
		s := r.current.Load()
		if s.Rotations > before.Rotations {
			r.poke()
			return nil
		}
		if s.Lease.heldByOther(r.owner, time.Now(), r.Timing.lease()) {
			r.join(ctx, at)
		} else {
			r.rest(ctx, at)
		}
	}
}

// join waits until at, or until the replica that is at work has moved on. It
// reads the store often at first: most rotations take less than a second.
func (r *Rotator) join(ctx context.Context, at time.Time) {
	seen := r.version()
	for pause := 50 * time.Millisecond; r.version() == seen && time.Now().Before(at); pause = min(2*pause, time.Second, r.Timing.reread()) {
		if sleep(ctx, min(pause, time.Until(at))) != nil {
			return
		}
		r.read(ctx)
	}
}
