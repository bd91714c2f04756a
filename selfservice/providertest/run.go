// Package providertest checks a selfservice.Provider: it makes whole rotations
// with it and, at every point where one touches the store or the server, lets
// the call fail, loses its reply or kills the process. Whatever happens, the
// client must not be locked out and the next start must finish the rotation.
//
//	providertest.Run(t, func(t *testing.T) *providertest.Target { … })
//
// The points are found by making a rotation, not listed: a provider that gets
// another request gets another test.
package providertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
)

// Target is a client at a fresh server.
type Target struct {
	// Provider returns a provider of a newly started process; all its calls
	// go through io.
	Provider func(io *IO) selfservice.Provider

	// First is the credential that was registered by hand.
	First selfservice.Credential

	// Accepts is the server's own view: whether the credential of that
	// fingerprint would get a token now.
	Accepts func(fingerprint string) bool

	// Knows is Accepts at a server that takes its time to learn of a new
	// credential: registered, if not yet accepted. Nil: Accepts.
	Knows func(fingerprint string) bool

	// Registered counts the credentials that the rotation made the server
	// add; nil: not checked.
	Registered func() int

	// Gone tells whether a retired credential must not be accepted after the
	// rotation; false for servers that keep it.
	Gone bool

	// AtOnce is set for servers that end the old credential in the instant in
	// which they take the new one: until the switch the active credential is
	// refused and the pending one works. Otherwise the active one must be
	// accepted at every instant.
	AtOnce bool

	// ServerMade is set for servers that make the secret and end the old one
	// in the same instant: between its reply and the save no stored
	// credential is accepted, and no client could change that. The secret
	// must be there again after the restart.
	ServerMade bool

	// Timing overrides; zero values are made short or left at the default.
	Timing selfservice.Timing

	Store selfservice.Store // nil: a selfservice.Mem
}

// Run makes the rotation once without a fault and once for each fault at each
// point. It runs in a testing/synctest bubble, so waiting takes no time;
// servers are reached by [Handler].
func Run(t *testing.T, start func(t *testing.T) *Target) {
	t.Helper()
	var points []string
	synctest.Test(t, func(t *testing.T) { points = rotation(t, start(t), 0, None) })
	if t.Failed() {
		return
	}
	runs := 0
	for i := range points {
		for _, fault := range []Fault{ErrorBefore, ErrorAfter, CrashBefore, CrashAfter} {
			ok := t.Run(fmt.Sprintf("%d %s %s", i+1, points[i], fault), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { rotation(t, start(t), i+1, fault) })
			})
			runs++
			if !ok && runs > 20 {
				t.Fatal("too many failures")
			}
		}
	}
	t.Logf("%d points x 4 faults: %d rotations, each finished and never locked out", len(points), runs)
}

// run is one rotation under observation.
type run struct {
	t      *testing.T
	target *Target
	io     *IO
	raw    selfservice.Store

	mu    sync.Mutex
	dark  bool   // no stored credential is accepted at this instant
	since string // the point after which that began
}

// rotation adopts, rotates and retires, with the fault at that point, and
// returns the points that it touched.
func rotation(t *testing.T, target *Target, at int, fault Fault) []string {
	t.Helper()
	raw := target.Store
	if raw == nil {
		raw = &selfservice.Mem{}
	}
	r := &run{t: t, target: target, raw: raw, io: &IO{at: at, fault: fault}}
	if target.Knows == nil {
		target.Knows = target.Accepts
	}
	ctx := context.Background()
	first := r.rotator()
	first.Store = raw
	if err := first.Adopt(ctx, target.First); err != nil {
		t.Fatalf("adopt: %v", err)
	}
	r.io.after = r.observe

	for starts := 0; ; starts++ {
		if starts > 5 {
			t.Fatal("the rotation does not end")
		}
		if r.process() {
			break
		}
	}
	r.io.mu.Lock()
	points := r.io.points
	r.io.at = 0
	r.io.mu.Unlock()
	r.finish(ctx)
	return points
}

func (r *run) rotator() *selfservice.Rotator {
	timing := r.target.Timing
	if timing.Overlap == 0 {
		timing.Overlap = 10 * time.Minute
	}
	if timing.Propagation == 0 {
		timing.Propagation = 500 * time.Millisecond // more than one try, and not many
	}
	return &selfservice.Rotator{Provider: r.target.Provider(r.io), Store: r.io.Store(r.raw), Timing: timing}
}

// process is the life of one process: it rotates until all is retired, or is
// killed. It tells whether it came to the end.
func (r *run) process() (ended bool) {
	done := make(chan struct{})
	go func() {
		defer close(done) // also at a Goexit
		ctx := context.Background()
		rotator := r.rotator()
		for failures := 0; failures < 100; {
			st, err := rotator.Status(ctx)
			if err == nil && st.Rotations > 0 && st.Pending == nil && len(st.Retiring) == 0 {
				ended = true
				return
			}
			var next time.Time
			if err == nil && st.Rotations == 0 {
				err = rotator.Rotate(ctx)
			} else if err == nil {
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

// observe checks after every call that a stored credential is accepted by the
// server.
func (r *run) observe(point string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	stored := r.stored()
	lit := slices.ContainsFunc(stored, r.target.Knows)
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

// stored returns the fingerprints of all stored credentials, the active one
// first.
func (r *run) stored() []string {
	st, err := (&selfservice.Rotator{Store: r.raw}).Status(context.Background())
	if err != nil {
		r.t.Errorf("reading the store: %v", err)
		return nil
	}
	all := []string{st.Active.Fingerprint}
	if st.Pending != nil {
		all = append(all, st.Pending.Fingerprint)
	}
	for _, c := range st.Retiring {
		all = append(all, c.Fingerprint)
	}
	return all
}

// finish checks the end state, which is the same whatever happened.
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
	served := &selfservice.Rotator{Store: r.raw}
	if r.target.First.Key != nil {
		if key, err := served.SigningKey(ctx); err != nil || key.Thumbprint() != st.Active.Fingerprint {
			r.t.Errorf("another key is served than the active one: %v", err)
		}
	} else if secret, err := served.ClientSecret(ctx); err != nil || (selfservice.Credential{Secret: secret}).Fingerprint() != st.Active.Fingerprint {
		r.t.Errorf("another secret is served than the active one: %v", err)
	}
}
