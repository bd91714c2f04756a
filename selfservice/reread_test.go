package selfservice_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRefusalsShareTheReadingOfTheStore: thousands a second cost about one.
func TestRefusalsShareTheReadingOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		first, _ := adopted(t, server, server.Registrar(nil))
		store := &hookedStore{Store: first.Store}
		r := &selfservice.Rotator{Store: store} // follows
		secret := clientSecret(t, r)
		refuse := func() {
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					_, err := r.SecretRefused(t.Context(), secret)
					assert.NoError(t, err)
				})
			}
			all.Wait()
		}
		before, start := store.loads.Load(), time.Now()
		for time.Since(start) < time.Minute {
			refuse()
			time.Sleep(10 * time.Millisecond)
		}
		assert.LessOrEqual(t, store.loads.Load()-before, int64(65))
		assert.GreaterOrEqual(t, store.loads.Load()-before, int64(50))

		store.hangs.Store(true)
		start = time.Now()
		refuse()
		assert.LessOrEqual(t, time.Since(start), 3*time.Second, "what was read last has to do")
	})
}

// TestARefusalSeesWhatWasSavedBeforeIt, however short before.
func TestARefusalSeesWhatWasSavedBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{ReplaceAtOnce: true}
		first, _ := adopted(t, server, server.Registrar(nil))
		r := &selfservice.Rotator{Store: first.Store}
		for range 10 {
			secret := clientSecret(t, r)
			require.NoError(t, first.Rotate(t.Context()))
			start := time.Now()
			other := refuse(t, r, secret)
			assert.True(t, server.Accepts(fingerprint(other)))
			assert.LessOrEqual(t, time.Since(start), time.Second)
		}
	})
}

// TestRotateJoinsTheReplicaAtWork and learns of the end within moments.
func TestRotateJoinsTheReplicaAtWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, s := &model.Server{}, &spy{delay: 100 * time.Millisecond}
		r, _ := adopted(t, server, server.Registrar(s.do))
		other := &selfservice.Rotator{Provider: r.Provider, Store: r.Store, Timing: oneNode}
		start, took := time.Now(), make(chan time.Duration, 2)
		rotate := func(r *selfservice.Rotator) {
			assert.NoError(t, r.Rotate(t.Context()))
			took <- time.Since(start)
		}
		go rotate(r)
		time.Sleep(50 * time.Millisecond) // it has saved the new credential, and registers it
		go rotate(other)
		assert.Less(t, <-took, time.Second)
		assert.Less(t, <-took, 2*time.Second)
		assert.Equal(t, 1, server.Registered())
	})
}

// TestARefusalDoesNotWaitForWhatIsKnown: two rotations within a second, in the
// process that makes them. Who waited for the store would get a credential that
// the next cut has ended by the time it is used.
func TestARefusalDoesNotWaitForWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{ReplaceAtOnce: true}
		r, _ := adopted(t, server, server.Registrar(nil))
		for range 10 {
			secret, start := clientSecret(t, r), time.Now()
			require.NoError(t, r.Rotate(t.Context()))
			other := refuse(t, r, secret)
			assert.True(t, server.Accepts(fingerprint(other)))
			assert.Zero(t, time.Since(start))
		}
	})
}
