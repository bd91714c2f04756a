package selfservice

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Step makes one transition of the rotation, if one is due, and returns when
// the next one is: now or earlier if there is more to do at once, zero if
// never. A program that is run from cron calls it until that lies ahead; after
// an error, or a crash, the next call goes on where the last one was.
func (r *Rotator) Step(ctx context.Context) (next time.Time, err error) {
	return r.step(ctx, notForced)
}

const notForced = -1

// step is Step. It also starts a rotation that is not due if no more than
// force have been made.
func (r *Rotator) step(ctx context.Context, force int) (at time.Time, err error) {
	defer func() {
		if ctx.Err() == nil {
			r.note(err)
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
	s, err := r.load(ctx)
	if err != nil {
		return time.Time{}, err
	}
	if s.Active == nil {
		return time.Time{}, ErrNotAdopted
	}
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
	at, err = r.move(ctx, s, now, force)
	if errors.Is(err, ErrConflict) {
		if fresh, loadErr := r.load(ctx); loadErr == nil && fresh.version == s.version {
			return now, err // nobody moved on: a store that breaks the law would be asked without end
		}
		return now, nil // another replica did; look again
	}
	return at, err
}

// move makes the transition that is due.
func (r *Rotator) move(ctx context.Context, s *state, now time.Time, force int) (time.Time, error) {
	held := s.Claim.heldByOther(r.owner, now, r.Timing.lease())
	if !held && s.mend(now, r.Timing.overlap()) {
		return now, r.save(ctx, s)
	}
	if r.reported(s.Active.Credential) {
		if moved, err := r.recover(ctx); moved || err != nil {
			return now, err
		}
	}
	if held {
		return s.Claim.Until, nil
	}
	p := next(s, now, r.Timing, r.abilities())
	if s.Pending == nil && s.Rotations <= force {
		p = plan{do: begin, entry: s.Active}
	}
	if p.do == idle {
		return p.at, nil
	}
	at, err := r.act(ctx, s, p, now)
	if errors.Is(err, ErrRefused) {
		if moved, err := r.recover(ctx); moved || err != nil {
			return now, err
		}
	}
	return at, err
}

func (r *Rotator) abilities() abilities {
	_, issues := r.Provider.(Issuer)
	_, switches := r.Provider.(Switch)
	_, removes := r.Provider.(Remover)
	return abilities{issues, switches, removes}
}

// act carries one action out, saves what it changed, and returns when to look
// again.
func (r *Rotator) act(ctx context.Context, s *state, p plan, now time.Time) (time.Time, error) {
	switch p.do {
	case look:
		if err := r.look(ctx, s); err != nil {
			return now, err
		}
		return now, r.save(ctx, s)
	case begin:
		return now, r.begin(ctx, s, now, nil)
	case verify:
		return r.verify(ctx, s, now)
	}
	// The rest changes something at the server: one replica at a time.
	if err := r.claim(ctx, s, now); err != nil {
		return now, err
	}
	switch p.do {
	case issue:
		return now, r.makeRoom(ctx, s, r.issue(ctx, s))
	case register:
		return now, r.makeRoom(ctx, s, r.giveUp(ctx, s, now, r.register(ctx, s)))
	case disable:
		return now, r.disable(ctx, s, p.entry, now)
	default:
		return now, r.remove(ctx, s, p.entry, now)
	}
}

func (r *Rotator) look(ctx context.Context, s *state) error {
	list, err := r.list(ctx, s.Active.Credential)
	if err == nil {
		s.refresh(list, time.Now().Round(0))
	}
	return err
}

func (r *Rotator) list(ctx context.Context, as Credential) (list []Registration, err error) {
	err = r.call(ctx, "Provider.List", func(ctx context.Context) (err error) {
		list, err = r.Provider.List(ctx, as)
		return err
	})
	for i := range list {
		list[i] = list[i].storable()
	}
	return list, err
}

// graceOfCalls is how long after its deadline a call may return.
const graceOfCalls = 5 * time.Second

// call gives a call of what the caller supplied its deadline.
func (r *Rotator) call(ctx context.Context, what string, f func(context.Context) error) (err error) {
	defer guard(&err, what)
	stuck := time.AfterFunc(r.Timing.callTimeout()+graceOfCalls, func() {
		r.tell(Event{Kind: Failed, Err: fmt.Errorf("selfservice: %s has not returned %v after its context ended; nothing goes on before it does", what, graceOfCalls)})
	})
	defer stuck.Stop()
	ctx, cancel := context.WithTimeout(ctx, r.Timing.callTimeout())
	defer cancel()
	return f(ctx)
}
