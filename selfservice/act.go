package selfservice

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nokkel/nokkel/keys"
)

// act carries out what p says and returns what has come of it. It changes
// nothing in s, and may be repeated.
func (r *Rotator) act(ctx context.Context, s *state, p plan, m rules) outcome {
	o := outcome{began: time.Now().Round(0)}
	switch p.do {
	case look:
		o.list, o.err = r.list(ctx, s.Active.Credential)
		o.finish(failed)
		if p.entry != nil {
			o.finish(unable)
		}
	case begin:
		if m.issues {
			o.list, o.err = r.list(ctx, s.Active.Credential)
		} else {
			o.credential, o.err = r.make(ctx, s)
		}
		o.finish(failed)
	case issue:
		r.issue(ctx, s, &o)
	case register:
		r.register(ctx, s, &o)
	case prove:
		r.prove(ctx, s, m, &o)
	case turnOff:
		r.turnOff(ctx, s, p.entry, &o)
	case remove:
		r.remove(ctx, s, p.entry, &o)
	case purge:
		if purger, ok := r.Provider.(Purger); ok {
			o.err = r.call(ctx, "Purger.Purge", func(ctx context.Context) error {
				return purger.Purge(ctx, s.Active.Credential, p.entry.registration())
			})
		}
		o.finish(unable)
	}
	return o
}

// make returns a credential that is not one of those in s, and that this
// process knows to be new to the server.
func (r *Rotator) make(ctx context.Context, s *state) (c Credential, err error) {
	like := makeLike
	if r.New != nil {
		like = r.New
	}
	err = r.call(ctx, "New", func(ctx context.Context) (err error) {
		c, err = like(ctx, s.Active.Credential)
		return err
	})
	if a, ok := r.Provider.(Adopter); ok && err == nil {
		err = r.call(ctx, "Adopter.Adopted", func(context.Context) (err error) {
			c, err = a.Adopted(c)
			return err
		})
	}
	if err != nil {
		return Credential{}, fmt.Errorf("selfservice: making a credential: %w", err)
	}
	r.fresh = c.Fingerprint()
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

// makeLike makes a credential of the same kind, algorithm and size.
func makeLike(_ context.Context, like Credential) (Credential, error) {
	if like.Key == nil {
		var b [32]byte
		rand.Read(b[:])
		return Credential{Secret: keys.NewSecret(base64.RawURLEncoding.EncodeToString(b[:]))}, nil
	}
	var key *keys.Key
	var err error
	if pub, ok := like.Key.PublicKey().Public().(*rsa.PublicKey); ok {
		key, err = keys.GenerateRSA(like.Key.Algorithm(), pub.N.BitLen())
	} else {
		key, err = keys.Generate(like.Key.Algorithm())
	}
	return Credential{Key: key}, err
}

// issue has the server make the new credential. What it made although the
// reply was lost, the provider finds by reading.
func (r *Rotator) issue(ctx context.Context, s *state, o *outcome) {
	defer o.taken()
	if i := r.issued; i != nil && i.Made.Equal(s.Pending.Made) && s.isNew(i.Credential) == nil {
		o.credential, o.registration = i.Credential, i.Registration // it could not be saved
		return
	}
	// Also what is stored, should the list have left it out: else Issue would
	// find the active one, now and ever after.
	before := slices.Clone(s.Pending.Before)
	for _, e := range s.entries() {
		if e != s.Pending {
			before = append(before, e.registration())
		}
	}
	o.err = r.call(ctx, "Issuer.Issue", func(ctx context.Context) error {
		issuer, ok := r.Provider.(Issuer)
		if !ok {
			return fmt.Errorf("%w: the provider issues no credentials, and one was begun", ErrConfig)
		}
		c, reg, err := issuer.Issue(ctx, s.Active.Credential, before)
		if err == nil {
			err = s.isNew(c)
		}
		o.credential, o.registration = c, reg.storable()
		return err
	})
}

// register looks before it registers, so that repeating it after a lost reply
// or a crash is harmless. A failure is no proof that nothing was done: it may
// have been carried out, and be all that the server accepts.
func (r *Rotator) register(ctx context.Context, s *state, o *outcome) {
	defer o.taken()
	c := s.Pending.Credential
	if r.fresh != c.Fingerprint() {
		var listed bool
		if o.registration, listed, o.err = r.find(ctx, s, c); listed || o.err != nil {
			return
		}
	}
	r.fresh = ""
	o.err = r.call(ctx, "Registrar.Register", func(ctx context.Context) error {
		registrar, ok := r.Provider.(Registrar)
		if !ok {
			return fmt.Errorf("%w: the provider registers no credentials, and one was begun", ErrConfig)
		}
		reg, err := registrar.Register(ctx, s.Active.Credential, c)
		o.registration = reg.storable()
		return err
	})
	if o.err != nil && !errors.Is(o.err, ErrInvalidClient) && !errors.Is(o.err, ErrLimit) &&
		r.accepted(ctx, s.Pending) == nil && errors.Is(r.accepted(ctx, s.Active), ErrInvalidClient) {
		o.registration, o.err = Registration{}, nil
	}
}

// find looks for a credential in what the server lists as accepted.
func (r *Rotator) find(ctx context.Context, s *state, c Credential) (Registration, bool, error) {
	list, err := r.list(ctx, s.Active.Credential)
	i := slices.IndexFunc(list, func(reg Registration) bool { return reg.Matches(c) && !reg.Inactive })
	if err != nil || i < 0 {
		return Registration{}, false, err
	}
	return list[i], true, nil
}

// prove gets a token with the pending credential. After the first one it finds
// out whether the active one still works, and after long refusals whether the
// server knows the pending one at all.
func (r *Rotator) prove(ctx context.Context, s *state, m rules, o *outcome) {
	p := s.Pending
	if r.lag.fingerprint == p.Credential.Fingerprint() {
		o.lag = r.lag.waited
	}
	err := r.accepted(ctx, p)
	switch {
	case errors.Is(err, ErrInvalidClient):
		o.result = refused
		r.lag = lag{p.Credential.Fingerprint(), p.waited(o.began)}
		if !s.doubtful(o.began, m) {
			return
		}
		o.list, o.err = r.list(ctx, s.Active.Credential)
		known := func(reg Registration) bool { return reg.Matches(p.Credential) && (m.issues || !reg.Inactive) }
		if o.err == nil && !slices.ContainsFunc(o.list, known) {
			o.result = forgotten
		}
	case err != nil:
		o.err = err
	case p.Proved.IsZero() && m.settling(p, o.lag) > 0:
		switch o.err = r.accepted(ctx, s.Active); {
		case o.err == nil:
			o.result = done
		case errors.Is(o.err, ErrInvalidClient):
			o.result, o.err = alone, nil
		}
	default:
		o.result = done
	}
}

// turnOff deactivates an old credential, and activates it again if the new one
// turns out not to work alone. The new one has to work before: the old one may
// be all there is.
func (r *Rotator) turnOff(ctx context.Context, s *state, old *entry, o *outcome) {
	if o.err = r.accepted(ctx, s.Active); o.err != nil {
		r.turnOn(ctx, s, old, o) // it may be off since a step that came to no end
		return
	}
	err := r.call(ctx, "Switch.Deactivate", func(ctx context.Context) error {
		return r.Provider.(Switch).Deactivate(ctx, s.Active.Credential, old.registration())
	})
	// Also after an error: it may have been carried out.
	if o.err = r.accepted(ctx, s.Active); o.err != nil {
		r.turnOn(ctx, s, old, o)
		return
	}
	o.err = err
	o.finish(unable)
}

// turnOn activates an old credential again if the active one was refused.
func (r *Rotator) turnOn(ctx context.Context, s *state, old *entry, o *outcome) {
	if !errors.Is(o.err, ErrInvalidClient) {
		return
	}
	// As the active one still: a provider that works as an administrator does
	// not care, and another has a token from before.
	back := r.call(ctx, "Switch.Activate", func(ctx context.Context) error {
		return r.Provider.(Switch).Activate(ctx, s.Active.Credential, old.registration())
	})
	if back != nil {
		o.err = errors.Join(o.err, fmt.Errorf("selfservice: an old credential cannot be turned on again: %w", back))
		return
	}
	// It may have died of age long ago: then rescue looks for a better one.
	if back := r.accepted(ctx, old); back != nil {
		o.result, o.err = unable, errors.Join(o.err, back)
		return
	}
	o.result, o.err = needed, nil
}

// remove deletes an old credential where the server can. What cannot be undone
// is preceded by a real token of the active one.
func (r *Rotator) remove(ctx context.Context, s *state, old *entry, o *outcome) {
	if !old.Off {
		if o.err = r.accepted(ctx, s.Active); o.err != nil {
			return
		}
	}
	defer o.finish(unable)
	if remover, ok := r.Provider.(Remover); ok {
		o.err = r.call(ctx, "Remover.Remove", func(ctx context.Context) error {
			return remover.Remove(ctx, s.Active.Credential, old.registration())
		})
	}
}

// accepted gets a real token with the credential of e.
func (r *Rotator) accepted(ctx context.Context, e *entry) error {
	return r.call(ctx, "Provider.Verify", func(ctx context.Context) error { return r.Provider.Verify(ctx, e.Credential) })
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
		r.tell(Event{Kind: EventFailed, Err: fmt.Errorf("selfservice: %s has not returned %v after its context ended; nothing goes on before it does", what, graceOfCalls)})
	})
	defer stuck.Stop()
	ctx, cancel := context.WithTimeout(ctx, r.Timing.callTimeout())
	defer cancel()
	err = f(ctx)
	_ = errors.Is(err, ErrConfig) // an Unwrap that panics does it here, under guard
	return err
}
