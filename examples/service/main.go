// Service is an HTTP service that owns its HelseID key: it rotates the key in
// the background and calls an API that is protected by DPoP while it does.
//
//	service -client ID -key client_private.json -state /var/lib/service/key \
//	    -scope example:api/read -api https://api.example.no/patients
//
// The key file is needed for the first start only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/helseid"
)

type config struct {
	client, authority, base, scopes string
	key, state, api, listen         string
	timing                          selfservice.Timing
}

func main() {
	var c config
	flag.StringVar(&c.client, "client", "", "client id")
	flag.StringVar(&c.authority, "authority", helseid.Test.Authority, "HelseID")
	flag.StringVar(&c.base, "base", helseid.Test.BaseAddress, "its self-service API")
	flag.StringVar(&c.scopes, "scope", "", "scopes of the API, separated by spaces")
	flag.StringVar(&c.key, "key", "", "file of the private key that is registered; for the first start")
	flag.StringVar(&c.state, "state", "", "directory where the keys are kept from then on")
	flag.StringVar(&c.api, "api", "", "URL to call")
	flag.StringVar(&c.listen, "listen", "localhost:8080", "address to serve on")
	flag.DurationVar(&c.timing.MaxAge, "max-age", 0, "replace keys that are older (default: by their expiry)")
	flag.DurationVar(&c.timing.Propagation, "propagation", 0, "how long a new key must be accepted before it is used (default 10s)")
	flag.DurationVar(&c.timing.Overlap, "overlap", 0, "how long an old key is kept (default 1h)")
	flag.CommandLine.Init("service", flag.ContinueOnError)
	flag.CommandLine.SetOutput(io.Discard) // what it says of a slip repeats what was typed, and that may be a key
	err := flag.CommandLine.Parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		flag.CommandLine.SetOutput(os.Stdout)
		flag.PrintDefaults()
		return
	}

	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err != nil || c.client == "" || c.scopes == "" || c.state == "" || c.api == "" || flag.NArg() > 0 {
		log.Error("-client, -scope, -state and -api are needed, and no other words (see: service -help)")
		os.Exit(1)
	}
	key, unread := readKey(c.key) // while a signal still ends the program: a FIFO may have nothing to read
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, log, c, key, unread); err != nil {
		log.Error("service failed", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, log *slog.Logger, c config, key *keys.Key, unread error) error {
	client := &helseid.Client{
		Environment: helseid.Environment{Authority: c.authority, BaseAddress: c.base},
		ClientID:    c.client,
		Scopes:      strings.Fields(c.scopes),
	}
	rotator := &selfservice.Rotator{Provider: client, Store: filestore.Dir(c.state), Timing: c.timing, Logger: log}
	if err := adopt(ctx, rotator, key, unread); err != nil {
		return err
	}
	listener, err := listen(c.listen)
	if err != nil {
		return err
	}
	log.Info("serving", "address", listener.Addr().String())
	server := &http.Server{Handler: handler(client.HTTPClient(rotator), rotator, c.api, log), ReadHeaderTimeout: 10 * time.Second}

	ctx, cancel := context.WithCancel(ctx) // by a signal, or when one of the two ends
	rotating, down := make(chan error, 1), make(chan error, 1)
	go func() { rotating <- rotator.Run(ctx); cancel() }()
	go func() {
		<-ctx.Done()
		grace, done := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer done()
		down <- server.Shutdown(grace)
	}()
	served := server.Serve(listener)
	cancel()
	err = <-rotating
	if errors.Is(err, selfservice.ErrNotAdopted) {
		err = fmt.Errorf("%w: the first start takes -key", err)
	}
	for _, err := range []error{err, served, <-down} {
		if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, http.ErrServerClosed) {
			return err
		}
	}
	return nil
}

// listen leaves what was typed out of its error, for that may be a key.
func listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if e := (*os.SyscallError)(nil); errors.As(err, &e) {
		return nil, fmt.Errorf("-listen: %w", e)
	}
	if err != nil {
		return nil, errors.New("-listen is no address like localhost:8080")
	}
	return listener, nil
}
