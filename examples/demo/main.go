// Demo shows nokkel's main job, against a HelseID of its own on loopback: a
// program's key is rotated several times while many clients call an API with it,
// and no request fails.
//
//	go run ./examples/demo                         a few seconds, in one process
//	go run ./examples/demo -kill -for 1m           the rotator is a separate process that is killed again and again
//	go run ./examples/demo -serve localhost:8080   the HelseID alone, for examples/clientkeys
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	duration  time.Duration
	clients   int
	rotations int
	kill      bool
	atOnce    bool
	json      bool
	serve     string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var o options
	flags := flag.NewFlagSet("demo", flag.ExitOnError)
	flags.DurationVar(&o.duration, "for", 5*time.Second, "how long the clients call the API")
	flags.IntVar(&o.clients, "clients", 20, "concurrent clients, each with a token of its own")
	flags.IntVar(&o.rotations, "rotations", 3, "how often the key is rotated in that time, at least")
	flags.BoolVar(&o.kill, "kill", false, "run the rotator as a separate process and kill it at random points")
	flags.BoolVar(&o.atOnce, "at-once", false, "let the server end the old key as soon as it accepts the new one")
	flags.BoolVar(&o.json, "json", false, "end with one JSON object on standard output")
	flags.StringVar(&o.serve, "serve", "", "only serve the HelseID at this address")
	child := flags.String("rotator", "", "what -kill starts")
	flags.Parse(args)

	switch {
	case flags.NArg() > 0:
		return errors.New("an argument without an option (see: demo -help)")
	case *child != "":
		return runRotator(ctx, *child)
	case o.serve != "":
		return serve(ctx, o.serve)
	case o.clients < 1 || o.rotations < 1 || o.duration < time.Second:
		return fmt.Errorf("-clients and -rotations are at least 1, -for at least 1s")
	}
	result, err := show(ctx, o)
	if err != nil {
		return err
	}
	if o.json {
		err = json.NewEncoder(os.Stdout).Encode(result)
	} else {
		err = result.print(os.Stdout)
	}
	if err != nil {
		return err
	}
	if result.Rotations < o.rotations {
		say("this machine is too slow for %d rotations in that time", o.rotations)
	}
	if result.Failures > 0 {
		return fmt.Errorf("%d requests failed", result.Failures)
	}
	return nil
}

// result is the outcome of the demo.
type result struct {
	Requests  int64   `json:"requests"`
	Failures  int64   `json:"failures"`
	Rotations int     `json:"rotations"`
	Kills     int64   `json:"kills"`
	SlowestMS float64 `json:"slowest_ms"`
	seconds   float64
	clients   int
}

func (r result) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, `
  clients            %10d
  requests           %10d   (%.0f a second)
  failed requests    %10d
  rotations          %10d
  killed rotators    %10d
  slowest request    %10.1f ms
`, r.clients, r.Requests, float64(r.Requests)/r.seconds, r.Failures, r.Rotations, r.Kills, r.SlowestMS)
	return err
}
