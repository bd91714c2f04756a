package providertest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nokkel/nokkel/selfservice"
)

// watched is the provider that the Rotator has up to the switch: it checks what
// each call does. What comes after the switch the contract calls itself.
type watched struct {
	*contract
	before []selfservice.Registration // the argument of Issue
}

func (w *watched) Verify(ctx context.Context, cred selfservice.Credential) error {
	return w.verify(ctx, w.provider, cred)
}

func (w *watched) List(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
	return w.list(ctx, w.provider, as)
}

func (w *watched) Propagation() time.Duration { return 0 } // the contract waits itself

func (w *watched) Adopted(cred selfservice.Credential) (selfservice.Credential, error) {
	if a, ok := w.provider.(selfservice.Adopter); ok {
		return a.Adopted(cred)
	}
	return cred, nil
}

// A watched Registrar, and a watched Issuer.
type (
	registering struct{ *watched }
	issuing     struct{ *watched }
)

func (w registering) Register(ctx context.Context, as, cred selfservice.Credential) (reg selfservice.Registration, err error) {
	w.next = cred
	w.hide(cred)
	err = w.attempt(ctx, "Register", func(ctx context.Context) (err error) {
		reg, err = w.provider.(selfservice.Registrar).Register(ctx, as, cred)
		return err
	})
	if err == nil {
		w.added("Register", reg)
	}
	return reg, err
}

func (w issuing) Issue(ctx context.Context, as selfservice.Credential, before []selfservice.Registration) (cred selfservice.Credential, reg selfservice.Registration, err error) {
	err = w.attempt(ctx, "Issue", func(ctx context.Context) (err error) {
		cred, reg, err = w.provider.(selfservice.Issuer).Issue(ctx, as, before)
		return err
	})
	if err != nil {
		return cred, reg, err
	}
	w.next, w.before = cred, before
	w.hide(cred)
	switch {
	case cred.IsZero():
		w.fail("Issue", "it succeeds without a credential")
	case slices.ContainsFunc(before, func(r selfservice.Registration) bool { return r.Matches(cred) }):
		w.fail("Issue", "it returns a credential that was there before")
	default:
		w.added("Issue", reg)
	}
	return cred, reg, nil
}

// added checks what was just registered.
func (c *contract) added(call string, reg selfservice.Registration) {
	if (reg.Fingerprint != "" || reg.KeyID != "") && !reg.Matches(c.next) {
		c.fail(call, "it returns the registration of another credential")
	}
	if !c.target.AtOnce && !c.target.ServerMade && !c.target.Accepts(c.target.First.Fingerprint()) {
		c.fail(call, "the active credential is not accepted any more")
	}
}

// rotation switches to a new credential.
func (c *contract) rotation(ctx context.Context) {
	w := &watched{contract: c}
	var provider selfservice.Provider = registering{w}
	_, issuer := c.provider.(selfservice.Issuer)
	if issuer {
		provider = issuing{w}
	}
	r := &selfservice.Rotator{Provider: provider, Store: c.target.Store, Timing: c.target.timing()}
	err := r.Rotate(ctx)
	for range 20 {
		if err == nil || len(c.broken) > 0 {
			break
		}
		time.Sleep(pause)
		err = r.Rotate(ctx)
	}
	call := map[bool]string{true: "Issue", false: "Register"}[issuer]
	switch {
	case len(c.broken) > 0:
	case err != nil:
		c.fail(call, "no rotation comes of it: %v", err)
	case !c.becomes(c.next, true):
		c.fail(call, "the server does not accept what was registered, %v later", patience)
	default:
		c.registered(ctx, call)
	}
}

// registered checks that the server has one more credential, and lists it.
func (c *contract) registered(ctx context.Context, call string) {
	if c.target.Registered != nil && c.target.Registered() != 1 {
		c.fail(call, "%d credentials were registered, want 1", c.target.Registered())
	}
	list, err := c.list(ctx, c.provider, c.next)
	switch {
	case err != nil:
		c.fail("List", "as the new credential: %v", err)
	case len(list) > 0 && !has(list, c.next):
		c.fail("List", "it leaves out what was registered, or shows it as inactive")
	}
	if err := c.verify(ctx, c.provider, c.next); err != nil {
		c.fail("Verify", "the new credential: %v", err)
	}
}

// repetition checks that a call may be repeated, as after a lost reply.
func (c *contract) repetition(ctx context.Context) {
	switch p := c.provider.(type) {
	case selfservice.Issuer:
		var again selfservice.Credential
		before := []selfservice.Registration{{Fingerprint: c.target.First.Fingerprint()}}
		err := c.attempt(ctx, "Issue", func(ctx context.Context) (err error) {
			again, _, err = p.Issue(ctx, c.next, before)
			return err
		})
		switch {
		case err != nil:
			c.fail("Issue", "it does not find what was made when the reply was lost: %v", err)
		case again.Fingerprint() != c.next.Fingerprint():
			c.fail("Issue", "it makes another one when the reply was lost")
		}
		c.registered(ctx, "Issue")
	case selfservice.Registrar: // it may fail, as the credential is registered
		c.attempt(ctx, "Register", func(ctx context.Context) error {
			_, err := p.Register(ctx, c.next, c.next)
			return err
		})
		c.registered(ctx, "Register")
	}
	if !c.target.Accepts(c.next.Fingerprint()) {
		c.fail("Register", "called again, it ends what it registered")
	}
}

// retirement ends the old credential. A provider that lists nothing publishes what
// the Rotator says, so there is nothing to retire.
func (c *contract) retirement(ctx context.Context) {
	old := c.target.First
	reg := selfservice.Registration{Fingerprint: old.Fingerprint(), KeyID: old.KeyID()}
	list, _ := c.list(ctx, c.provider, c.next)
	if len(list) == 0 {
		return
	}
	if i := slices.IndexFunc(list, func(r selfservice.Registration) bool { return r.Matches(old) }); i >= 0 {
		reg = list[i]
	}
	end := func(call, what string, f func(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error) bool {
		if err := c.attempt(ctx, call, func(ctx context.Context) error { return f(ctx, c.next, reg) }); err != nil {
			c.fail(call, "%s: %v", what, err)
		} else if !c.target.Accepts(c.next.Fingerprint()) {
			c.fail(call, "the active credential is not accepted any more")
		}
		return len(c.broken) == 0
	}
	lives := !c.target.AtOnce && !c.target.ServerMade
	turns, _ := c.provider.(selfservice.Switch)
	if turns != nil && lives {
		ok := end("Deactivate", "an old credential", turns.Deactivate) && c.ends(ctx, "Deactivate", old) &&
			end("Deactivate", "one that is off already", turns.Deactivate) &&
			end("Activate", "one that is off", turns.Activate)
		if ok && !c.becomes(old, true) {
			c.fail("Activate", "the server does not accept it %v later", patience)
		}
		if len(c.broken) > 0 || !end("Activate", "one that is on already", turns.Activate) || !end("Deactivate", "an old credential", turns.Deactivate) {
			return
		}
	}
	remover, _ := c.provider.(selfservice.Remover)
	if remover == nil || !end("Remove", "an old credential", remover.Remove) {
		return
	}
	if purger, ok := c.provider.(selfservice.Purger); ok {
		time.Sleep(c.propagation())
		if !end("Purge", "what was removed", purger.Purge) {
			return
		}
	}
	if c.target.Gone && !c.ends(ctx, "Remove", old) {
		return
	}
	switch list, err := c.list(ctx, c.provider, c.next); {
	case err != nil:
		c.fail("List", "after a removal: %v", err)
	case c.target.Gone && slices.ContainsFunc(list, func(r selfservice.Registration) bool { return r.Matches(old) }):
		c.fail("List", "it shows what was removed")
	}
	if end("Remove", "one that is gone", remover.Remove) && turns != nil {
		end("Deactivate", "one that is gone", turns.Deactivate)
	}
}

// ends waits until the server refuses a credential, and Verify says so.
func (c *contract) ends(ctx context.Context, call string, old selfservice.Credential) bool {
	if !c.becomes(old, false) {
		c.fail(call, "the server accepts the credential %v later", patience)
		return false
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(pause) { // until it meets such a node
		switch err := c.verify(ctx, c.provider, old); {
		case errors.Is(err, selfservice.ErrInvalidClient):
			return true
		case err != nil:
			c.fail("Verify", "a credential that has ended is not ErrInvalidClient: %v", err)
			return false
		}
	}
	c.fail("Verify", "it succeeds with a credential that has ended")
	return false
}

func (c *contract) propagation() time.Duration {
	if p, ok := c.provider.(selfservice.Propagator); ok {
		return p.Propagation()
	}
	return 0
}
