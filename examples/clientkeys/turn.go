package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/nokkel/nokkel/selfservice"
)

// turn is one rotation, at once or when it is due.
type turn struct{ ifDue bool }

func (t *turn) declare(o *options) {
	o.toggle(&t.ifDue, "IfDue", "due", "make only the steps that are due; for cron")
}

// make moves the rotation on and prints what has become of it.
func (t *turn) make(ctx context.Context, c *console, rotator *selfservice.Rotator, before selfservice.Status) error {
	if p := before.Pending; p != nil {
		c.tell("Going on with the rotation to key %s that was begun %s.", name(*p), date(p.Made))
	}
	rotator.OnEvent = func(e selfservice.Event) {
		if e.Err != nil {
			c.tell("%s: %v", e.Kind, e.Err)
			return
		}
		c.tell("%s: %s", e.Kind, e.Credential)
	}
	move := rotator.Rotate
	if t.ifDue {
		move = func(ctx context.Context) error {
			_, err := rotator.RunDue(ctx)
			return err
		}
	}
	if err := move(ctx); err != nil {
		switch {
		case errors.Is(err, context.Canceled):
			err = errors.New("interrupted")
		case errors.Is(err, selfservice.ErrLockedOut):
			return fmt.Errorf("%w: register a new key by hand and rotate again with it as the existing one", err)
		}
		return fmt.Errorf("%w; no key is lost, and the next rotate goes on from here", err)
	}
	after, err := rotator.Status(ctx)
	if err != nil {
		return err
	}
	if after.Rotations == before.Rotations {
		c.tell("No key was replaced; the active one is due %s, the next step %s.", date(after.Due), date(after.Next))
		return nil
	}
	if after.Active.KeyID != "" { // a client secret has none
		c.result("OldKid: %s\nNewKid: %s", before.Active.KeyID, after.Active.KeyID)
	}
	c.result("Expiration: %s", date(after.Active.Expires))
	return nil
}
