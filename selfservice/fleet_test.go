package selfservice_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// member is one client of a Fleet.
type member struct {
	server *model.Server
	store  *selfservice.Mem
	first  selfservice.Credential
	io     model.IO
}

func members(t *testing.T, n int) []*member {
	t.Helper()
	all := make([]*member, n)
	for i := range all {
		m := &member{server: &model.Server{}, store: &selfservice.Mem{}}
		m.first = selfservice.Credential{Secret: keys.NewSecret(fmt.Sprintf("the first secret of client %d", i))}
		m.server.Adopt(m.first)
		require.NoError(t, (&selfservice.Rotator{Store: m.store}).Adopt(t.Context(), m.first))
		all[i] = m
	}
	time.Sleep(time.Second) // in the bubble, so that they are older than now
	return all
}

// overNetwork makes each call of the members take 100 ms.
func overNetwork(all []*member) {
	for _, m := range all {
		m.io = func(_ string, call func() error) error {
			time.Sleep(100 * time.Millisecond)
			return call()
		}
	}
}

func (m *member) rotator() *selfservice.Rotator {
	return &selfservice.Rotator{Provider: m.server.Registrar(m.io), Store: m.store}
}

func fleet(all []*member) *selfservice.Fleet {
	return &selfservice.Fleet{Rotators: func(yield func(*selfservice.Rotator) bool) {
		for _, m := range all {
			if !yield(m.rotator()) {
				return
			}
		}
	}}
}

func TestFleetRotatesAllAndReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 200)
		all[7].server.Break(errors.New("boom"))
		all[8].server.Break(fmt.Errorf("wrapped: %w", errors.New("boom")))
		all[9].server.Expire(all[9].first.Fingerprint(), time.Now())
		f := fleet(all)
		var progress []selfservice.Report
		f.OnProgress = func(r selfservice.Report) { progress = append(progress, r) }
		report, err := f.RotateOlder(t.Context(), time.Now())
		require.NoError(t, err)
		assert.Equal(t, 200, report.Clients)
		assert.Equal(t, 197, report.Rotated)
		assert.Equal(t, 3, report.Failed)
		assert.Equal(t, map[string]int{"boom": 2, selfservice.ErrLockedOut.Error(): 1}, report.Causes)
		assert.Len(t, progress, 200)
		assert.True(t, slices.IsSortedFunc(progress, func(a, b selfservice.Report) int { return a.Clients - b.Clients }))
		for i, m := range all {
			if i < 7 || i > 9 {
				assert.Equal(t, 1, m.server.Registered())
			}
		}
		report, err = fleet(all).RotateDue(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 197, report.Idle)
		time.Sleep(2 * time.Hour) // the overlap is over
		_, err = fleet(all).RotateDue(t.Context())
		require.NoError(t, err)
		st, err := all[0].rotator().Status(t.Context())
		require.NoError(t, err)
		assert.Empty(t, st.Retiring)
	})
}

func TestFleetReportLimitsItsCauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 60)
		for i, m := range all {
			m.server.Break(fmt.Errorf("request %d failed", i))
		}
		report, err := fleet(all).RotateOlder(t.Context(), time.Now())
		require.NoError(t, err)
		assert.Equal(t, 60, report.Failed)
		assert.Len(t, report.Causes, 51)
		assert.Equal(t, 10, report.Causes["other"])
	})
}

func TestFleetsShareTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 100)
		overNetwork(all)
		leak := time.Now()
		var reports [3]selfservice.Report
		var processes sync.WaitGroup
		for i := range reports {
			processes.Go(func() {
				f := fleet(all)
				f.Concurrency = 2 + 3*i
				time.Sleep(time.Duration(i) * 300 * time.Millisecond)
				reports[i], _ = f.RotateOlder(t.Context(), leak)
			})
		}
		processes.Wait()
		assert.Equal(t, 100, reports[0].Rotated+reports[1].Rotated+reports[2].Rotated)
		for _, m := range all {
			assert.Equal(t, 1, m.server.Registered(), "one registration in all")
		}
	})
}

func TestFleetKeepsItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fleet(members(t, 50))
		f.Interval = time.Second
		report, err := f.RotateOlder(t.Context(), time.Now())
		require.NoError(t, err)
		assert.GreaterOrEqual(t, report.Elapsed, 49*time.Second)
	})
}

func TestFleetLeavesPublishedKeysToTheNextPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 8)
		for _, m := range all {
			m.server.Publish, m.server.Propagation = true, 6*time.Minute
		}
		leak := time.Now()
		f := fleet(all)
		f.Concurrency = 1
		report, err := f.RotateOlder(t.Context(), leak)
		require.NoError(t, err)
		assert.Equal(t, 8, report.Waiting)
		assert.Less(t, report.Elapsed, time.Minute)
		time.Sleep(7 * time.Minute)
		report, err = fleet(all).RotateOlder(t.Context(), leak)
		require.NoError(t, err)
		assert.Equal(t, 8, report.Rotated)
	})
}

func TestFleetReturnsToAClientForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 3)
		for _, m := range all {
			m.server.Propagation = 3 * time.Minute // and the server does not say so
		}
		f := fleet(all)
		f.Concurrency = 1
		report, err := f.RotateOlder(t.Context(), time.Now())
		require.NoError(t, err)
		assert.Equal(t, 3, report.Waiting)
		assert.LessOrEqual(t, report.Elapsed, 3*time.Minute)
	})
}

// TestFleetReplacesAPendingCredential: one made before the leak is no better for
// becoming active after it.
func TestFleetReplacesAPendingCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 1)
		all[0].server.Propagation = 10 * time.Second
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, all[0].rotator().Rotate(ctx), context.DeadlineExceeded)
		time.Sleep(time.Hour)
		leak := time.Now()
		report, err := fleet(all).RotateOlder(t.Context(), leak)
		require.NoError(t, err)
		assert.Equal(t, 1, report.Rotated)
		st, err := all[0].rotator().Status(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, st.Rotations)
		assert.False(t, st.Active.Made.Before(leak))
	})
}

// TestFleetReportsARotationThatHadToWait: the server sends Retry-After at each
// call of a rotation in turn, also after the switch.
func TestFleetReportsARotationThatHadToWait(t *testing.T) {
	for at, done := 1, false; !done; at++ {
		synctest.Test(t, func(t *testing.T) {
			all := members(t, 1)
			calls := 0
			all[0].io = func(_ string, call func() error) error {
				if calls++; calls == at {
					return slowDown{}
				}
				return call()
			}
			report, err := fleet(all).RotateOlder(t.Context(), time.Now())
			require.NoError(t, err)
			assert.Equal(t, 1, report.Rotated, "call %d", at)
			done = calls < at
			assert.True(t, !done || at > 3, "register, verify, look")
		})
	}
}

func TestFleetRotatesOnceEvenBeforeAFutureTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 3)
		report, err := fleet(all).RotateOlder(t.Context(), time.Now().Add(day))
		require.NoError(t, err)
		assert.Equal(t, 3, report.Rotated)
		assert.Equal(t, 1, all[0].server.Registered())
	})
}

func TestFleetPassSurvivesBugsOfTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 2)
		f := &selfservice.Fleet{
			Rotators: slices.Values([]*selfservice.Rotator{
				nil,
				{Store: all[0].store}, // only follows
				{Store: gone(), Provider: all[0].server.Registrar(nil)},
				{Store: panicking(), Provider: all[0].server.Registrar(nil)},
				all[1].rotator(),
			}),
			OnProgress: func(selfservice.Report) { panic("a bug in the caller's program") },
		}
		report, err := f.RotateOlder(t.Context(), time.Now())
		require.NoError(t, err)
		assert.Equal(t, 5, report.Clients)
		assert.Equal(t, 3, report.Failed)
		assert.Equal(t, 1, report.Idle)
		assert.Equal(t, 1, report.Rotated)
	})
}

// TestFleetLeavesNoWorkersBehind: synctest fails if there are any.
func TestFleetLeavesNoWorkersBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &selfservice.Fleet{Rotators: func(yield func(*selfservice.Rotator) bool) {
			yield(members(t, 1)[0].rotator())
			panic("a bug in the caller's program")
		}}
		assert.Panics(t, func() { f.RotateDue(t.Context()) })
	})
}

func TestFleetWithoutRotatorsIsRefused(t *testing.T) {
	_, err := (&selfservice.Fleet{}).RotateDue(t.Context())
	require.ErrorIs(t, err, selfservice.ErrConfig)
}

func TestFleetRunNeedsAnInterval(t *testing.T) {
	for _, every := range []time.Duration{0, -time.Hour} {
		require.ErrorIs(t, fleet(nil).Run(t.Context(), every, nil), selfservice.ErrConfig)
	}
}

func TestFleetEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 20)
		for _, m := range all {
			m.server.Propagation = 30 * time.Second
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		f := fleet(all)
		f.Concurrency = 2
		report, err := f.RotateOlder(ctx, time.Now())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Zero(t, report.Rotated)
		assert.Less(t, report.Clients, 5)
		assert.Less(t, report.Elapsed, 11*time.Second)
	})
}

// TestFleetWaitsForManyAtOnce: no worker blocks on a client whose new credential
// is being proved.
func TestFleetWaitsForManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fleet(members(t, 500))
		f.Concurrency = 2
		start := time.Now()
		report, err := f.RotateOlder(t.Context(), start)
		require.NoError(t, err)
		assert.Equal(t, 500, report.Rotated)
		assert.Less(t, time.Since(start), 15*time.Second)
	})
}
