// Clientkeys makes, registers, checks and rotates the credentials with which a
// client authenticates: at HelseID, with the commands, options and files of
// FHI's console tool, so that scripts written for that keep working, at
// Keycloak and at Okta.
//
//	clientkeys help
//	clientkeys help keycloak
//	clientkeys help helseid rotate
//
// What a script wants goes to standard output, everything else to standard
// error. The exit code is 0 on success and 1 on failure.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	c := &console{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv, signal: ctx.Done(), shield: func() { signal.Ignore(os.Interrupt, syscall.SIGTERM) }}
	os.Exit(c.main(ctx, os.Args[1:]))
}

// main returns the exit code.
func (c *console) main(ctx context.Context, args []string) int {
	if err := execute(ctx, c, args); err != nil {
		c.tell("clientkeys: %v", err)
		return 1
	}
	return 0
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
	return cmd.execute(ctx, c, args)
}
