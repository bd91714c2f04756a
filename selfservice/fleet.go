package selfservice

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"time"
)

// Fleet rotates the credentials of many clients from one process, such as those
// of a vendor with thousands of customers. Any number of processes may work on
// one fleet over shared stores; each leaves alone the clients that another is
// working on.
//
// When a server asks a client to wait (Retry-After), its other clients wait too,
// until the time is up or one of them is answered all the same; see [Located]. If
// a server answers nobody for an hour, or in Run for the time between two passes
// if that is shorter, the rest of its clients are left to the next pass.
type Fleet struct {
	// Rotators yields the clients, one at a time and afresh for each pass, so that
	// they need not all be in memory. A Rotator that is yielded again in the next
	// pass keeps what it has learned.
	Rotators iter.Seq[*Rotator]

	// Agenda tells RotateDue and Run which clients are due, and Rotator returns
	// the Rotator of one of them by name. The cost of a pass then grows with the
	// number of clients that are due, not with the size of the fleet. If Agenda
	// is nil, every pass looks at all Rotators.
	Agenda  Agenda
	Rotator func(name string) *Rotator

	// Concurrency is how many clients are worked on at once; zero: 4 for each
	// processor.
	Concurrency int

	// Interval is the least time between the starts of two clients, to stay
	// under a server's rate limit; zero: none.
	Interval time.Duration

	// OnProgress is called after each client, one call at a time. It may be nil.
	OnProgress func(Report)
}

// RotateDue makes one pass: it takes every step that is due, for every client. It
// returns an error only if ctx ends, if the Agenda cannot be read, or if there
// are neither Rotators nor an Agenda ([ErrConfig]). Failures of clients are in
// the report.
func (f *Fleet) RotateDue(ctx context.Context) (Report, error) {
	return f.rotateDue(ctx, longest)
}

// RotateOlder is RotateDue for all Rotators, whatever the Agenda says. It also
// replaces every credential that was made or adopted before than: after a leak,
// say. Processes that are given the same time share the work, and a pass that was
// interrupted is resumed by the next. A time in the future counts as now. Clients
// whose server takes longer than a minute to accept a new credential are left
// Waiting, for another pass.
//
// The server may still accept the old ones then. A pass after their Overlap removes
// them, where the provider is a [Remover]. Elsewhere they work until they expire or
// a person removes them: see [Event] and the provider's documentation.
func (f *Fleet) RotateOlder(ctx context.Context, than time.Time) (Report, error) {
	started := time.Now()
	if than.After(started) {
		than = started // nothing that is made from now on would ever be new enough
	}
	if f.Rotators == nil {
		return Report{}, fmt.Errorf("%w: a Fleet without Rotators", ErrConfig)
	}
	return f.pass(ctx, &pass{older: than, limit: longest, source: all(f.Rotators)})
}

// Run makes passes until ctx ends, and returns its error. Between two of them it
// waits for every, less up to a fifth. It hands the report of each pass to done,
// which may be nil. If the Agenda cannot be read, the pass ends with that among the
// report's causes, and the next one tries again.
func (f *Fleet) Run(ctx context.Context, every time.Duration, done func(Report)) error {
	if every <= 0 {
		return fmt.Errorf("%w: passes without a pause", ErrConfig)
	}
	for {
		report, err := f.rotateDue(ctx, min(every, longest))
		if ctx.Err() != nil || errors.Is(err, ErrConfig) {
			return err
		}
		if done != nil {
			done(report)
		}
		if err := sleep(ctx, spread(every)); err != nil {
			return err
		}
	}
}

// longest is how long a pass waits for a server that asks for patience.
const longest = time.Hour

func (f *Fleet) rotateDue(ctx context.Context, limit time.Duration) (Report, error) {
	p := &pass{limit: limit}
	switch {
	case f.Agenda != nil && f.Rotator != nil:
		p.source = &listed{agenda: f.Agenda, rotator: f.Rotator, started: time.Now(), limit: f.concurrency()}
	case f.Agenda != nil || f.Rotators == nil:
		return Report{}, fmt.Errorf("%w: a Fleet without Rotators, or an Agenda without Rotator", ErrConfig)
	default:
		p.source = all(f.Rotators)
	}
	return f.pass(ctx, p)
}

func (f *Fleet) pass(ctx context.Context, p *pass) (Report, error) {
	p.started, p.workers, p.interval, p.progress = time.Now(), f.concurrency(), f.Interval, f.OnProgress
	p.report.Causes = map[string]int{}
	p.servers, p.holding = map[string]*server{}, map[*server]bool{}
	p.run(ctx)
	if err := p.source.failed(); err != nil && ctx.Err() == nil {
		p.cause(err)
		return p.snapshot(), err
	}
	return p.snapshot(), ctx.Err()
}

func (f *Fleet) concurrency() int {
	if f.Concurrency > 0 {
		return f.Concurrency
	}
	return 4 * runtime.GOMAXPROCS(0)
}
