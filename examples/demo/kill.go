package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync/atomic"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/helseid"
)

// child configures a rotator's process.
type child struct {
	URL    string
	Dir    string
	Timing selfservice.Timing
}

// killing runs the rotator as a separate process, kills it at a random moment
// (SIGKILL, so without any cleanup), and starts the next one.
func killing(ctx context.Context, c child, kills *atomic.Int64) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	arg, err := json.Marshal(c)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		life, cancel := context.WithTimeout(ctx, time.Duration(rand.Int64N(int64(c.Timing.MaxAge+c.Timing.Lease/2))))
		cmd := exec.CommandContext(life, self, "-rotator", string(arg))
		cmd.Stderr = os.Stderr
		_, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Run()
		}
		ended := life.Err()
		cancel()
		switch {
		case ctx.Err() != nil:
		case errors.Is(ended, context.DeadlineExceeded):
			kills.Add(1)
		default:
			return fmt.Errorf("the rotator's process ended by itself: %w", err)
		}
	}
	return ctx.Err()
}

// runRotator is the rotator's process. It ends when its standard input does, so
// it does not outlive the demo, even one that is killed.
func runRotator(ctx context.Context, arg string) error {
	ctx, cancel := context.WithCancel(ctx)
	go func() { io.Copy(io.Discard, os.Stdin); cancel() }()
	var c child
	if err := json.Unmarshal([]byte(arg), &c); err != nil {
		return err
	}
	client := &helseid.Client{Environment: helseid.Environment{Authority: c.URL, BaseAddress: c.URL}, ClientID: clientID}
	rotator := &selfservice.Rotator{Provider: client, Store: filestore.Dir(c.Dir), Timing: c.Timing}
	return rotator.Run(ctx)
}
