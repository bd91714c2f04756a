package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
)

const (
	clientID = "demo-client"
	scope    = "nhn:patients/read"
)

// say prints a line of commentary on standard error.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// show is the whole demonstration.
func show(ctx context.Context, o options) (result, error) {
	server := helseidtest.New()
	defer server.Close()
	p := pace(o)
	server.TokenLifetime = 3 * time.Second // so that the clients sign with the key of the moment often
	server.Validity = time.Hour
	if o.atOnce {
		server.Replace = helseidtest.AtOnce
	} else {
		server.Replace, server.ReplaceAfter = helseidtest.Later, p.Overlap
	}
	dir, err := os.MkdirTemp("", "nokkel-demo-")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(dir)

	key, err := keys.Generate(keys.ES256)
	if err != nil {
		return result{}, err
	}
	server.AddClient(clientID, key.PublicKey())
	say("HelseID (a test one)  %s", server.URL())
	say("key                   %s, registered by hand", key.KeyID())

	client := &helseid.Client{Environment: server.Environment(), ClientID: clientID, Scopes: []string{scope}, Base: server.Transport()}
	rotator := &selfservice.Rotator{Provider: client, Store: filestore.Dir(dir), Timing: p}
	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
		return result{}, err
	}
	if err := rotator.Rotate(ctx); err != nil {
		return result{}, err
	}
	st, err := rotator.Status(ctx)
	if err != nil {
		return result{}, err
	}
	say("renewed               %s, until %s", st.Active.KeyID, st.Active.Expires.Format(time.RFC3339))
	if err := call(ctx, client.HTTPClient(rotator), server.URL()); err != nil {
		return result{}, err
	}
	say("called                GET /api/patients with it")
	say("")

	// The rotator now runs beside the load, either in this process or in one that
	// is killed. In the second case the rotator of this process only follows.
	running, stop := context.WithCancel(ctx)
	defer stop()
	var kills atomic.Int64
	done := make(chan error, 1)
	if o.kill {
		rotator = &selfservice.Rotator{Store: filestore.Dir(dir), Timing: p}
		go func() { done <- killing(running, child{server.URL(), dir, p}, &kills) }()
		go rotator.Run(running)
	} else {
		go func() { done <- rotator.Run(running) }()
	}
	l := &load{client: client, rotator: rotator, url: server.URL(), base: st.Rotations, kills: &kills}
	r, err := l.run(ctx, o)
	stop()
	if stopped := <-done; err == nil && !errors.Is(stopped, context.Canceled) {
		err = stopped
	}
	return r, err
}

// pace spreads the wanted rotations over the time. A rotation takes longer when
// the rotator is killed in the middle of it: the next one waits for its lease.
func pace(o options) selfservice.Timing {
	every := o.duration / time.Duration(o.rotations+1)
	if o.kill {
		every /= 2
	}
	return selfservice.Timing{
		MaxAge: every, Overlap: every / 2, Reread: every / 8,
		CallTimeout: time.Second, Lease: 4 * time.Second, Propagation: -1, PropagationTimeout: time.Minute,
	}
}

// serve runs the HelseID alone, for other programs.
func serve(ctx context.Context, address string) error {
	server, err := helseidtest.Listen(address)
	if err != nil {
		return err
	}
	defer server.Close()
	key, err := keys.Generate(keys.ES256)
	if err != nil {
		return err
	}
	server.AddClient(clientID, key.PublicKey())
	file := "demo_private.json"
	private, err := key.PrivateJWK()
	if err != nil {
		return err
	}
	if err := keys.WriteFile(file, private, true); err != nil {
		return err
	}
	say("authority and base address  %s", server.URL())
	say("client                      %s, its private key in ./%s", clientID, file)
	say("end with                    Ctrl-C")
	<-ctx.Done()
	return nil
}
