package dcr_test

import (
	"context"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRegisterOnceForAllReplicas starts several at the same time.
func TestRegisterOnceForAllReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &registrar{before: func(map[string]any) { time.Sleep(20 * time.Second) }}
		registration, key := &selfservice.Mem{}, &selfservice.Mem{}
		var all sync.WaitGroup
		var ids sync.Map
		for range 8 {
			all.Go(func() {
				made, err := newReplica(s, registration, key).register(t)
				assert.NoError(t, err)
				ids.Store(made.ClientID, true)
			})
		}
		all.Wait()
		assert.Equal(t, 1, s.requests)
		ids.Range(func(id, _ any) bool { return assert.Equal(t, s.only()["client_id"], id) })
	})
}

// TestRegisterAfterAReplicaDied waits until the other one cannot be alive, but no
// longer than its caller does.
func TestRegisterAfterAReplicaDied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, registration, key := &registrar{}, &selfservice.Mem{}, &selfservice.Mem{}
		dying := newReplica(s, registration, key)
		stop := make(chan struct{})
		net := dying.Base
		dying.Base = roundTripper(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodPost {
				<-stop
				return nil, errLost
			}
			return net.RoundTrip(req)
		})
		ended := make(chan error)
		go func() { _, err := dying.register(t); ended <- err }() // it never finishes
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r := newReplica(s, registration, key)
		_, err := r.Register(ctx, r.app)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		start := time.Now()
		made, err := r.register(t)
		require.NoError(t, err)
		assert.Equal(t, 95*time.Second, time.Since(start))
		close(stop)
		require.Error(t, <-ended)
		again, err := newReplica(s, registration, key).register(t)
		require.NoError(t, err)
		sameRegistration(t, made, again)
	})
}

// TestRegisterLate has a suspended replica come back with a client after another
// one has registered. It deletes its own client and takes the other's.
func TestRegisterLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, registration, key := &registrar{}, &selfservice.Mem{}, &selfservice.Mem{}
		late := newReplica(s, registration, key)
		late.Base = slowly(late.Base, http.MethodPost, time.Hour)
		got := make(chan dcr.Registration)
		go func() {
			made, err := late.register(t)
			assert.NoError(t, err)
			got <- made
		}()
		synctest.Wait()
		made, err := newReplica(s, registration, key).register(t)
		require.NoError(t, err)
		assert.Equal(t, 2, s.count())
		sameRegistration(t, made, <-got)
		assert.Equal(t, made.ClientID, s.only()["client_id"])
		_, err = late.Read(t.Context())
		require.NoError(t, err)
	})
}

// TestRegisterLateWithASecret has the other one die before its Rotator has the
// secret. The late one gets that of the client that is left.
func TestRegisterLateWithASecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, registration, credential := &registrar{}, &selfservice.Mem{}, &selfservice.Mem{}
		late, other := newReplica(s, registration, credential), newReplica(s, registration, credential)
		late.bySecret()
		other.bySecret()
		other.rotator.Store = &fullDisk{refuse: 1}
		late.Base = slowly(late.Base, http.MethodPost, time.Hour)
		ended := make(chan error)
		go func() { _, err := late.register(t); ended <- err }()
		synctest.Wait()
		_, err := other.register(t)
		require.ErrorIs(t, err, syscall.ENOSPC)
		require.NoError(t, <-ended)
		secret, err := late.rotator.ClientSecret(t.Context())
		require.NoError(t, err)
		assert.Equal(t, s.only()["client_secret"], secret.Reveal())
	})
}

// slowly has the response to such a request take that long; any, if method is empty.
func slowly(base http.RoundTripper, method string, wait time.Duration) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(req)
		if method == "" || req.Method == method {
			time.Sleep(wait)
		}
		return resp, err
	})
}

// slowStore replies late to the first Save, and carries out the others late.
type slowStore struct {
	selfservice.Store
	wait time.Duration
	used bool
}

func (s *slowStore) Save(ctx context.Context, blob []byte, version string) (string, error) {
	if s.used {
		time.Sleep(s.wait)
		return s.Store.Save(ctx, blob, version)
	}
	s.used = true
	defer time.Sleep(s.wait)
	return s.Store.Save(ctx, blob, version)
}

// TestRegisterSlowly checks that a lease outlives its owner's calls, as long as each
// is within its limit, whoever else starts meanwhile.
func TestRegisterSlowly(t *testing.T) {
	for _, secret := range []bool{false, true} {
		for start := range 80 {
			synctest.Test(t, func(t *testing.T) {
				s, registration, credential := &registrar{}, &selfservice.Mem{}, &selfservice.Mem{}
				slow := newReplica(s, &slowStore{Store: registration, wait: 29 * time.Second}, &slowStore{Store: credential, wait: 20 * time.Second})
				other := newReplica(s, registration, credential)
				slow.Base = slowly(slow.Base, "", 14*time.Second)
				slow.Base = slowly(slow.Base, http.MethodPost, 15*time.Second)
				if secret {
					slow.bySecret()
					other.bySecret()
				}
				var both sync.WaitGroup
				both.Go(func() { _, err := slow.register(t); assert.NoError(t, err) })
				both.Go(func() {
					time.Sleep(time.Duration(start) * 2 * time.Second)
					_, err := other.register(t)
					assert.NoError(t, err)
				})
				both.Wait()
				assert.Equal(t, 1, s.requests, "the other starts after %d s", 2*start)
			})
		}
	}
}

func sameRegistration(t *testing.T, want, got dcr.Registration) {
	t.Helper()
	assert.Equal(t, want.ClientID, got.ClientID)
	assert.Equal(t, want.URI, got.URI)
	assert.True(t, want.AccessToken.Equal(got.AccessToken))
}
