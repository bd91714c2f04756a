package selfservice

import (
	"context"
	"time"
)

// visit is one client in a pass. A worker leaves it when there is something to
// wait for, and a worker comes back to it.
type visit struct {
	r         *Rotator
	name      string // in the Agenda; empty: there is none
	server    *server
	begun     bool
	barred    bool  // by the server, which is closed
	rotations int   // before the pass
	own       int64 // switches made by this process before the pass
	attempts  int
	asked     time.Duration // to wait, by the server
	left      time.Duration // of the patience
	at        time.Time     // when to come back; at the end, when the next step is due: zero for never
}

const (
	// patience is how long a pass comes back to a client whose new credential
	// the server does not accept yet.
	patience = time.Minute

	// maxAttempts is how often a client is tried whose server asks for patience.
	maxAttempts = 3
)

type ending int

const (
	nothing ending = iota
	rotated
	waiting
	elsewhere
	later  // at visit.at, in this pass
	barred // by the server, which is closed
)

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
