package selfservice

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	firstBackoff = time.Second
	maxBackoff   = 15 * time.Minute
)

// Run rotates until ctx ends, and returns its error then. It returns earlier
// only for a configuration that cannot work or a store that holds nothing.
// Failures are reported as events and tried again, slower and slower up to
// every 15 minutes, or when the server said; meanwhile the last good
// credential serves.
func (r *Rotator) Run(ctx context.Context) error {
	if err := r.check(); err != nil {
		return err
	}
	var (
		due     time.Time // of the next step, by the wall clock; now at first
		seen    string    // version of the state that due was computed from
		backoff time.Duration
	)
	for ctx.Err() == nil {
		if now := time.Now().Round(0); !now.Before(due) || r.refused.Load() != nil {
			at, err := r.Step(ctx)
			switch {
			case errors.Is(err, ErrNotAdopted), errors.Is(err, ErrConfig):
				return err
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
				r.tell(Event{Kind: Failed, Err: err})
				backoff = min(max(2*backoff, firstBackoff), maxBackoff)
				due = time.Now().Round(0).Add(max(retryAfter(err), spread(backoff)))
			default:
				backoff = 0
				if due = at; at.IsZero() {
					due = now.Add(r.Timing.checkEvery())
				}
			}
			seen = r.version()
		} else if r.reload(ctx); r.version() != seen {
			due = time.Time{} // another replica moved on: look what is due now
			continue
		}
		r.sleep(ctx, due)
	}
	return ctx.Err()
}

// sleep waits until due, a wake-up, or the next reading of the store. It never
// waits longer than that, so that a suspended machine or a clock that was set
// is noticed: due is a wall clock's time.
func (r *Rotator) sleep(ctx context.Context, due time.Time) {
	wait := min(time.Until(due), spread(r.Timing.reread()))
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-r.wake:
	case <-timer.C:
	}
}

// Rotate starts a rotation now, or joins the one that is under way, and
// returns when its new credential is active and saved. The old one is retired
// later, by Run or Step. After an error the rotation goes on with the next
// Rotate, Step or Run.
func (r *Rotator) Rotate(ctx context.Context) error {
	if err := r.check(); err != nil {
		return err
	}
	if r.Provider == nil {
		return fmt.Errorf("%w: no Provider", ErrConfig)
	}
	r.reload(ctx)
	before, err := r.first(ctx)
	if err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		at, err := r.step(ctx, before.Rotations)
		if err != nil {
			return err
		}
		if r.current.Load().Rotations > before.Rotations {
			r.poke()
			return nil
		}
		r.sleep(ctx, at)
	}
}

// poke ends Run's sleep.
func (r *Rotator) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// reload reads the store to serve what another replica may have put there. A
// store that cannot be read changes nothing: the last state goes on serving.
func (r *Rotator) reload(ctx context.Context) {
	if r.lock(ctx) == nil {
		defer r.unlock()
		r.load(ctx)
	}
}

func (r *Rotator) version() string {
	if s := r.current.Load(); s != nil {
		return s.version
	}
	return ""
}

// spread returns d less up to a fifth of it, so that replicas and clients do
// not all come at once.
func spread(d time.Duration) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d)/5+1))
}
