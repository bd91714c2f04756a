package selfservice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// Step makes one transition of the rotation, if one is due, and returns when the
// next one is: now or earlier if there is more to do at once, zero for never. A
// program that runs from cron calls it until that lies ahead; [Rotator.RunDue]
// does. After an error or a crash the next call resumes where this one stopped.
func (r *Rotator) Step(ctx context.Context) (next time.Time, err error) {
	return r.step(ctx, notForced)
}

const notForced = -1

// step is Step. It also starts a rotation that is not due if no more than
// force have been made.
func (r *Rotator) step(ctx context.Context, force int) (at time.Time, err error) {
	var lockedOut error // told, but the rotation goes on
	defer func() {
		if ctx.Err() == nil {
			r.note(cmp.Or(err, lockedOut))
		}
	}()
	defer guard(&err, "a step")
	if err := r.check(); err != nil {
		return time.Time{}, err
	}
	if err := r.lock(ctx); err != nil {
		return time.Time{}, err
	}
	defer r.unlock()
	s, err := r.read(ctx)
	if err != nil {
		return time.Time{}, err
	}
	s = s.clone()
	now := time.Now().Round(0)
	if s.restored {
		if err := r.save(ctx, s); !errors.Is(err, ErrConflict) {
			return now, err
		}
		return now, nil // another replica has written what it knows
	}
	if r.Provider == nil {
		return time.Time{}, nil // following only
	}
	if err := r.fits(s); err != nil {
		return now, err
	}
	at, lockedOut, err = r.move(ctx, s, now, force)
	if errors.Is(err, ErrConflict) {
		if fresh, readErr := r.read(ctx); readErr == nil && fresh.version == s.version {
			return now, err // nobody moved on: a store that breaks the law would be asked without end
		}
		return now, nil // another replica did; look again
	}
	return at, err
}

// rules are those of this Rotator.
func (r *Rotator) rules() rules {
	m := rules{Timing: r.Timing, nodes: r.Timing.nodes(r.Provider), owner: r.owner}
	_, m.issues = r.Provider.(Issuer)
	_, m.switches = r.Provider.(Switch)
	_, m.removes = r.Provider.(Remover)
	_, m.purges = r.Provider.(Purger)
	if i, ok := r.Provider.(Independent); ok {
		m.unassisted = i.Independent()
	}
	return m
}

// maxRetiring is how many old credentials are kept at a time: the stored state
// has a limit, and so have servers.
const maxRetiring = 50

// move makes the transition that is due. A rotation that is under way goes on
// also while the server refuses the active credential: its end may be the cure.
// That is told then, and no error of the step.
func (r *Rotator) move(ctx context.Context, s *state, now time.Time, force int) (at time.Time, lockedOut, err error) {
	m := r.rules()
	held := s.Lease.heldByOther(r.owner, now, m.lease())
	if !held && s.mend(now, m) {
		return now, nil, r.save(ctx, s)
	}
	if r.reported(s.Active.Credential) {
		moved, err := r.rescue(ctx)
		if moved || err != nil && !errors.Is(err, ErrLockedOut) {
			return now, nil, err
		}
		lockedOut = err
	}
	if held {
		return s.Lease.Until, nil, nil
	}
	p := s.next(now, m)
	if s.Pending == nil && s.Rotations <= force {
		if len(s.Retiring) >= maxRetiring {
			return now, nil, fmt.Errorf("%w: %d old ones are in their overlap", ErrLimit, maxRetiring)
		}
		p = plan{do: begin}
	}
	if p.do == idle {
		return p.at, nil, lockedOut
	}
	c := r.do(ctx, s, p, m)
	switch {
	case lockedOut != nil && c.err == nil:
		r.tell(Event{Kind: EventFailed, Err: lockedOut})
	case lockedOut != nil:
		return c.at, nil, lockedOut
	case errors.Is(c.err, ErrInvalidClient):
		if moved, err := r.rescue(ctx); moved || err != nil {
			return now, nil, err
		}
	}
	return c.at, lockedOut, c.err
}

// do carries an action out and saves what has come of it. What changes
// something at the server is done by one replica at a time.
func (r *Rotator) do(ctx context.Context, s *state, p plan, m rules) change {
	switch p.do {
	case issue, register, turnOff, remove, purge:
		if err := r.acquire(ctx, s, m); err != nil {
			return change{at: time.Now(), err: err}
		}
	}
	return r.settle(ctx, s, p, r.act(ctx, s, p, m), m)
}

// acquire makes this replica the one that moves the rotation on, for at least
// the calls of one step.
func (r *Rotator) acquire(ctx context.Context, s *state, m rules) error {
	now := time.Now().Round(0)
	if s.Lease.Owner == r.owner && s.Lease.Until.Sub(now) >= 3*m.callTimeout() {
		return nil
	}
	if s.Lease.Owner != r.owner {
		r.fresh = "" // who held it since may have sent what this process had not
	}
	s.hold(now, m)
	return r.save(ctx, s)
}

// settle applies an outcome, saves the state, and then tells.
func (r *Rotator) settle(ctx context.Context, s *state, p plan, o outcome, m rules) change {
	before := s.clone()
	c := s.apply(p, o, time.Now().Round(0), m)
	if !c.save {
		return c
	}
	if err := r.save(ctx, s); err != nil {
		c.err = errors.Join(c.err, r.unsaved(ctx, before, s, p, m, err))
		return c
	}
	if p.do == issue {
		r.issued = nil
	}
	if s.Rotations > before.Rotations {
		r.switches.Add(1)
	}
	for _, e := range c.events {
		r.tell(e)
	}
	return c
}

// rescue finds a credential that works when the server has refused the active
// one. It reports whether that has moved the state; neither moved nor an error
// means that the active one works after all, or that another replica is at
// work.
func (r *Rotator) rescue(ctx context.Context) (moved bool, err error) {
	s, err := r.read(ctx) // again: another replica may have moved on during the calls
	if err != nil {
		return false, err
	}
	s = s.clone()
	m, o := r.rules(), outcome{result: refused, began: time.Now().Round(0)}
	held := s.Lease.heldByOther(r.owner, o.began, m.lease())
	var unknown error
	for _, e := range s.candidates(o.began, m, r.given, held) {
		err := r.accepted(ctx, e)
		if err == nil {
			o.result, o.works, o.err = done, e, nil
			break
		}
		if !errors.Is(err, ErrInvalidClient) {
			unknown = err
			if e == s.Active || retryAfter(err) > 0 || time.Since(o.began) >= m.callTimeout() {
				break // the network, say
			}
			continue // it may be this credential alone
		}
		if o.err == nil || e == s.Active {
			o.err = err
		}
	}
	if o.result == refused {
		if unknown != nil {
			return false, unknown // nothing is known, nothing is changed
		}
		if held {
			return false, nil
		}
		if m.unassisted && !m.issues && s.Pending == nil {
			if o.credential, err = r.make(ctx, s); err != nil {
				return false, err
			}
		}
	}
	c := r.settle(ctx, s, plan{do: rescue}, o, m)
	return c.save, c.err
}

// note keeps what has become of a step.
func (r *Rotator) note(err error) {
	now := time.Now()
	for {
		old := r.record.Load()
		next := &record{success: now}
		switch {
		case err != nil && old != nil:
			next = &record{success: old.success, failure: now, failures: old.failures + 1, cause: text(err), lockedOut: errors.Is(err, ErrLockedOut)}
		case err != nil:
			next = &record{failure: now, failures: 1, cause: text(err), lockedOut: errors.Is(err, ErrLockedOut)}
		case old != nil:
			next.failure = old.failure
		}
		if r.record.CompareAndSwap(old, next) {
			return
		}
	}
}

// release gives up the lease, so that the next process need not wait for it. It
// does so also after ctx has ended, if the store is quick.
func (r *Rotator) release(ctx context.Context) error {
	if ctx.Err() != nil {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), rereadTimeout)
		defer cancel()
		ctx = late
	}
	if err := r.lock(ctx); err != nil {
		return err
	}
	defer r.unlock()
	s := r.current.Load()
	if s == nil || s.Lease.Owner != r.owner {
		return nil
	}
	s = s.clone()
	s.Lease = lease{}
	if err := r.save(ctx, s); !errors.Is(err, ErrConflict) {
		return err
	}
	return nil // another replica has moved on, with a lease of its own
}
