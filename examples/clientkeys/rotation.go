package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/keycloak"
)

// state holds the options that say where a rotation is kept, and its pace.
type state struct {
	dir    string
	timing selfservice.Timing
}

func (s *state) declare(o *options) {
	o.requiredPath(&s.dir, "StateDirectory", "s", "directory of this client alone, where its keys are kept")
	o.duration(&s.timing.MaxAge, "MaxAge", "replace a key that is older than this, like 720h (default: as its expiry says, or 90 days)")
	o.duration(&s.timing.RenewBefore, "RenewBefore", "replace a key this long before it expires (default: a third of its life)")
	o.duration(&s.timing.Overlap, "Overlap", "how long the old key is kept after a change (default 1h)")
	o.duration(&s.timing.Propagation, "Propagation", "how long a new key must be accepted before it is used (default: as long as the server's nodes may take)")
	o.duration(&s.timing.CallTimeout, "CallTimeout", "limit of each call to the server (default 30s)")
}

func (s *state) rotator() *selfservice.Rotator {
	return &selfservice.Rotator{Store: filestore.Dir(s.dir), Timing: s.timing}
}

// rotation holds the options of the commands that rotate a client of any
// system.
type rotation struct {
	state
	system   system
	existing existing
}

func (r *rotation) declare(o *options) {
	r.state.declare(o)
	r.system.declare(o)
	r.existing.declare(o, r.system.kinds())
}

// start returns a rotator whose state directory holds a credential, the
// existing one if it was empty. In one that was not, the existing one is only
// for the day on which the server refuses all that is stored: a person may have
// registered it to end that.
func (r *rotation) start(ctx context.Context, c *console) (*selfservice.Rotator, selfservice.Status, error) {
	before, err := r.rotator().Status(ctx)
	switch {
	case errors.Is(err, selfservice.ErrNotAdopted):
		return r.adopt(ctx, c)
	case errors.Is(err, selfservice.ErrCorrupt):
		return nil, before, fmt.Errorf("%w: restore the state directory from a backup, or go on with an empty one and the key that is registered", err)
	case err != nil:
		return nil, before, err
	}
	ofKeys := before.Active.KeyID != ""
	rotator := r.rotator()
	if err := r.equip(rotator, ofKeys); err != nil {
		return nil, before, err
	}
	if r.existing.isZero() {
		return rotator, before, nil
	}
	credential, err := r.existing.credential(c)
	if err != nil || ofKeys != (credential.Key != nil) { // the file may be gone, and is not needed
		c.tell("Note: the state directory has a key already; the given one is not used.")
		return rotator, before, nil
	}
	c.tell("Note: the state directory has a key already; the given one is used only if the server refuses that.")
	return rotator, before, rotator.Adopt(ctx, credential)
}

// equip gives a rotator its provider.
func (r *rotation) equip(rotator *selfservice.Rotator, ofKeys bool) (err error) {
	rotator.Provider, err = r.system.provider(ofKeys)
	if certificates, ok := rotator.Provider.(keycloak.Certificate); ok {
		rotator.New = certificates.Make // so that state export has the certificate
	}
	return err
}

// adopt puts the existing credential into an empty state directory, once the
// server has shown that it accepts it.
func (r *rotation) adopt(ctx context.Context, c *console) (*selfservice.Rotator, selfservice.Status, error) {
	var none selfservice.Status
	credential, err := r.existing.credential(c)
	if err != nil {
		return nil, none, fmt.Errorf("the state directory holds no key yet: %w", err)
	}
	rotator := r.rotator()
	if err := r.equip(rotator, credential.Key != nil); err != nil {
		return nil, none, err
	}
	if adopter, ok := rotator.Provider.(selfservice.Adopter); ok {
		if credential, err = adopter.Adopted(credential); err != nil {
			return nil, none, err
		}
	}
	if err := rotator.Provider.Verify(ctx, credential); err != nil {
		return nil, none, fmt.Errorf("the credential of %s was not adopted: %w", r.existing.option(), err)
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
		err = errors.New("the state directory holds no key yet; the first rotate puts one there")
	}
	return st, err
}
