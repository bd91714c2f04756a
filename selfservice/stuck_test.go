package selfservice_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stuck returns a Rotator whose active credential lives for 6 days, at a server
// that removes none, for the given reason.
func stuck(t *testing.T, because error) (*selfservice.Rotator, *model.Server) {
	server := &model.Server{Validity: 6 * day}
	r, _ := adopted(t, server, server.OnlyRemoves(fails(&spy{}, map[string]error{"remove": because})))
	r.Timing.Reread = 30 * time.Minute // nobody else writes
	require.NoError(t, r.Rotate(t.Context()))
	return r, server
}

// TestStuckCredentialsDoNotStarveCron, where each process meets the one that cannot
// be removed first.
func TestStuckCredentialsDoNotStarveCron(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, server := stuck(t, errors.New("403"))
		for range 24 * 24 {
			r = restarted(r)
			_ = steps(t, r) // ends with the error
			require.True(t, server.Accepts(active(t, r)))
			time.Sleep(time.Hour)
		}
		st := status(t, r)
		assert.GreaterOrEqual(t, st.Rotations, 4)
	})
}

func TestStuckCredentialsDoNotStarveAFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, server := stuck(t, errors.New("403"))
		fleet := &selfservice.Fleet{Rotators: func(yield func(*selfservice.Rotator) bool) { yield(r) }}
		for range 20 {
			_, err := fleet.RotateDue(t.Context())
			require.NoError(t, err)
			require.True(t, server.Accepts(active(t, r)))
			time.Sleep(day)
		}
	})
}

// TestStuckCredentialsDoNotStarveRun where the server's Retry-After is longer than
// the engine's own backoff.
func TestStuckCredentialsDoNotStarveRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, server := stuck(t, &selfservice.CallError{Wait: 40 * time.Minute})
		runFor(t, r, 20*day)
		assert.True(t, server.Accepts(active(t, r)))
	})
}

// TestManyStuckCredentialsDoNotStarveRun although one of them is always due.
func TestManyStuckCredentialsDoNotStarveRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, server := stuck(t, errors.New("403"))
		for range 15 {
			require.NoError(t, r.Rotate(t.Context()))
		}
		runFor(t, r, 8*day)
		assert.True(t, server.Accepts(active(t, r)))
	})
}

func TestStuckCredentialsDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, server := stuck(t, errors.New("403"))
		r.Timing.MaxAge = 2 * time.Hour
		events := record(r)
		runFor(t, r, 3*day)
		st := status(t, r)
		assert.Greater(t, st.Rotations, 30)
		assert.LessOrEqual(t, len(st.Retiring), 21)
		assert.True(t, server.Accepts(st.Active.Fingerprint))
		failed := events.of(selfservice.EventFailed)
		assert.ErrorContains(t, failed[len(failed)-1].Err, "403")
		assert.Less(t, len(failed), 3*24*21, "each one is retried every hour")
		assert.True(t, slices.ContainsFunc(failed, func(e selfservice.Event) bool { return strings.Contains(e.Err.Error(), "left to the server") }))
	})
}

// TestStuckCredentialIsRetriedFirstWhenThereIsNoRoom for a new one.
func TestStuckCredentialIsRetriedFirstWhenThereIsNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{Room: 2}
		var fixed atomic.Bool
		r, _ := adopted(t, server, server.OnlyRemoves(func(point string, call func() error) error {
			if point == "remove" && !fixed.Load() {
				return errors.New("503")
			}
			return call()
		}))
		r.Timing.MaxAge = 2 * day
		go r.Run(t.Context())
		time.Sleep(6 * day) // the second rotation finds no room
		st := status(t, r)
		require.NotNil(t, st.Pending)
		require.Equal(t, 1, st.Rotations)
		fixed.Store(true)
		time.Sleep(day)
		st = status(t, r)
		assert.Nil(t, st.Pending)
		assert.Equal(t, 2, st.Rotations)
	})
}

// TestStuckCredentialsTakeTurns: the first one must not starve the others.
func TestStuckCredentialsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, down := &model.Server{}, true
		p := &hookedProvider{Provider: server.OnlyRemoves(nil)}
		r, first := adopted(t, server, removing{p})
		for range 3 {
			require.NoError(t, r.Rotate(t.Context()))
		}
		p.remove = func(r selfservice.Registration) error {
			if down || r.Fingerprint == first.Fingerprint() {
				return errors.New("403")
			}
			return nil
		}
		for i := range 24 { // from cron
			time.Sleep(2 * time.Hour)
			down = i < 6
			_ = steps(t, r)
		}
		assert.Equal(t, 2, server.Count(), "the active one, and the one that cannot be removed")
	})
}
