package selfservice

import (
	"context"
	"sync"
	"time"
)

// pass is one pass over the fleet.
type pass struct {
	source   source
	older    time.Time
	started  time.Time
	limit    time.Duration // how long it waits for a server at most
	workers  int
	interval time.Duration
	progress func(Report)

	mu     sync.Mutex
	report Report

	gate    sync.Mutex // of what servers hold
	servers map[string]*server

	// Of run alone.
	queue   visits           // of those who wait for a time
	holding map[*server]bool // for which some wait
	held    int              // wait for a server and have begun
	busy    int
	clear   time.Time // nobody begins before this
}

// work makes a visit. It returns it unless it is at its end.
func (p *pass) work(ctx context.Context, v *visit) *visit {
	res, err := p.call(ctx, v)
	if err == nil && (res == later || res == barred) {
		v.barred = res == barred
		return v
	}
	if v.begun {
		v.r.release(ctx) // one that is kept would hold up the next pass, or another process
	}
	p.source.done(ctx, v, err)
	p.count(res, err)
	return nil
}

func (p *pass) count(res ending, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report.Clients++
	switch {
	case err != nil:
		p.report.Failed++
		p.cause(err)
	case res == rotated:
		p.report.Rotated++
	case res == waiting:
		p.report.Waiting++
	case res == elsewhere:
		p.report.Elsewhere++
	default:
		p.report.Idle++
	}
	if p.progress != nil {
		defer func() { _ = recover() }() // a bug there must not end the pass
		p.report.Elapsed = time.Since(p.started)
		p.progress(p.report.clone())
	}
}

// cause counts an error by its kind.
func (p *pass) cause(err error) {
	c := cause(err)
	if _, known := p.report.Causes[c]; !known && len(p.report.Causes) >= maxCauses {
		c = "other"
	}
	p.report.Causes[c]++
}

func (p *pass) snapshot() Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report.Elapsed = time.Since(p.started)
	return p.report.clone()
}

// call makes a visit's steps, and tells the server what came of them.
func (p *pass) call(ctx context.Context, v *visit) (ending, error) {
	res, moved, err := p.client(ctx, v)
	p.gate.Lock()
	v.server.heard(v, err, moved, time.Now())
	p.gate.Unlock()
	wait := retryAfter(err)
	if wait == 0 {
		return res, err
	}
	v.attempts++
	v.asked += wait
	if v.at = time.Now().Add(wait); v.attempts < maxAttempts && v.asked <= p.limit {
		return later, nil
	}
	return res, err
}

// client also reports whether the client's state has changed.
func (p *pass) client(ctx context.Context, v *visit) (res ending, moved bool, err error) {
	defer guard(&err, "a step")
	if !v.begun {
		before, err := v.r.read(ctx)
		if err != nil {
			return nothing, false, err
		}
		v.begun, v.rotations, v.own, v.left = true, before.Rotations, v.r.switches.Load(), patience
	}
	before := v.r.version()
	res, err = p.steps(ctx, v)
	return res, v.r.version() != before, err
}

// steps makes a client's steps until there is none to make now.
func (p *pass) steps(ctx context.Context, v *visit) (ending, error) {
	r := v.r
	for {
		if !p.admits(v) {
			return barred, nil
		}
		// Two switches at most: one that was under way from before, and ours.
		force, s := notForced, r.current.Load()
		if made := r.switches.Load() - v.own; s.Active.Made.Before(p.older) && made < 2 {
			force = s.Rotations
		}
		at, err := r.step(ctx, force)
		v.at = at
		if err != nil {
			return nothing, err
		}
		s = r.current.Load()
		wait := time.Until(at)
		switch {
		case s.Lease.heldByOther(r.owner, time.Now(), r.Timing.lease()):
			return elsewhere, nil
		case !at.IsZero() && wait <= 0:
		case s.Pending != nil && !at.IsZero() && wait < v.left: // the server is about to accept it
			v.left -= wait
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

func (p *pass) admits(v *visit) bool {
	p.gate.Lock()
	defer p.gate.Unlock()
	return v.server.admits(v, time.Now())
}

const (
	// patience is how long a pass comes back to a client whose new credential
	// the server does not accept yet.
	patience = time.Minute

	// maxAttempts is how often a client is tried whose server asks for patience.
	maxAttempts = 3
)
