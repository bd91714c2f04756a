package selfservice_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// flakyRetirer has the optional calls that retire a credential.
type flakyRetirer struct{ w *flaky }

func (p flakyRetirer) change(ctx context.Context, as selfservice.Credential, f func()) error {
	return p.w.as(ctx, as, func() error {
		if p.w.sticky {
			return errors.New("no right to do that")
		}
		f()
		p.w.check("a credential is retired")
		return nil
	})
}

func (p flakyRetirer) turn(ctx context.Context, as selfservice.Credential, reg selfservice.Registration, off bool) error {
	return p.change(ctx, as, func() {
		for _, r := range p.w.rows {
			r.off = r.off != (reg.Matches(r.credential) && r.off != off)
		}
	})
}

func (p flakyRetirer) Activate(ctx context.Context, as selfservice.Credential, reg selfservice.Registration) error {
	return p.turn(ctx, as, reg, false)
}

func (p flakyRetirer) Deactivate(ctx context.Context, as selfservice.Credential, reg selfservice.Registration) error {
	return p.turn(ctx, as, reg, true)
}

func (p flakyRetirer) Remove(ctx context.Context, as selfservice.Credential, reg selfservice.Registration) error {
	return p.change(ctx, as, func() {
		p.w.rows = slices.DeleteFunc(p.w.rows, func(r *flakyRow) bool { return reg.Matches(r.credential) })
	})
}

func (w *flaky) provider() selfservice.Provider {
	retirer := flakyRetirer{w}
	switch {
	case w.issues:
		return struct {
			*flaky
			selfservice.Issuer
			selfservice.Remover
		}{w, flakyIssuer{w}, retirer}
	case w.switches:
		return struct {
			*flaky
			selfservice.Registrar
			flakyRetirer
		}{w, flakyRegistrar{w}, retirer}
	}
	return struct {
		*flaky
		selfservice.Registrar
		selfservice.Remover
	}{w, flakyRegistrar{w}, retirer}
}

// stored returns the fingerprints in the store.
func (w *flaky) stored() map[string]bool {
	blob, _, _ := w.disk.Load(context.Background())
	all := map[string]bool{}
	for _, rest := range strings.Split(string(blob), `"secret":"`)[1:] {
		secret, _, _ := strings.Cut(rest, `"`) // none needs an escape in JSON
		all[selfservice.Credential{Secret: keys.NewSecret(secret)}.Fingerprint()] = true
	}
	return all
}

// check reports a lock-out.
func (w *flaky) check(when string) {
	for fingerprint := range w.stored() {
		for node := range 3 {
			if w.accepts(fingerprint, node) {
				return
			}
		}
	}
	w.find("locked out when %s", when)
}

// flakyStore is the shared store, whose calls fail at random.
type flakyStore struct{ w *flaky }

func (s flakyStore) fault() int {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.w.fair || s.w.rng.IntN(100) >= s.w.storeFaults {
		return 0
	}
	return 1 + s.w.rng.IntN(4)
}

func (s flakyStore) Load(ctx context.Context) ([]byte, string, error) {
	switch s.fault() {
	case 1:
		return nil, "", errors.New("down")
	case 2:
		<-ctx.Done()
		return nil, "", ctx.Err()
	case 3:
		panic("a bug in the store")
	}
	return s.w.disk.Load(ctx)
}

func (s flakyStore) Save(ctx context.Context, blob []byte, version string) (string, error) {
	fault := s.fault()
	if fault == 1 {
		return "", errors.New("down")
	}
	next, err := s.w.disk.Save(ctx, blob, version)
	s.w.mu.Lock()
	s.w.largest = max(s.w.largest, len(blob))
	s.w.check("something is saved")
	s.w.mu.Unlock()
	switch fault {
	case 2:
		return "", selfservice.ErrConflict // carried out, and retried by the driver
	case 3:
		return "", errors.New("the reply is lost")
	case 4:
		panic("a bug in the store")
	}
	return next, err
}

// use is a request of a program that follows the documentation.
func (w *flaky) use(ctx context.Context, r *selfservice.Rotator) {
	secret, err := r.ClientSecret(ctx)
	if err != nil {
		w.change(func() { w.find("nothing is served: %v", err) })
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	node := w.rng.IntN(3)
	if w.accepts(fingerprint(secret), node) {
		return
	}
	w.pass(func() { secret, _ = r.SecretRefused(ctx, secret) })
	if !w.accepts(fingerprint(secret), node) && ctx.Err() == nil && w.fair {
		w.find("a request fails")
	}
}

// TestRandomOutages runs replicas at random servers in random outages: there is
// never a lock-out, calls and state stay within bounds, no goroutine is left, and
// between outages no request fails and Rotate succeeds.
func TestRandomOutages(t *testing.T) {
	for seed := range uint64(max(*seeds/5, 1)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { outagesAtRandom(t, newFlaky(seed)) })
		})
	}
}

func outagesAtRandom(t *testing.T, w *flaky) {
	first := secretCredential("the first secret, made by hand")
	w.add(first, 0)
	w.fair = true
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	end := func() { cancel(); all.Wait() }
	defer end()
	var replicas []*selfservice.Rotator
	for range 1 + w.rng.IntN(3) {
		r := &selfservice.Rotator{Provider: w.provider(), Store: flakyStore{w}, Timing: selfservice.Timing{MaxAge: 2 * day, Reread: 10 * time.Minute}}
		require.NoError(t, r.Adopt(ctx, first))
		replicas = append(replicas, r)
		all.Go(func() {
			for ctx.Err() == nil { // restarted now and then
				life, stop := context.WithTimeout(ctx, 17*time.Hour)
				_ = r.Run(life)
				stop()
			}
		})
		all.Go(func() {
			for ; ctx.Err() == nil; time.Sleep(7 * time.Minute) {
				w.use(ctx, r)
			}
		})
	}
	for range 3 {
		w.change(func() { w.fair = false })
		time.Sleep(5 * day)
		w.change(func() { w.fair = true })
		time.Sleep(2 * day)
	}
	before, err := replicas[0].Status(ctx)
	require.NoError(t, err)
	for range 48 { // there may be no room until an overlap ends
		if err = replicas[0].Rotate(ctx); err == nil {
			break
		}
		time.Sleep(20 * time.Minute)
	}
	require.NoError(t, err)
	after, err := replicas[0].Status(ctx)
	require.NoError(t, err)
	assert.Greater(t, after.Rotations, before.Rotations)
	end()
	assert.Empty(t, w.findings)
	assert.Less(t, w.largest, 16<<10)
}

func (w *flaky) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}
