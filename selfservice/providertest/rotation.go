package providertest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/nokkel/nokkel/selfservice"
)

// run is one rotation under observation.
type run struct {
	t      testing.TB
	target *Target
	io     *IO
	raw    selfservice.Store

	mu     sync.Mutex
	status selfservice.Status // of what is stored
	at     string             // its version
	dark   bool               // no stored credential is accepted at the moment
	since  string             // the point after which that began
	known  map[string]bool    // fingerprints that the server has known
}

// rotation adopts, rotates and retires, with a fault at one point, and returns all
// points that it touched.
func rotation(t testing.TB, target *Target, at int, fault Fault) []point {
	t.Helper()
	if target.Store == nil {
		target.Store = &selfservice.Mem{}
	}
	if target.Knows == nil {
		target.Knows = target.Accepts
	}
	r := &run{t: t, target: target, raw: target.Store, io: &IO{at: at, fault: fault}, known: map[string]bool{}}
	first := r.rotator()
	first.Store = r.raw
	if err := first.Adopt(t.Context(), target.First); err != nil {
		t.Fatalf("adopt: %v", err)
	}
	r.io.after, r.io.version = r.observe, r.version
	stop := r.caller()
	for starts := 0; !r.process(); starts++ {
		if starts > 5 {
			t.Fatal("the rotation does not end")
		}
	}
	stop()
	r.io.mu.Lock()
	points := r.io.points
	r.io.at = 0
	r.io.mu.Unlock()
	r.finish(context.Background())
	return points
}

// timing returns the target's Timing, with short times where it has none.
func (t *Target) timing() selfservice.Timing {
	timing := t.Timing
	if timing.Overlap == 0 {
		timing.Overlap = 10 * time.Minute
		if t.Nodes > 1 {
			timing.Overlap = 2 * time.Minute
		}
	}
	if timing.Propagation == 0 && t.Nodes <= 1 {
		timing.Propagation = 500 * time.Millisecond // more than one try, and not many
	}
	return timing
}

func (r *run) rotator() *selfservice.Rotator {
	return &selfservice.Rotator{Provider: r.target.Provider(r.io), Store: r.io.Store(r.raw), Timing: r.target.timing()}
}

// process is the life of one process: it rotates and retires until it is done or
// killed. It reports whether it was done.
func (r *run) process() (ended bool) {
	done := make(chan struct{})
	go func() {
		defer close(done) // also at a Goexit
		ctx := context.Background()
		rotator := r.rotator()
		for failures := 0; failures < 100; {
			st := r.stored()
			if st.Rotations > 0 && st.Pending == nil && len(st.Retiring) == 0 {
				ended = true
				return
			}
			var next time.Time
			var err error
			if st.Rotations == 0 {
				err = rotator.Rotate(ctx)
			} else {
				next, err = rotator.Step(ctx)
			}
			if err != nil {
				failures++
				if !errors.Is(err, errInjected) && failures > 90 {
					r.t.Logf("step: %v", err)
				}
				time.Sleep(10 * time.Second)
				continue
			}
			time.Sleep(time.Until(next))
		}
	}()
	<-done
	return ended
}

// caller starts a program that uses a replica of the Rotator. The function that it
// returns stops it, and reports what was refused.
func (r *run) caller() (stop func()) {
	if r.target.Nodes <= 1 || r.target.AtOnce || r.target.ServerMade {
		return func() {}
	}
	const pause = 5 * time.Second
	ctx, cancel := context.WithCancel(context.Background())
	r.t.Cleanup(cancel)
	replica := &selfservice.Rotator{Store: r.raw, Timing: r.target.timing()}
	var ended sync.WaitGroup
	ended.Go(func() { replica.Run(ctx) })
	requests, refused := 0, 0
	ended.Go(func() {
		for ; ctx.Err() == nil; requests++ {
			if now, err := served(ctx, replica, r.target.First); err == nil && !r.target.Accepts(now) {
				refused++
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
		}
	})
	return func() {
		cancel()
		ended.Wait()
		if refused > 0 {
			r.t.Errorf("%d of %d requests were refused, made with the credential of a replica", refused, requests)
		}
	}
}

// served returns the fingerprint of what a Rotator gives to its callers.
func served(ctx context.Context, r *selfservice.Rotator, like selfservice.Credential) (string, error) {
	var c selfservice.Credential
	var err error
	if like.Key != nil {
		c.Key, err = r.SigningKey(ctx)
	} else {
		c.Secret, err = r.ClientSecret(ctx)
	}
	if err != nil {
		return "", err
	}
	return c.Fingerprint(), nil
}

// observe checks after every call that a stored credential is accepted by the
// server.
func (r *run) observe(point string) {
	st := r.stored()
	r.mu.Lock()
	defer r.mu.Unlock()
	stored := fingerprints(st)
	lit := false
	for _, fingerprint := range stored {
		if r.target.Knows(fingerprint) {
			lit, r.known[fingerprint] = true, true
		}
	}
	if lit && !r.target.AtOnce && !r.target.ServerMade && !r.target.Accepts(stored[0]) {
		r.t.Errorf("after %q the active credential is not accepted by the server", point)
	}
	switch {
	case lit:
		r.dark = false
	case !r.target.ServerMade:
		r.t.Errorf("after %q no stored credential is accepted by the server: locked out", point)
	case !r.dark:
		r.dark, r.since = true, point
	}
}

// version returns the version of what is stored.
func (r *run) version() string {
	_, version, err := r.raw.Load(context.Background())
	if err != nil {
		r.t.Errorf("reading the store: %v", err)
	}
	return version
}

// stored returns the status of what is stored, parsed again only if it has changed.
func (r *run) stored() selfservice.Status {
	version := r.version()
	r.mu.Lock()
	defer r.mu.Unlock()
	if version != r.at {
		st, err := (&selfservice.Rotator{Store: r.raw}).Status(context.Background())
		if err != nil {
			r.t.Errorf("reading the store: %v", err)
		}
		r.status, r.at = st, version
	}
	return r.status
}

// fingerprints returns those of all stored credentials, the active one first.
func fingerprints(st selfservice.Status) []string {
	all := []string{st.Active.Fingerprint}
	if st.Pending != nil {
		all = append(all, st.Pending.Fingerprint)
	}
	for _, c := range st.Retiring {
		all = append(all, c.Fingerprint)
	}
	return all
}

// finish checks the end state, which is the same after every fault.
func (r *run) finish(ctx context.Context) {
	st, err := (&selfservice.Rotator{Store: r.raw}).Status(ctx)
	if err != nil {
		r.t.Fatalf("status: %v", err)
	}
	first := r.target.First.Fingerprint()
	switch {
	case st.Rotations != 1:
		r.t.Errorf("%d rotations, want 1", st.Rotations)
	case st.Active.Fingerprint == first:
		r.t.Error("the first credential is still active")
	case st.Pending != nil || len(st.Retiring) > 0:
		r.t.Error("the rotation is not finished")
	case !r.target.Accepts(st.Active.Fingerprint):
		r.t.Error("the active credential is not accepted")
	case r.target.Gone && r.target.Accepts(first):
		r.t.Error("the retired credential is still accepted")
	case r.dark:
		r.t.Errorf("locked out since %q", r.since)
	}
	if r.target.Registered != nil && r.target.Registered() != 1 {
		r.t.Errorf("%d credentials were registered, want 1", r.target.Registered())
	}
	if delete(r.known, first); len(r.known) > 1 {
		r.t.Errorf("%d new credentials were registered, want 1", len(r.known))
	}
	now, err := served(ctx, &selfservice.Rotator{Store: r.raw}, r.target.First)
	if err != nil || now != st.Active.Fingerprint {
		r.t.Errorf("what is served is not the active credential: %v", err)
	}
}
