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
	before, err := r.adopt(ctx, c, client.Verify, &r.existing)
	rotator := r.rotator()
	rotator.Provider = client
	return rotator, before, err
}

// first is the credential that a rotation starts from.
type first interface {
	isZero() bool
	credential(c *console) (selfservice.Credential, error)
}

// adopt puts the existing credential into an empty state directory, once the
// server has shown that it accepts it: what is in the directory is never again
// compared with a file.
func (s *state) adopt(ctx context.Context, c *console, verify func(context.Context, selfservice.Credential) error, existing first) (selfservice.Status, error) {
	rotator := s.rotator()
	before, err := rotator.Status(ctx)
	if err == nil && !existing.isZero() {
		c.tell("Note: the state directory has a key already; the given one is not used.")
	}
	if !errors.Is(err, selfservice.ErrNotAdopted) {
		return before, err
	}
	credential, err := existing.credential(c)
	if err != nil {
		return before, fmt.Errorf("the state directory holds no key yet: %w", err)
	}
	if err := verify(ctx, credential); err != nil {
		return before, fmt.Errorf("the existing key was not adopted: %w", err)
	}
	if err := rotator.Adopt(ctx, credential); err != nil {
		return before, err
	}
	return rotator.Status(ctx)
}
