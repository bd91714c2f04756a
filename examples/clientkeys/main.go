// Clientkeys makes, registers, checks and rotates the credentials with which a
// client logs in: at HelseID, with the commands, options and files of FHI's
// console tool, so that scripts for that one go on working, at Keycloak and at
// Okta.
//
//	clientkeys help
//	clientkeys help keycloak
//	clientkeys help helseid rotate
//
// What a script wants goes to standard output, what a person wants to
// standard error. The exit code is 0 on success and 1 on failure.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second one ends the program at once
	c := &console{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	if err := execute(ctx, c, os.Args[1:]); err != nil {
		c.tell("clientkeys: %v", err)
		os.Exit(1)
	}
}

// uninterrupted returns a context that no signal ends: where the server makes
// a credential that would be lost. The wait is short, as every call has a limit.
func uninterrupted(ctx context.Context) context.Context {
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	return context.WithoutCancel(ctx)
}

func execute(ctx context.Context, c *console, args []string) error {
	if len(args) == 0 {
		overview(c.err, "")
		return errors.New("no command given")
	}
	if isHelp(args[0]) {
		return help(c, args[1:])
	}
	cmd, args, err := find(args)
	if err != nil {
		return err
	}
	o := newOptions()
	cmd.declare(o)
	switch err := o.parse(args); {
	case errors.Is(err, errHelp):
		cmd.help(c.out, o)
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w (see: clientkeys help %[1]s)", cmd.name, err)
	}
	if err := cmd.run(ctx, c); err != nil {
		return fmt.Errorf("%s: %w", cmd.name, o.nameValues(err))
	}
	if c.lost != nil {
		return fmt.Errorf("%s: it is done, but the result could not be printed: %w", cmd.name, c.lost)
	}
	return nil
}
