package providertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
)

// contract makes the calls of a provider one by one and records the rules of
// package selfservice that they break.
type contract struct {
	target   *Target
	provider selfservice.Provider
	next     selfservice.Credential // registered by the provider, or issued to it
	secrets  []string
	broken   []string
}

const (
	patience = 15 * time.Minute // for a change to reach all nodes
	pause    = 5 * time.Second
)

// breaches returns the rules that the target's provider breaks, each after the
// call that breaks it. It returns early where later checks would tell nothing.
func breaches(ctx context.Context, target *Target) []string {
	if target.Store == nil {
		target.Store = &selfservice.Mem{}
	}
	if target.Knows == nil {
		target.Knows = target.Accepts
	}
	c := &contract{target: target, provider: target.Provider(&IO{})}
	c.hide(target.First)
	r := &selfservice.Rotator{Provider: c.provider, Store: target.Store, Timing: target.timing()}
	if err := r.Adopt(ctx, target.First); err != nil { // what is published is what is stored
		return []string{"Adopt: " + err.Error()}
	}
	for _, part := range []func(context.Context){c.refusals, c.failures, c.rotation, c.repetition, c.retirement} {
		if part(ctx); len(c.broken) > 0 {
			break
		}
	}
	return c.broken
}

func (c *contract) fail(call, rule string, args ...any) {
	c.broken = append(c.broken, call+": "+fmt.Sprintf(rule, args...))
}

// hide records a secret that no error may contain.
func (c *contract) hide(cred selfservice.Credential) {
	if !cred.Secret.IsZero() {
		c.secrets = append(c.secrets, cred.Secret.Reveal())
	}
}

// attempt makes one call. The value of a panic is not reported.
func (c *contract) attempt(ctx context.Context, call string, f func(context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	defer func() {
		if recover() != nil {
			err = errors.New("it panicked")
			c.fail(call, "it panics")
		}
		if err != nil && slices.ContainsFunc(c.secrets, func(s string) bool { return strings.Contains(err.Error(), s) }) {
			err = errors.New("an error with a secret in it")
			c.fail(call, "its error holds a secret")
		}
	}()
	return f(ctx)
}

func (c *contract) verify(ctx context.Context, p selfservice.Provider, cred selfservice.Credential) error {
	return c.attempt(ctx, "Verify", func(ctx context.Context) error { return p.Verify(ctx, cred) })
}

func (c *contract) list(ctx context.Context, p selfservice.Provider, as selfservice.Credential) (list []selfservice.Registration, err error) {
	err = c.attempt(ctx, "List", func(ctx context.Context) (err error) {
		list, err = p.List(ctx, as)
		return err
	})
	return list, err
}

// refusals checks that a credential the server does not accept is ErrInvalidClient.
func (c *contract) refusals(ctx context.Context) {
	first := c.target.First
	if err := c.verify(ctx, c.provider, first); err != nil {
		c.fail("Verify", "a credential that the server accepts: %v", err)
		return
	}
	stranger, err := c.stranger()
	if err != nil {
		c.fail("Adopted", "a credential like the first one: %v", err)
		return
	}
	if err := c.verify(ctx, c.provider, stranger); !errors.Is(err, selfservice.ErrInvalidClient) {
		c.fail("Verify", "a credential that the server does not know is not ErrInvalidClient: %v", err)
	}
	if err := c.verify(ctx, c.provider, first); err != nil {
		c.fail("Verify", "a credential that the server accepts, after one that it does not: %v", err)
	}
	list, err := c.list(ctx, c.provider, first)
	switch {
	case err != nil:
		c.fail("List", "as a credential that the server accepts: %v", err)
	case len(list) > 0 && !has(list, first):
		c.fail("List", "it leaves out a credential that is registered, or shows it as inactive")
	}
	// A provider that does not act as the credential ignores it.
	if _, err := c.list(ctx, c.provider, stranger); err != nil && !errors.Is(err, selfservice.ErrInvalidClient) {
		c.fail("List", "as a credential that the server does not know: not ErrInvalidClient: %v", err)
	}
	if independent, ok := c.provider.(selfservice.Independent); ok {
		c.attempt(ctx, "Independent", func(context.Context) error { independent.Independent(); return nil })
	}
}

// stranger returns a credential of the same kind that nobody has registered.
func (c *contract) stranger() (made selfservice.Credential, err error) {
	if first := c.target.First; first.Key == nil {
		made.Secret = keys.NewSecret("a secret that nobody has registered, 0123456789")
	} else if made.Key, err = keys.Generate(first.Key.Algorithm()); err != nil {
		return made, err
	}
	c.hide(made)
	if a, ok := c.provider.(selfservice.Adopter); ok {
		return a.Adopted(made)
	}
	return made, nil
}

// failures checks that a request without a useful answer is not a refusal.
func (c *contract) failures(ctx context.Context) {
	for fault, what := range map[Fault]string{ErrorBefore: "a request that could not be sent", busy: "a server that is busy (503)"} {
		io := &IO{at: everyPoint, fault: fault}
		p := c.target.Provider(io)
		err := c.verify(ctx, p, c.target.First)
		c.noRefusal("Verify", what, err)
		if err == nil && len(io.points) == 0 {
			c.fail("Verify", "it asks nothing of the server")
		} else if err == nil && fault == ErrorBefore {
			c.fail("Verify", "it succeeds with %s", what)
		}
		_, err = c.list(ctx, p, c.target.First)
		c.noRefusal("List", what, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	err := c.verify(ended, c.provider, c.target.First)
	if err == nil {
		c.fail("Verify", "it succeeds with a context that has ended")
	}
	c.noRefusal("Verify", "a context that has ended", err)
}

func (c *contract) noRefusal(call, what string, err error) {
	for _, rule := range []error{selfservice.ErrInvalidClient, selfservice.ErrLimit} {
		if errors.Is(err, rule) {
			c.fail(call, "%s is taken for %q", what, rule)
		}
	}
}

func has(list []selfservice.Registration, cred selfservice.Credential) bool {
	return slices.ContainsFunc(list, func(r selfservice.Registration) bool { return r.Matches(cred) && !r.Inactive })
}

// becomes waits until the server accepts a credential at all of its nodes, or
// refuses it at one.
func (c *contract) becomes(cred selfservice.Credential, accepted bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(pause) {
		if c.target.Accepts(cred.Fingerprint()) == accepted {
			return true
		}
	}
	return false
}
