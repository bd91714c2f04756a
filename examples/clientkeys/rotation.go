package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/nokkel/nokkel/selfservice"
)

// state holds the options that say where a rotation is kept, and its pace.
type state struct {
	dir    string
	timing selfservice.Timing
}

func (s *state) declare(o *options) {
	o.required(&s.dir, "StateDirectory", "s", "directory of this client alone, where its keys are kept")
	o.duration(&s.timing.MaxAge, "MaxAge", "replace a key that is older than this, like 720h (default: as its expiry says, or 90 days)")
	o.duration(&s.timing.RenewBefore, "RenewBefore", "replace a key this long before it expires (default: a third of its life)")
	o.duration(&s.timing.Overlap, "Overlap", "how long the old key is kept after a change (default 1h)")
	o.duration(&s.timing.CallTimeout, "CallTimeout", "limit of each call to the server (default 30s)")
}

func (s *state) rotator() *selfservice.Rotator {
	return &selfservice.Rotator{Store: selfservice.Dir(s.dir), Timing: s.timing}
}

// rotation holds the options of the commands that rotate.
type rotation struct {
	state
	connection
	existing given
}

func (r *rotation) declare(o *options) {
	r.state.declare(o)
	r.connection.declare(o)
	r.existing.declare(o, "ExistingPrivateJwk", "e", "ep", "the private key that is registered (first time only)")
}

// start returns a rotator whose state directory holds a key.
func (r *rotation) start(ctx context.Context, c *console) (*selfservice.Rotator, selfservice.Status, error) {
	client := r.client()
	return r.begin(ctx, c, &r.existing, func(bool) selfservice.Provider { return client })
}

// first is the credential that a rotation starts from.
type first interface {
	isZero() bool
	credential(c *console) (selfservice.Credential, error)
}

// provide makes the provider of a rotation, of keys or else of secrets.
type provide func(ofKeys bool) selfservice.Provider

// begin returns a rotator whose state directory holds a credential, the
// existing one if it was empty. In one that was not, the existing one is only
// for the day on which the server refuses all that is stored: a person may have
// registered it to end that.
func (s *state) begin(ctx context.Context, c *console, existing first, p provide) (*selfservice.Rotator, selfservice.Status, error) {
	before, err := s.rotator().Status(ctx)
	switch {
	case errors.Is(err, selfservice.ErrNotAdopted):
		return s.adopt(ctx, c, existing, p)
	case errors.Is(err, selfservice.ErrCorrupt):
		return nil, before, fmt.Errorf("%w: restore the state directory from a backup, or go on with an empty one and the key that is registered", err)
	case err != nil:
		return nil, before, err
	}
	ofKeys := before.Active.KeyID != ""
	rotator := s.rotator()
	rotator.Provider = p(ofKeys)
	if existing.isZero() {
		return rotator, before, nil
	}
	credential, err := existing.credential(c)
	if err != nil || ofKeys != (credential.Key != nil) { // the file may be gone, and is not needed
		c.tell("Note: the state directory has a key already; the given one is not used.")
		return rotator, before, nil
	}
	c.tell("Note: the state directory has a key already; the given one is used only if the server refuses that.")
	return rotator, before, rotator.Adopt(ctx, credential)
}

// adopt puts the existing credential into an empty state directory, once the
// server has shown that it accepts it.
func (s *state) adopt(ctx context.Context, c *console, existing first, p provide) (*selfservice.Rotator, selfservice.Status, error) {
	var none selfservice.Status
	credential, err := existing.credential(c)
	if err != nil {
		return nil, none, fmt.Errorf("the state directory holds no key yet: %w", err)
	}
	rotator := s.rotator()
	rotator.Provider = p(credential.Key != nil)
	if err := rotator.Provider.Verify(ctx, credential); err != nil {
		return nil, none, fmt.Errorf("the existing key was not adopted: %w", err)
	}
	if err := rotator.Adopt(ctx, credential); err != nil {
		return nil, none, err
	}
	before, err := rotator.Status(ctx)
	return rotator, before, err
}

// stored returns the status of a state directory that holds something.
func stored(ctx context.Context, rotator *selfservice.Rotator) (selfservice.Status, error) {
	st, err := rotator.Status(ctx)
	if errors.Is(err, selfservice.ErrNotAdopted) {
		err = errors.New("the state directory holds no key yet; rotate or keycloakrotate puts the first one there")
	}
	return st, err
}
