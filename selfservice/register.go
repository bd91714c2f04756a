package selfservice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// issue has the server make the new credential. What it made although the
// reply was lost, the provider finds by reading.
func (r *Rotator) issue(ctx context.Context, s *state) error {
	// Also what is stored, should the list have left it out: else Issue would
	// find the active one, now and ever after.
	before := slices.Clone(s.Pending.Before)
	for _, e := range s.entries() {
		if e != s.Pending {
			before = append(before, e.registration())
		}
	}
	if i := r.issued; i != nil && i.Made.Equal(s.Pending.Made) && s.isNew(i.Credential) == nil {
		s.Pending.Credential, s.Pending.Registration = i.Credential, i.Registration
	} else if err := r.call(ctx, "Issuer.Issue", func(ctx context.Context) error {
		issuer, ok := r.Provider.(Issuer)
		if !ok {
			return fmt.Errorf("%w: the provider issues no credentials, and one was begun", ErrConfig)
		}
		c, reg, err := issuer.Issue(ctx, s.Active.Credential, before)
		if err == nil {
			err = s.isNew(c)
		}
		if err == nil {
			s.Pending.Credential, s.Pending.Registration = c, reg.storable()
		}
		return err
	}); err != nil {
		return err
	}
	err := r.registered(ctx, s)
	switch {
	case err == nil:
		r.issued = nil
	case errors.Is(err, ErrConflict):
		err = errors.Join(err, r.keep(ctx, s.Pending))
	default:
		r.issued = s.Pending.clone() // nobody else has it
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
	err := r.call(ctx, "Registrar.Register", func(ctx context.Context) error {
		registrar, ok := r.Provider.(Registrar)
		if !ok {
			return fmt.Errorf("%w: the provider registers no credentials, and one was begun", ErrConfig)
		}
		reg, err := registrar.Register(ctx, s.Active.Credential, c)
		s.Pending.Registration = reg.storable()
		return err
	})
	if err != nil {
		// It may have been carried out, and be all that the server accepts.
		if errors.Is(err, ErrRefused) || errors.Is(err, ErrLimit) || r.accepted(ctx, s.Pending) != nil || !errors.Is(r.accepted(ctx, s.Active), ErrRefused) {
			return err
		}
		s.Pending.Registration = Registration{}
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
		return r.standIn(ctx, s, s.Pending, err)
	}
	r.tell(Event{Kind: Registered, Credential: s.Pending.Credential.Fingerprint()})
	return nil
}
