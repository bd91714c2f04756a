package selfservice_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// busy is an outage of a server or a client: until it ends, every call fails
// with a Retry-After.
type busy struct {
	wait  time.Duration
	until atomic.Int64
	calls atomic.Int32 // that failed
}

func (a *busy) begin() { a.until.Store(time.Now().Add(a.wait).UnixNano()) }

func (a *busy) io(_ string, call func() error) error {
	if time.Now().UnixNano() < a.until.Load() {
		a.calls.Add(1)
		return &selfservice.CallError{Wait: a.wait}
	}
	return call()
}

// alwaysBusy is the IO of a client that is never answered.
func alwaysBusy(wait time.Duration) model.IO {
	return func(string, func() error) error { return &selfservice.CallError{Wait: wait} }
}

// at returns a Fleet of clients that name their servers.
func at(all []*member, server func(i int) string) *selfservice.Fleet {
	return &selfservice.Fleet{Rotators: func(yield func(*selfservice.Rotator) bool) {
		for i, m := range all {
			r := m.rotator()
			r.Provider = &hookedProvider{Provider: r.Provider, server: func() string { return server(i) }}
			if !yield(r) {
				return
			}
		}
	}}
}

// delays rotates all clients and returns how long each of those that are
// answered waited for its registration.
func delays(t *testing.T, all []*member, f *selfservice.Fleet) (times []time.Duration, report selfservice.Report) {
	t.Helper()
	times = make([]time.Duration, len(all))
	start := time.Now()
	for i, m := range all {
		if m.io == nil {
			m.io = func(point string, call func() error) error {
				if point == "register" {
					times[i] = time.Since(start)
				}
				return call()
			}
		}
	}
	report, err := f.RotateOlder(t.Context(), time.Now())
	require.NoError(t, err)
	return times, report
}

// TestFleetGoesOnWithoutBusyClients: twenty that are asked to wait for an hour do
// not delay 400 others, wherever they are in the order.
func TestFleetGoesOnWithoutBusyClients(t *testing.T) {
	for name, isBusy := range map[string]func(i int) bool{
		"first":     func(i int) bool { return i < 20 },
		"last":      func(i int) bool { return i >= 400 },
		"scattered": func(i int) bool { return i%21 == 7 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all := members(t, 420)
				var wait []*member
				for i, m := range all {
					if isBusy(i) {
						m.io = alwaysBusy(time.Hour)
						wait = append(wait, m)
					}
				}
				require.Len(t, wait, 20)
				f := fleet(all)
				f.Concurrency = 8
				times, report := delays(t, all, f)
				assert.Equal(t, 400, report.Rotated)
				assert.Equal(t, 20, report.Failed)
				assert.Less(t, slices.Max(times), 5*time.Minute)
				assert.Less(t, report.Elapsed, 2*time.Hour, "the twenty are retried for an hour")
			})
		})
	}
}

// TestFleetWaitsForAServer that asks everyone to wait for half an hour: all
// clients do, but for a scout now and then.
func TestFleetWaitsForAServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 200)
		outage := &busy{wait: 30 * time.Minute}
		outage.begin()
		for _, m := range all {
			m.io = outage.io
		}
		f := fleet(all)
		f.Concurrency = 4
		_, report := delays(t, all, f)
		assert.Equal(t, 200, report.Rotated, "%v", report.Causes)
		assert.GreaterOrEqual(t, report.Elapsed, 30*time.Minute)
		assert.Less(t, report.Elapsed, 70*time.Minute)
		assert.LessOrEqual(t, outage.calls.Load(), int32(2*(4+1+30*60/15)), "one client every 15 s, and its proof that nothing was registered")
	})
}

// TestFleetKeepsToARateLimit: a wait of up to a minute holds for every client.
func TestFleetKeepsToARateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 100)
		limit := &busy{wait: time.Minute}
		var calls, closed int
		for _, m := range all {
			m.io = func(point string, call func() error) error {
				if calls++; calls%50 == 0 {
					limit.begin()
					closed++
				}
				return limit.io(point, call)
			}
		}
		f := fleet(all)
		f.Concurrency = 1
		_, report := delays(t, all, f)
		assert.Equal(t, 100, report.Rotated, "%v", report.Causes)
		assert.Greater(t, closed, 4)
		assert.LessOrEqual(t, int(limit.calls.Load()), 2*closed, "the call that met the limit, and a proof that nothing was registered")
		assert.GreaterOrEqual(t, report.Elapsed, time.Duration(closed)*time.Minute)
	})
}

// TestFleetHoldsOneServer: when one server asks clients to wait, those of another
// one do not.
func TestFleetHoldsOneServer(t *testing.T) {
	for _, wait := range []time.Duration{time.Minute, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			all := members(t, 100)
			for i, m := range all {
				if i < 50 {
					m.io = alwaysBusy(wait)
				}
			}
			f := at(all, func(i int) string { return []string{"https://a.example", "https://b.example"}[i/50] })
			f.Concurrency = 4
			times, report := delays(t, all, f)
			assert.Equal(t, 50, report.Rotated)
			assert.Equal(t, 50, report.Failed)
			assert.Less(t, slices.Max(times), 30*time.Second)
			assert.LessOrEqual(t, report.Elapsed, 2*time.Hour+5*time.Minute)
		})
	}
}

// TestFleetGivesUpAServer that is busy for an hour, and calls it rarely until
// then.
func TestFleetGivesUpAServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 1000)
		down := &busy{wait: time.Hour}
		for _, m := range all {
			m.io = func(point string, call func() error) error {
				down.begin()
				return down.io(point, call)
			}
		}
		f := fleet(all)
		f.Concurrency = 4
		report, err := f.RotateOlder(t.Context(), time.Now())
		require.NoError(t, err)
		assert.Equal(t, 1000, report.Failed)
		assert.Less(t, report.Elapsed, 2*time.Hour+time.Minute)
		assert.Less(t, down.calls.Load(), int32(800))
	})
}

// TestFleetRunIsNotHeldUp by busy clients: the next pass starts in time.
func TestFleetRunIsNotHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 100)
		for _, m := range all[:20] {
			m.io = alwaysBusy(time.Hour)
		}
		time.Sleep(100 * day) // all are due
		passes := 0
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err := fleet(all).Run(ctx, 5*time.Minute, func(r selfservice.Report) {
			if passes++; passes == 1 {
				assert.Equal(t, 80, r.Rotated)
				assert.Less(t, time.Since(start), 10*time.Minute)
			}
			assert.Equal(t, 20, r.Failed)
		})
		require.ErrorIs(t, err, ctx.Err())
		assert.GreaterOrEqual(t, passes, 5)
	})
}

// TestFleetWithAProviderWhoseServerPanics takes it for one that names no server.
func TestFleetWithAProviderWhoseServerPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 3)
		f := at(all, func(int) string { panic("a bug in the caller's program") })
		report, err := f.RotateOlder(t.Context(), time.Now())
		require.NoError(t, err)
		assert.Equal(t, 3, report.Rotated)
	})
}

// TestFleetGoesOnWithOtherServersHoweverManyWait for one that has closed.
func TestFleetGoesOnWithOtherServersHoweverManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 4200)
		for _, m := range all[:4199] {
			m.io = alwaysBusy(time.Hour)
		}
		f := at(all, func(i int) string { return map[bool]string{true: "closed", false: "open"}[i < 4199] })
		times, report := delays(t, all, f)
		assert.Equal(t, 1, report.Rotated)
		assert.Less(t, times[4199], 10*time.Minute)
	})
}
