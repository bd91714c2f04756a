package main

import (
	"context"
	"log/slog"
)

const aboutRun = `Rotates whenever it is due and logs to standard error, until it gets SIGTERM or
an interrupt. Failures are logged and tried again, while the last good key
stays in use. Several processes of one machine may share a state directory: a
rotation is then made by one of them. See also: clientkeys help for "rotate" of
the same system.`

// run is the command of the same name of each system.
type run struct{ rotation }

func (r *run) run(ctx context.Context, c *console) error {
	rotator, now, err := r.start(ctx, c)
	if err != nil {
		return err
	}
	rotator.Logger = slog.New(slog.NewTextHandler(c.err, nil)).With("client", r.system.client())
	rotator.Logger.Info("rotation runs", "kid", now.Active.KeyID, "due", now.Due)
	err = rotator.Run(ctx)
	if ctx.Err() != nil {
		rotator.Logger.Info("rotation stopped")
		return nil
	}
	return err
}
