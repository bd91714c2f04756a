package selfservice_test

import (
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRunDueTakesEveryStepThatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{Propagation: 40 * time.Second}
		r, first := adopted(t, server, server.Full(nil))
		r.Timing = selfservice.Timing{MaxAge: 10 * day}
		next, err := restarted(r).RunDue(t.Context())
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now().Add(day), next, 0, "the daily check")
		time.Sleep(10 * day)
		start := time.Now()
		next, err = restarted(r).RunDue(t.Context())
		require.NoError(t, err)
		assert.NotEqual(t, first.Fingerprint(), active(t, r))
		assert.Less(t, time.Since(start), 3*time.Minute, "it waits for the propagation")
		assert.WithinDuration(t, time.Now().Add(time.Hour), next, time.Minute, "the end of the overlap")
		time.Sleep(time.Until(next))
		_, err = restarted(r).RunDue(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, server.Count())
	})
}

// TestRunDueResumesAtOnceAfterAnError: a process that fails gives up its lease.
func TestRunDueResumesAtOnceAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, down := &model.Server{}, errors.New("503")
		r, first := adopted(t, server, server.Registrar(nil))
		r.Timing.MaxAge = 10 * day
		time.Sleep(11 * day)
		for _, point := range []string{"register", "verify"} {
			failing := restarted(r)
			failing.Provider = server.Registrar(fails(&spy{}, map[string]error{point: down}))
			_, err := failing.RunDue(t.Context())
			require.ErrorIs(t, err, down)
		}
		start := time.Now()
		_, err := restarted(r).RunDue(t.Context())
		require.NoError(t, err)
		assert.NotEqual(t, first.Fingerprint(), active(t, r))
		assert.Less(t, time.Since(start), 5*time.Second)
		assert.Equal(t, 1, server.Registered())
	})
}

// TestOwnerResumesAtOnceAfterAKill: the lease of a named process that was killed
// is its own.
func TestOwnerResumesAtOnceAfterAKill(t *testing.T) {
	for owner, least := range map[string]time.Duration{"": time.Minute, "cron at host 1": 0} {
		t.Run(owner, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &model.Server{}
				r, first := adopted(t, server, server.Registrar(nil))
				r.Owner = owner
				killed := restarted(r)
				killed.Provider = server.Registrar(func(point string, call func() error) error {
					if point == "register" {
						runtime.Goexit()
					}
					return call()
				})
				<-rotate(t, killed)
				start := time.Now()
				require.NoError(t, restarted(r).Rotate(t.Context()))
				assert.NotEqual(t, first.Fingerprint(), active(t, r))
				assert.GreaterOrEqual(t, time.Since(start), least)
				assert.Less(t, time.Since(start), least+2*time.Minute)
				assert.Equal(t, 1, server.Registered())
			})
		})
	}
}
