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

// TestRefusalsShareReadsOfTheStore: thousands a second cause about one.
func TestRefusalsShareReadsOfTheStore(t *testing.T) {
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
		assert.LessOrEqual(t, time.Since(start), 3*time.Second, "the last read must do")
	})
}

func TestRefusalSeesWhatWasSavedBeforeIt(t *testing.T) {
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

// TestRotateJoinsAnotherReplica that has begun, and returns soon after it.
func TestRotateJoinsAnotherReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, s := &model.Server{}, &spy{delay: 100 * time.Millisecond}
		r, _ := adopted(t, server, server.Registrar(s.do))
		other := restarted(r)
		start, took := time.Now(), make(chan time.Duration, 2)
		rotate := func(r *selfservice.Rotator) {
			assert.NoError(t, r.Rotate(t.Context()))
			took <- time.Since(start)
		}
		go rotate(r)
		time.Sleep(50 * time.Millisecond) // it is registering the new credential
		go rotate(other)
		assert.Less(t, <-took, time.Second)
		assert.Less(t, <-took, 2*time.Second)
		assert.Equal(t, 1, server.Registered())
	})
}

// TestRefusalDoesNotWaitForWhatIsKnown, in the process that makes several rotations
// within a second: after a wait, the credential might have been replaced again.
func TestRefusalDoesNotWaitForWhatIsKnown(t *testing.T) {
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
