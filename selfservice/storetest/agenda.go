package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nokkel/nokkel/selfservice"
)

// RunAgenda checks an Agenda against its contract. Open returns an empty one,
// and the store of each name in it; several goroutines use them concurrently.
func RunAgenda(t *testing.T, open func(t *testing.T) (selfservice.Agenda, func(name string) selfservice.Store)) {
	for name, test := range map[string]func(*agendaTest){
		"a saved name is due":                    (*agendaTest).saved,
		"a taken name is not due for others":     (*agendaTest).taken,
		"a lease ends":                           (*agendaTest).leaseEnds,
		"a postponed name is due later":          (*agendaTest).postponed,
		"postponing an old version does nothing": (*agendaTest).outdated,
		"a name postponed too far is due":        (*agendaTest).tooFar,
		"concurrent callers share the work":      (*agendaTest).shared,
		"a context that is done":                 (*agendaTest).context,
	} {
		t.Run(name, func(t *testing.T) {
			agenda, store := open(t)
			test(&agendaTest{t, agenda, store})
		})
	}
}

type agendaTest struct {
	*testing.T
	agenda selfservice.Agenda
	store  func(name string) selfservice.Store
}

const (
	someLease = 24 * time.Hour
	many      = 100
)

func (t *agendaTest) save(name, version string) string {
	t.Helper()
	next, err := t.store(name).Save(t.Context(), []byte("state"), version)
	if err != nil {
		t.Fatalf("Save: %v", err)
	}
	return next
}

// due takes and returns all names that are due at that time, sorted.
func (t *agendaTest) due(at time.Time) []string {
	t.Helper()
	var all []string
	for {
		names, err := t.agenda.Due(t.Context(), at, someLease, many)
		if err != nil {
			t.Fatalf("Due: %v", err)
		}
		if len(names) == 0 {
			slices.Sort(all)
			return all
		}
		all = append(all, names...)
	}
}

func (t *agendaTest) postpone(name, version string, until time.Time) {
	t.Helper()
	if err := t.agenda.Postpone(t.Context(), name, version, until); err != nil {
		t.Fatalf("Postpone: %v", err)
	}
}

// expect takes what is due at that time and fails the test unless it is exactly
// these names.
func (t *agendaTest) expect(at time.Time, want ...string) {
	t.Helper()
	if got := t.due(at); !slices.Equal(got, want) {
		t.Fatalf("%q are due, want %q", got, want)
	}
}

func (t *agendaTest) saved() {
	t.expect(time.Now())
	version := t.save("b", "")
	t.save("a", "")
	t.expect(time.Now(), "a", "b")
	t.postpone("b", version, time.Now().Add(time.Hour))
	t.expect(time.Now())
	t.save("b", version)
	t.expect(time.Now(), "b")
}

func (t *agendaTest) taken() {
	version := t.save("a", "")
	t.expect(time.Now(), "a")
	version = t.save("a", version)
	t.expect(time.Now()) // a save does not end the lease
	t.postpone("a", version, time.Now())
	t.expect(time.Now().Add(time.Second), "a")
}

func (t *agendaTest) leaseEnds() {
	t.save("a", "")
	before := time.Now()
	t.expect(before, "a")
	t.expect(before.Add(someLease - time.Second))
	names, err := t.agenda.Due(t.Context(), time.Now().Add(someLease+time.Second), someLease, many)
	if err != nil || !slices.Equal(names, []string{"a"}) {
		t.Fatalf("after the lease %q are due, %v", names, err)
	}
}

func (t *agendaTest) postponed() {
	version := t.save("a", "")
	other := t.save("b", "")
	t.due(time.Now())
	hour := time.Now().Add(time.Hour)
	t.postpone("a", version, hour)
	t.postpone("b", other, time.Time{}) // long ago
	t.expect(time.Now(), "b")
	t.postpone("b", other, hour.Add(24*time.Hour-time.Minute))
	t.expect(hour.Add(-time.Second))
	t.expect(hour.Add(time.Second), "a")
}

func (t *agendaTest) outdated() {
	old := t.save("a", "")
	version := t.save("a", old)
	t.due(time.Now())
	t.postpone("a", old, time.Now())
	t.postpone("a", "", time.Now())
	t.postpone("a", "no version of it", time.Now())
	t.postpone("nobody", version, time.Now())
	t.expect(time.Now().Add(time.Second))
}

func (t *agendaTest) tooFar() {
	version := t.save("a", "")
	t.due(time.Now())
	t.postpone("a", version, time.Now().Add(24*time.Hour))
	t.expect(time.Now())
	for _, wrong := range []time.Duration{26 * time.Hour, 50 * 365 * 24 * time.Hour} {
		t.postpone("a", version, time.Now().Add(wrong))
		t.expect(time.Now(), "a")
	}
}

func (t *agendaTest) shared() {
	var want []string
	for i := range many {
		name := fmt.Sprintf("client-%03d", i)
		t.save(name, "")
		want = append(want, name)
	}
	var mu sync.Mutex
	var got []string
	var all sync.WaitGroup
	now := time.Now()
	for range 6 {
		all.Go(func() {
			for {
				names, err := t.agenda.Due(t.Context(), now, someLease, 7)
				if err != nil || len(names) > 7 {
					t.Errorf("Due returned %d names, %v", len(names), err)
				}
				if err != nil || len(names) == 0 {
					return
				}
				mu.Lock()
				got = append(got, names...)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("%q were taken, want each name once", got)
	}
}

func (t *agendaTest) context() {
	version := t.save("a", "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, due := t.agenda.Due(ctx, time.Now(), someLease, 1)
	postponed := t.agenda.Postpone(ctx, "a", version, time.Now())
	for _, err := range []error{due, postponed} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that is done: %v", err)
		}
	}
}
