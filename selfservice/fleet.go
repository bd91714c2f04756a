package selfservice

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"time"
)

// Fleet rotates many clients of one authorization server from one process:
// those of a vendor with thousands of customers, say. Any number of processes
// may work on the same fleet over shared stores; a client that another one is
// busy with is left to it.
type Fleet struct {
	// Rotators gives the clients, one at a time and anew for each pass, so
	// that they need not all be in memory. A Rotator that is given again in
	// the next pass keeps what it learned.
	Rotators iter.Seq[*Rotator]

	// Concurrency is how many clients are worked on at once; zero: 4 for each
	// processor.
	Concurrency int

	// Interval is the least time between the starts of two clients, to stay
	// under a server's rate limit; zero: none. When the server says how long
	// to wait (Retry-After), the whole fleet waits.
	Interval time.Duration

	// OnProgress is told after each client, one call at a time; may be nil.
	OnProgress func(Report)
}

// RotateDue makes one pass: every client whose next step is due makes its
// steps until there is none to make now. It returns an error only when ctx
// ends, or [ErrConfig] without Rotators; what fails for a client is in the
// report.
func (f *Fleet) RotateDue(ctx context.Context) (Report, error) {
	return f.pass(ctx, time.Time{})
}

// RotateOlder is RotateDue, but also replaces every credential that was made
// or adopted before than: after a leak, say. Several processes that are given
// the same time share the work, and a pass that was broken off goes on.
// A time that lies ahead is taken for now. Clients whose server takes longer
// than a minute to accept a new credential are left Waiting, for another pass.
func (f *Fleet) RotateOlder(ctx context.Context, than time.Time) (Report, error) {
	return f.pass(ctx, than)
}

// Run makes a pass every so often until ctx ends, and returns its error then.
// Each pass is reported to done, which may be nil.
func (f *Fleet) Run(ctx context.Context, every time.Duration, done func(Report)) error {
	if every <= 0 {
		return fmt.Errorf("%w: passes without a pause", ErrConfig)
	}
	for {
		report, err := f.RotateDue(ctx)
		if err != nil {
			return err
		}
		if done != nil {
			done(report)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(spread(every)):
		}
	}
}

func (f *Fleet) concurrency() int {
	if f.Concurrency > 0 {
		return f.Concurrency
	}
	return 4 * runtime.GOMAXPROCS(0)
}

func (f *Fleet) pass(ctx context.Context, older time.Time) (Report, error) {
	if f.Rotators == nil {
		return Report{}, fmt.Errorf("%w: a Fleet without Rotators", ErrConfig)
	}
	started := time.Now()
	if older.After(started) {
		older = started // nothing that is made from now on would ever be new enough
	}
	p := &pass{fleet: f, older: older, started: started, report: Report{Causes: map[string]int{}}}
	p.run(ctx)
	return p.snapshot(), ctx.Err()
}

// pass is one pass over the fleet.
type pass struct {
	fleet   *Fleet
	older   time.Time
	started time.Time

	mu     sync.Mutex
	report Report
	clear  time.Time // nobody starts before this
}

// pace waits for the next start.
func (p *pass) pace(ctx context.Context) error { return p.wait(ctx, p.fleet.Interval) }

// wait returns when somebody may start, and lets the next one do so after that
// interval.
func (p *pass) wait(ctx context.Context, interval time.Duration) error {
	for {
		p.mu.Lock()
		wait := time.Until(p.clear)
		if wait <= 0 && interval > 0 {
			p.clear = time.Now().Add(interval)
		}
		p.mu.Unlock()
		if wait <= 0 {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// hold makes the whole fleet wait.
func (p *pass) hold(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(d); until.After(p.clear) {
		p.clear = until
	}
}

const maxAttempts = 3

// client works on one client. When the server asks for patience it waits with
// all others and tries again.
func (p *pass) client(ctx context.Context, v *visit) (res ending, err error) {
	defer guard(&err, "a step")
	if !v.begun {
		before, err := v.r.read(ctx)
		if err != nil {
			return nothing, err
		}
		v.begun, v.rotations, v.own, v.left = true, before.Rotations, v.r.switches.Load(), patience
	} else if err := p.wait(ctx, 0); err != nil {
		return nothing, err
	}
	for {
		res, err = p.steps(ctx, v)
		wait := retryAfter(err)
		if wait <= 0 {
			return res, err
		}
		p.hold(wait)
		if v.attempts++; v.attempts >= maxAttempts || p.pace(ctx) != nil {
			return res, err
		}
	}
}

type ending int

const (
	nothing ending = iota
	rotated
	waiting
	elsewhere
	later // at visit.at, in this pass
)

// steps makes a client's steps until there is none to make now.
func (p *pass) steps(ctx context.Context, v *visit) (ending, error) {
	r := v.r
	for {
		// Two switches at most: one that was under way from before, and ours.
		force, s := notForced, r.current.Load()
		if made := r.switches.Load() - v.own; s.Active.Made.Before(p.older) && made < 2 {
			force = s.Rotations
		}
		at, err := r.step(ctx, force)
		if err != nil {
			return nothing, err
		}
		s = r.current.Load()
		wait := time.Until(at)
		switch {
		case s.Claim.heldByOther(r.owner, time.Now(), r.Timing.lease()):
			return elsewhere, nil
		case !at.IsZero() && wait <= 0:
		case s.Pending != nil && !at.IsZero() && wait < v.left: // the server is about to accept it
			v.left -= wait
			v.at = at
			return later, nil
		case r.switches.Load() > v.own:
			return rotated, nil
		case s.Rotations > v.rotations:
			return elsewhere, nil
		case s.Pending != nil:
			return waiting, nil
		default:
			return nothing, nil
		}
	}
}

// patience is how long a pass comes back to a client whose new credential the
// server does not accept yet.
const patience = time.Minute

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
