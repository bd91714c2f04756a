package selfservice

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	if r.Provider == nil {
		return time.Time{}, nil // following only
	}
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("selfservice: the provider panicked") // what it panicked with may hold anything
		}
	}()
	now := time.Now().Round(0)
	if s.Claim.heldByOther(r.owner, now, r.Timing.lease()) {
		return s.Claim.Until, nil
	}
	p := next(s, now, r.Timing, r.abilities())
	if s.Pending == nil && s.Rotations <= force {
		p = plan{do: begin, entry: s.Active}
	}
	if c := r.refused.Swap(nil); c != nil && c.Fingerprint() == s.Active.Credential.Fingerprint() {
		if moved, err := r.recover(ctx); moved || err != nil {
			return now, err
		}
	}
	if p.do == idle {
		return p.at, nil
	}
	at, err = r.act(ctx, s, p, now)
	switch {
	case errors.Is(err, ErrConflict):
		return now, nil // another replica moved on; look again
	case errors.Is(err, ErrRefused):
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
		return now, r.begin(ctx, s, now)
	case verify:
		return r.verify(ctx, s, now)
	}
	if _, ok := r.Provider.(Remover); p.do == remove && !ok {
		return now, r.forget(ctx, s, p.entry)
	}
	// The rest changes something at the server: one replica at a time.
	if err := r.claim(ctx, s, now); err != nil {
		return now, err
	}
	switch p.do {
	case issue:
		return now, r.issue(ctx, s)
	case register:
		return now, r.register(ctx, s)
	case disable:
		return now, r.disable(ctx, s, p.entry, now)
	default:
		return now, r.remove(ctx, s, p.entry)
	}
}

// claim makes this replica the one that moves the rotation on, for at least
// the calls of one step.
func (r *Rotator) claim(ctx context.Context, s *state, now time.Time) error {
	if s.Claim.Owner == r.owner && s.Claim.Until.Sub(now) >= 3*r.Timing.callTimeout() {
		return nil
	}
	r.hold(s, now)
	return r.save(ctx, s)
}

func (r *Rotator) hold(s *state, now time.Time) {
	s.Claim = claim{Owner: r.owner, Until: now.Add(r.Timing.lease())}
}

func (r *Rotator) look(ctx context.Context, s *state) error {
	return r.call(ctx, func(ctx context.Context) error {
		list, err := r.Provider.List(ctx, s.Active.Credential)
		if err == nil {
			s.refresh(list, time.Now().Round(0))
		}
		return err
	})
}

// begin saves a new credential before anything of it leaves the process. For
// one that only the server can make it saves what the server has now, so that
// the new one can be told from it.
func (r *Rotator) begin(ctx context.Context, s *state, now time.Time) error {
	var list []Registration
	err := r.call(ctx, func(ctx context.Context) (err error) {
		list, err = r.Provider.List(ctx, s.Active.Credential)
		return err
	})
	if err != nil {
		return err
	}
	s.refresh(list, now)
	s.Pending = &entry{Made: now}
	if _, issues := r.Provider.(Issuer); issues {
		s.Pending.Before = list
	} else {
		c, err := r.make(ctx, s)
		if err != nil {
			return err
		}
		s.Pending.Credential = c
		r.fresh = c.Fingerprint()
	}
	r.hold(s, time.Now().Round(0))
	if err := r.save(ctx, s); err != nil {
		return err
	}
	r.tell(Event{Kind: Started, Credential: s.Pending.Credential.Fingerprint()})
	return nil
}

// make returns a credential that is not one of those in s.
func (r *Rotator) make(ctx context.Context, s *state) (Credential, error) {
	newOne := r.New
	if newOne == nil {
		newOne = makeLike
		if m, ok := r.Provider.(Maker); ok {
			newOne = m.Make
		}
	}
	c, err := newOne(ctx, s.Active.Credential)
	if err != nil {
		return Credential{}, fmt.Errorf("selfservice: making a credential: %w", err)
	}
	return c, s.isNew(c)
}

// isNew refuses what would make a rotation in name only.
func (s *state) isNew(c Credential) error {
	if err := c.check(); err != nil {
		return err
	}
	for _, e := range s.entries() {
		if e.Credential.Fingerprint() == c.Fingerprint() {
			return fmt.Errorf("%w: the new credential is an old one", ErrConfig)
		}
		if e.Credential.KeyID() != "" && e.Credential.KeyID() == c.KeyID() {
			return fmt.Errorf("%w: the new key has the kid of an old one", ErrConfig)
		}
	}
	return nil
}

func (r *Rotator) issue(ctx context.Context, s *state) error {
	err := r.call(ctx, func(ctx context.Context) error {
		c, reg, err := r.Provider.(Issuer).Issue(ctx, s.Active.Credential, s.Pending.Before)
		if err == nil {
			err = s.isNew(c)
		}
		if err == nil {
			s.Pending.Credential, s.Pending.Registration = c, reg
		}
		return err
	})
	if err != nil {
		return err
	}
	return r.registered(ctx, s)
}

// register looks before it registers, so that repeating it after a lost reply
// or a crash is harmless.
func (r *Rotator) register(ctx context.Context, s *state) error {
	c := s.Pending.Credential
	err := r.call(ctx, func(ctx context.Context) error {
		if r.fresh != c.Fingerprint() {
			list, err := r.Provider.List(ctx, s.Active.Credential)
			if err != nil {
				return err
			}
			if i := slices.IndexFunc(list, func(reg Registration) bool { return reg.Of(c) && !reg.Inactive }); i >= 0 {
				s.Pending.Registration = list[i]
				return nil
			}
		}
		r.fresh = ""
		reg, err := r.Provider.(Registrar).Register(ctx, s.Active.Credential, c)
		s.Pending.Registration = reg
		return err
	})
	if err != nil {
		return err
	}
	return r.registered(ctx, s)
}

func (r *Rotator) registered(ctx context.Context, s *state) error {
	now := time.Now().Round(0)
	s.Pending.Registered = now
	if reg := s.Pending.Registration; !reg.Expires.IsZero() || !reg.RenewAt.IsZero() {
		s.Pending.Checked = now // the reply says when it ends: no need to ask once it is active
	}
	r.hold(s, now)
	if err := r.save(ctx, s); err != nil {
		return err
	}
	r.tell(Event{Kind: Registered, Credential: s.Pending.Credential.Fingerprint()})
	return nil
}

// verify switches once a real token proves the new credential. Until then the
// old one serves: servers take their time to learn of a new one.
func (r *Rotator) verify(ctx context.Context, s *state, now time.Time) (time.Time, error) {
	err := r.call(ctx, func(ctx context.Context) error { return r.Provider.Verify(ctx, s.Pending.Credential) })
	if errors.Is(err, ErrRefused) {
		waited := now.Sub(s.Pending.Registered)
		if waited < r.Timing.propagation() {
			return now.Add(min(max(waited/4, 250*time.Millisecond), 15*time.Second)), nil
		}
		// Perhaps the server lost it: have the list looked at, and register
		// it again if it is not there.
		s.Pending.Registered = time.Time{}
		return now, errors.Join(fmt.Errorf("selfservice: the new credential is not accepted %v after its registration", waited.Round(time.Second)), r.save(ctx, s))
	}
	if err != nil {
		return now, err
	}
	return now, r.switchOver(ctx, s)
}

// switchOver makes the pending credential the active one.
func (r *Rotator) switchOver(ctx context.Context, s *state) error {
	s.promote(time.Now().Round(0), r.Timing.overlap())
	if err := r.save(ctx, s); err != nil {
		return err
	}
	r.switches.Add(1)
	r.tell(Event{Kind: Switched, Credential: s.Active.Credential.Fingerprint()})
	return nil
}

// call gives one step's calls to the provider their deadline.
func (r *Rotator) call(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, r.Timing.callTimeout())
	defer cancel()
	return f(ctx)
}
