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
	defer guard(&err)
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
	now := time.Now().Round(0)
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
	if s.Claim.heldByOther(r.owner, now, r.Timing.lease()) {
		return s.Claim.Until, nil
	}
	if s.mend(now, r.Timing.overlap()) {
		return now, r.save(ctx, s)
	}
	if r.reported(s.Active.Credential) {
		if moved, err := r.recover(ctx); moved || err != nil {
			return now, err
		}
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
		return now, r.begin(ctx, s, now)
	case verify:
		return r.verify(ctx, s, now)
	}
	// The rest changes something at the server: one replica at a time.
	if err := r.claim(ctx, s, now); err != nil {
		return now, err
	}
	switch p.do {
	case issue:
		return now, r.issue(ctx, s)
	case register:
		return now, r.giveUp(ctx, s, now, r.register(ctx, s))
	case disable:
		return now, r.disable(ctx, s, p.entry, now)
	default:
		return now, r.remove(ctx, s, p.entry, now)
	}
}

// claim makes this replica the one that moves the rotation on, for at least
// the calls of one step.
func (r *Rotator) claim(ctx context.Context, s *state, now time.Time) error {
	if s.Claim.Owner == r.owner && s.Claim.Until.Sub(now) >= 3*r.Timing.callTimeout() {
		return nil
	}
	if s.Claim.Owner != r.owner {
		r.fresh = "" // who held it since may have sent what this process had not
	}
	r.hold(s, now)
	return r.save(ctx, s)
}

func (r *Rotator) hold(s *state, now time.Time) {
	s.Claim = claim{Owner: r.owner, Until: now.Add(r.Timing.lease())}
}

func (r *Rotator) look(ctx context.Context, s *state) error {
	list, err := r.list(ctx, s.Active.Credential)
	if err == nil {
		s.refresh(list, time.Now().Round(0))
	}
	return err
}

func (r *Rotator) list(ctx context.Context, as Credential) (list []Registration, err error) {
	err = r.call(ctx, func(ctx context.Context) (err error) {
		list, err = r.Provider.List(ctx, as)
		return err
	})
	for i := range list {
		list[i] = list[i].storable()
	}
	return list, err
}

// begin saves a new credential before anything of it leaves the process. For
// one that only the server can make it saves what the server has now, so that
// the new one can be told from it.
func (r *Rotator) begin(ctx context.Context, s *state, now time.Time) error {
	pending := &entry{Made: now}
	if _, issues := r.Provider.(Issuer); issues {
		list, err := r.list(ctx, s.Active.Credential)
		if err != nil {
			return err
		}
		pending.Before = list
	} else {
		c, err := r.make(ctx, s)
		if err != nil {
			return err
		}
		pending.Credential = c
		r.fresh = c.Fingerprint()
	}
	s.Pending = pending
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
	var c Credential
	err := r.call(ctx, func(ctx context.Context) (err error) {
		c, err = newOne(ctx, s.Active.Credential)
		return err
	})
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
	if s.holds(c) {
		return fmt.Errorf("%w: the new credential is an old one", ErrConfig)
	}
	for _, e := range s.entries() {
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
			s.Pending.Credential, s.Pending.Registration = c, reg.storable()
		}
		return err
	})
	if err != nil {
		return err
	}
	if err = r.registered(ctx, s); errors.Is(err, ErrConflict) {
		return errors.Join(err, r.keep(ctx, s.Pending))
	}
	return err
}

// keep saves what the server issued to a replica that overslept its claim:
// nobody else has it, and it may be the one that the server accepts.
func (r *Rotator) keep(ctx context.Context, issued *entry) error {
	s, err := r.load(ctx)
	if err != nil || s.Active == nil || s.holds(issued.Credential) {
		return err
	}
	if s.Pending == nil || !s.Pending.Credential.IsZero() {
		issued.Until, issued.Before = time.Now().Round(0).Add(r.Timing.overlap()), nil
		s.Retiring = append(s.Retiring, issued)
	} else {
		s.Pending = issued
	}
	return r.save(ctx, s)
}

// register looks before it registers, so that repeating it after a lost reply
// or a crash is harmless.
func (r *Rotator) register(ctx context.Context, s *state) error {
	c := s.Pending.Credential
	if r.fresh != c.Fingerprint() {
		reg, listed, err := r.find(ctx, s, c)
		if err != nil {
			return err
		}
		if listed {
			s.Pending.Registration = reg
			return r.registered(ctx, s)
		}
	}
	r.fresh = ""
	err := r.call(ctx, func(ctx context.Context) error {
		reg, err := r.Provider.(Registrar).Register(ctx, s.Active.Credential, c)
		s.Pending.Registration = reg.storable()
		return err
	})
	if err != nil {
		return err
	}
	return r.registered(ctx, s)
}

// find looks for a credential in what the server lists as accepted.
func (r *Rotator) find(ctx context.Context, s *state, c Credential) (Registration, bool, error) {
	list, err := r.list(ctx, s.Active.Credential)
	i := slices.IndexFunc(list, func(reg Registration) bool { return reg.Of(c) && !reg.Inactive })
	if err != nil || i < 0 {
		return Registration{}, false, err
	}
	return list[i], true, nil
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
	if err == nil {
		return now, r.switchOver(ctx, s)
	}
	if !errors.Is(err, ErrRefused) {
		return now, err
	}
	waited := now.Sub(s.Pending.Registered).Abs() // below zero: another replica's clock is ahead
	if waited < r.Timing.propagation() {
		return now.Add(min(max(waited/4, 250*time.Millisecond), 15*time.Second)), nil
	}
	return now, r.giveUp(ctx, s, now, r.overdue(ctx, s, waited))
}

// overdue finds out whether the server has lost a credential that it still
// does not accept, and sees that it is registered again then. It returns an
// error in any case.
func (r *Rotator) overdue(ctx context.Context, s *state, waited time.Duration) error {
	late := fmt.Errorf("selfservice: the new credential is not accepted %v after its registration", waited.Round(time.Second))
	_, listed, err := r.find(ctx, s, s.Pending.Credential)
	if err != nil || listed {
		return errors.Join(late, err)
	}
	s.Pending.Registered = time.Time{}
	return errors.Join(late, r.save(ctx, s))
}

// giveUpAfter is how long a new credential is tried.
const giveUpAfter = 24 * time.Hour

// giveUp sets a new credential aside that has come to nothing for a day, so
// that a better one can be made before the active one expires: what is wrong
// may be the credential. In case the server takes it after all it is kept as
// an old one. Only one at a time: while the server is down nothing piles up.
func (r *Rotator) giveUp(ctx context.Context, s *state, now time.Time, err error) error {
	if err == nil || errors.Is(err, ErrRefused) || errors.Is(err, ErrLimit) || errors.Is(err, ErrConflict) ||
		len(s.Retiring) > 0 || now.Sub(s.Pending.Made) < giveUpAfter {
		return err
	}
	s.abandon(now, r.Timing.overlap())
	return errors.Join(fmt.Errorf("selfservice: the new credential is given up after %v", giveUpAfter), err, r.save(ctx, s))
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
