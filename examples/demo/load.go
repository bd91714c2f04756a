package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/helseid"
)

// load is a number of clients that call an API without pause.
type load struct {
	client  *helseid.Client
	rotator *selfservice.Rotator
	url     string
	base    int           // rotations before it began
	kills   *atomic.Int64 // of rotators; at least one is wanted with -kill

	requests, failures, slowest atomic.Int64
	first                       atomic.Pointer[string] // failure
}

// patience is how long run waits beyond the wanted time for rotations that are
// late: a rotator that is killed in the middle of one leaves a lease behind.
const patience = time.Minute

// run calls the API until the time is over and the wanted rotations have been
// made, or until patience is exhausted.
func (l *load) run(ctx context.Context, o options) (result, error) {
	start := time.Now()
	running, stop := context.WithCancel(ctx)
	defer stop()
	var clients sync.WaitGroup
	for range o.clients {
		clients.Go(func() { l.calls(running) })
	}
	rotations := 0
	for ctx.Err() == nil {
		time.Sleep(100 * time.Millisecond)
		if st, err := l.rotator.Status(ctx); err == nil {
			rotations = st.Rotations - l.base
			l.progress(o, time.Since(start), rotations, st.Active.KeyID)
		}
		made := rotations >= o.rotations && (!o.kill || l.kills.Load() > 0)
		if past := time.Since(start); past > o.duration+patience || past > o.duration && made {
			break
		}
	}
	stop()
	clients.Wait()
	fmt.Fprintln(os.Stderr)
	if f := l.first.Load(); f != nil {
		say("first failure: %s", *f)
	}
	return result{
		Requests: l.requests.Load(), Failures: l.failures.Load(), Rotations: rotations, Kills: l.kills.Load(),
		SlowestMS: float64(l.slowest.Load()) / 1e6, seconds: time.Since(start).Seconds(), clients: o.clients,
	}, ctx.Err()
}

// calls is one client.
func (l *load) calls(ctx context.Context) {
	api := l.client.HTTPClient(l.rotator)
	for ctx.Err() == nil {
		start := time.Now()
		// A call in progress at the end is not canceled: it would count as
		// failed.
		err := call(context.WithoutCancel(ctx), api, l.url)
		took := int64(time.Since(start))
		l.requests.Add(1)
		for old := l.slowest.Load(); took > old && !l.slowest.CompareAndSwap(old, took); old = l.slowest.Load() {
		}
		if err != nil {
			l.failures.Add(1)
			text := err.Error()
			l.first.CompareAndSwap(nil, &text)
		}
	}
}

// progress rewrites one line on a terminal. It prints nothing elsewhere.
func (l *load) progress(o options, past time.Duration, rotations int, kid string) {
	if info, err := os.Stderr.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return
	}
	const width = 24
	full := min(int(past*width/o.duration), width)
	fmt.Fprintf(os.Stderr, "\r[%s%s] %4.0fs  %9d requests  %d failed  %3d rotations  key %.8s… ",
		strings.Repeat("=", full), strings.Repeat(" ", width-full), past.Seconds(), l.requests.Load(), l.failures.Load(), rotations, kid)
}

func call(ctx context.Context, api *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/patients", nil)
	if err != nil {
		return err
	}
	resp, err := api.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body) // so that the connection is reused
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the API answered %s %s", resp.Status, resp.Header.Get("WWW-Authenticate"))
	}
	return nil
}
