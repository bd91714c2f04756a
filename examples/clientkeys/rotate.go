package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/nokkel/nokkel/selfservice"
)

const aboutRotate = `Makes a new key like the old one, saves it in the state directory, registers
it, gets a real token with it, and only then makes it the active one. Prints
old and new kid and the new expiration date.

The first time the private key that is registered is read from the file of
--ExistingPrivateJwkPath. From then on the state directory is what counts:
keep it, back it up, and give each client its own. The program that logs in
must take its key from there too (selfservice.Dir); for one that reads a JWK
file, use updateclientkey.

It may be interrupted or killed at any moment. Run it again, and it goes on
with the key that was saved; after a kill it may first wait, up to four times
--CallTimeout, until it is sure that no other process is at it.`

// rotate is the command of the same name.
type rotate struct{ rotation }

func (r *rotate) run(ctx context.Context, c *console) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	rotator, before, err := r.start(ctx, c)
	if err != nil {
		return err
	}
	if before.Pending != nil {
		c.tell("Going on with the rotation to key %s that was begun %s.", before.Pending.KeyID, date(before.Pending.Made))
	}
	rotator.OnEvent = func(e selfservice.Event) { c.tell("%s: %s", e.Kind, e.Credential) }
	if err := rotator.Rotate(ctx); err != nil {
		if errors.Is(err, context.Canceled) {
			err = errors.New("interrupted")
		}
		return fmt.Errorf("%w; the active key is still good, and the next rotate goes on from here", err)
	}
	after, err := rotator.Status(ctx)
	if err != nil {
		return err
	}
	c.result("OldKid: %s\nNewKid: %s\nExpiration: %s", before.Active.KeyID, after.Active.KeyID, date(after.Active.Expires))
	return nil
}
