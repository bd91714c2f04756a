package selfservice_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestStoreThatIgnoresItsContextIsReported, as a disk that hangs stops Run.
func TestStoreThatIgnoresItsContextIsReported(t *testing.T) {
	for _, call := range []string{"Load", "Save"} {
		t.Run(call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &model.Server{}
				first, _ := adopted(t, server, server.Registrar(nil))
				hang := func(_ context.Context, call func() error) error {
					time.Sleep(5 * time.Minute)
					return call()
				}
				store := &hookedStore{Store: first.Store, load: hang}
				if call == "Save" {
					store = &hookedStore{Store: first.Store, save: hang}
				}
				r := &selfservice.Rotator{Provider: first.Provider, Store: store, Timing: oneNode}
				reported := make(chan error, 1)
				r.OnEvent = func(e selfservice.Event) {
					if e.Kind == selfservice.EventFailed {
						reported <- e.Err
					}
				}
				go r.Step(t.Context())
				assert.ErrorContains(t, <-reported, "Store."+call+" has not returned 5s after its context ended")
				time.Sleep(time.Hour)
			})
		})
	}
}

// TestRefusalsDoNotWaitForAStoreThatHangs for longer than a few seconds, nor do
// goroutines pile up that read it.
func TestRefusalsDoNotWaitForAStoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		first, _ := adopted(t, server, server.Registrar(nil))
		var hangs atomic.Bool
		var reading atomic.Int32
		r := &selfservice.Rotator{Store: &hookedStore{Store: first.Store, load: func(_ context.Context, call func() error) error {
			if hangs.Load() {
				reading.Add(1)
				time.Sleep(time.Hour)
			}
			return call()
		}}}
		secret := clientSecret(t, r)
		hangs.Store(true)
		for range 20 {
			start := time.Now()
			refuse(t, r, secret)
			assert.LessOrEqual(t, time.Since(start), 3*time.Second)
		}
		assert.Equal(t, int32(1), reading.Load())
		hangs.Store(false)
		time.Sleep(2 * time.Hour)
	})
}

// typedNil is an error whose Unwrap panics for the nil pointer that a careless
// store returns.
type typedNil struct{ cause error }

func (e *typedNil) Error() string { return e.cause.Error() }
func (e *typedNil) Unwrap() error { return e.cause }

// TestStoreThatReturnsATypedNil ends neither Run nor a Fleet.
func TestStoreThatReturnsATypedNil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		first, _ := adopted(t, server, server.Registrar(nil))
		var broken atomic.Bool
		r := &selfservice.Rotator{Provider: first.Provider, Timing: oneNode, Store: &hookedStore{Store: first.Store, load: func(_ context.Context, call func() error) error {
			if broken.Load() {
				return (*typedNil)(nil)
			}
			return call()
		}}}
		secret := clientSecret(t, r)
		broken.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		assert.ErrorIs(t, r.Run(ctx), context.DeadlineExceeded)
		assert.Equal(t, secret, clientSecret(t, r))
		fleet := &selfservice.Fleet{Rotators: func(yield func(*selfservice.Rotator) bool) { yield(restarted(r)) }}
		report, err := fleet.RotateDue(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, report.Failed)
	})
}
