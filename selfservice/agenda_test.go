package selfservice_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/storetest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shelf is an Agenda in memory, with its stores.
type shelf struct {
	mu    sync.Mutex
	rows  map[string]*shelved
	loads atomic.Int32
}

type shelved struct {
	mem     selfservice.Mem
	version string
	due     time.Time // zero: at once
	taken   time.Time // until then
}

func newShelf() *shelf { return &shelf{rows: map[string]*shelved{}} }

func (s *shelf) row(name string) *shelved {
	if s.rows[name] == nil {
		s.rows[name] = &shelved{}
	}
	return s.rows[name]
}

func (s *shelf) Due(ctx context.Context, now time.Time, lease time.Duration, limit int) (names []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, row := range s.rows {
		if row.version != "" && len(names) < limit && !row.taken.After(now) && (!row.due.After(now) || time.Until(row.due) > 25*time.Hour) {
			row.taken = time.Now().Add(lease)
			names = append(names, name)
		}
	}
	return names, ctx.Err()
}

func (s *shelf) Postpone(ctx context.Context, name, version string, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if row := s.row(name); row.version == version && ctx.Err() == nil {
		row.due, row.taken = until, time.Time{}
	}
	return ctx.Err()
}

// place is the store of a name.
type place struct {
	s    *shelf
	name string
}

func (p place) Load(ctx context.Context) ([]byte, string, error) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.s.loads.Add(1)
	return p.s.row(p.name).mem.Load(ctx)
}

func (p place) Save(ctx context.Context, blob []byte, version string) (string, error) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	row := p.s.row(p.name)
	next, err := row.mem.Save(ctx, blob, version)
	if err == nil {
		row.version, row.due = next, time.Time{}
	}
	return next, err
}

func TestShelfMeetsTheContract(t *testing.T) {
	storetest.RunAgenda(t, func(*testing.T) (selfservice.Agenda, func(string) selfservice.Store) {
		s := newShelf()
		return s, func(name string) selfservice.Store { return place{s, name} }
	})
}

// shelve returns an Agenda with a store for each client, and a Fleet over it.
func shelve(t *testing.T, all []*member) (*shelf, *selfservice.Fleet) {
	t.Helper()
	s, byName := newShelf(), map[string]*member{}
	for i, m := range all {
		name := fmt.Sprint(i)
		byName[name] = m
		require.NoError(t, (&selfservice.Rotator{Store: place{s, name}}).Adopt(t.Context(), m.first))
	}
	return s, &selfservice.Fleet{Agenda: s, Concurrency: 4, Rotator: func(name string) *selfservice.Rotator {
		return &selfservice.Rotator{Provider: byName[name].server.Registrar(byName[name].io), Store: place{s, name}}
	}}
}

// TestFleetReadsOnlyWhatIsDue: a pass over clients that are not due reads
// nothing. Each client is checked once a day, and rotated when it is due.
func TestFleetReadsOnlyWhatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 20)
		s, f := shelve(t, all)
		report, err := f.RotateDue(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 20, report.Idle, "not checked before")
		before := s.loads.Load()
		report, err = f.RotateDue(t.Context())
		require.NoError(t, err)
		assert.Zero(t, report.Clients)
		assert.Equal(t, before, s.loads.Load())

		looked, rotated := 0, 0
		ctx, cancel := context.WithTimeout(t.Context(), 10*day)
		defer cancel()
		f.Run(ctx, time.Hour, func(r selfservice.Report) { looked += r.Clients })
		assert.InDelta(t, 20*10, looked, 24, "once a day")
		ctx, cancel = context.WithTimeout(t.Context(), 85*day)
		defer cancel()
		f.Run(ctx, time.Hour, func(r selfservice.Report) { rotated += r.Rotated })
		assert.Equal(t, 20, rotated)
		for _, m := range all {
			assert.Equal(t, 1, m.server.Registered())
		}
		time.Sleep(day)
		_, err = f.RotateDue(t.Context())
		require.NoError(t, err)
		st, err := f.Rotator("0").Status(t.Context())
		require.NoError(t, err)
		assert.Empty(t, st.Retiring, "the end of the overlap is scheduled too")
	})
}

// TestFleetRetries in the next pass, or when the server says.
func TestFleetRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 3)
		_, f := shelve(t, all)
		time.Sleep(100 * day)
		all[0].server.Break(errors.New("boom"))
		all[1].server.Break(&selfservice.CallError{Wait: 40 * time.Minute})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var reports []selfservice.Report
		start := time.Now()
		err := f.Run(ctx, 10*time.Minute, func(r selfservice.Report) {
			reports = append(reports, r)
			all[0].server.Break(nil)
			if time.Since(start) > 20*time.Minute {
				all[1].server.Break(nil)
			}
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.GreaterOrEqual(t, len(reports), 5)
		assert.Equal(t, [2]int{1, 2}, [2]int{reports[0].Rotated, reports[0].Failed})
		assert.Equal(t, 1, reports[1].Rotated)
		late := 0
		for _, r := range reports[2:] {
			late += r.Rotated
			assert.Zero(t, r.Failed, "no retry within 40 minutes")
		}
		assert.Equal(t, 1, late)
	})
}

// TestFleetsShareAnAgenda: each client is taken by one of them.
func TestFleetsShareAnAgenda(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 100)
		overNetwork(all)
		_, f := shelve(t, all)
		time.Sleep(100 * day)
		var reports [3]selfservice.Report
		var processes sync.WaitGroup
		for i := range reports {
			processes.Go(func() {
				own := *f
				reports[i], _ = own.RotateDue(t.Context())
			})
		}
		processes.Wait()
		var looked int
		for _, r := range reports {
			assert.Greater(t, r.Rotated, 20)
			assert.Zero(t, r.Elsewhere)
			looked += r.Clients
		}
		assert.Equal(t, 100, looked)
		for _, m := range all {
			assert.Equal(t, 1, m.server.Registered())
		}
	})
}

// TestFleetTakesOverFromADeadProcess when its leases have ended.
func TestFleetTakesOverFromADeadProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := shelve(t, members(t, 10))
		time.Sleep(100 * day)
		names, err := s.Due(t.Context(), time.Now(), 5*time.Minute, 4)
		require.NoError(t, err)
		require.Len(t, names, 4)
		report, err := f.RotateDue(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 6, report.Rotated)
		time.Sleep(6 * time.Minute)
		report, err = f.RotateDue(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 4, report.Rotated)
	})
}

// TestFleetHeedsAChangedTiming within a day, and RotateOlder at once.
func TestFleetHeedsAChangedTiming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 20)
		s, f := shelve(t, all)
		report, err := f.RotateDue(t.Context())
		require.NoError(t, err)
		require.Equal(t, 20, report.Idle)
		require.NoError(t, f.Rotator("0").Rotate(t.Context()))
		require.Equal(t, 1, all[0].server.Registered())

		longer := f.Rotator
		f.Rotator = func(name string) *selfservice.Rotator {
			r := longer(name)
			r.Timing.MaxAge = 2 * time.Hour
			return r
		}
		ctx, cancel := context.WithTimeout(t.Context(), day+time.Hour)
		defer cancel()
		f.Run(ctx, time.Hour, nil)
		for i, m := range all {
			assert.GreaterOrEqual(t, m.server.Registered(), 1, "client %d", i)
		}
		registered := all[5].server.Registered()
		f.Rotators = func(yield func(*selfservice.Rotator) bool) {
			for name := range s.rows {
				if !yield(f.Rotator(name)) {
					return
				}
			}
		}
		time.Sleep(time.Second)
		report, err = f.RotateOlder(t.Context(), time.Now())
		require.NoError(t, err)
		assert.Equal(t, 20, report.Rotated)
		assert.Greater(t, all[5].server.Registered(), registered)
	})
}

// brokenAgenda fails or panics.
type brokenAgenda struct {
	selfservice.Agenda
	panics bool
}

func (b brokenAgenda) Due(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]string, error) {
	if b.panics {
		panic("a bug in the caller's program")
	}
	return nil, errors.New("the database is down")
}

func TestFleetSurvivesItsAgenda(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := shelve(t, members(t, 2))
		f.Agenda = brokenAgenda{Agenda: s}
		report, err := f.RotateDue(t.Context())
		require.ErrorContains(t, err, "reading the agenda: the database is down")
		assert.Equal(t, map[string]int{"the database is down": 1}, report.Causes)
		f.Agenda = brokenAgenda{panics: true}
		_, err = f.RotateDue(t.Context())
		require.ErrorContains(t, err, "Agenda.Due panicked")

		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		passes := 0
		require.ErrorIs(t, f.Run(ctx, 10*time.Minute, func(selfservice.Report) { passes++ }), context.DeadlineExceeded)
		assert.Greater(t, passes, 4, "Run goes on")

		_, err = (&selfservice.Fleet{Agenda: s}).RotateDue(t.Context())
		require.ErrorIs(t, err, selfservice.ErrConfig)
		require.ErrorIs(t, (&selfservice.Fleet{Agenda: s}).Run(t.Context(), time.Hour, nil), selfservice.ErrConfig)
		_, err = f.RotateOlder(t.Context(), time.Now())
		require.ErrorIs(t, err, selfservice.ErrConfig)
	})
}
