package selfservice

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// Agenda is a store of many states that knows when each needs attention next, so
// that a [Fleet] need not read them all. sqlstore.Table has one. Every
// implementation keeps these rules, which package storetest checks:
//
//   - A state is due if it has been saved and not postponed since, or if the time
//     to which it was postponed has come. One that was postponed by more than 25
//     hours is due as well: a clock was wrong.
//   - Due returns the names of up to limit states that are due at now. It hides
//     them from other callers until the lease has passed, in real time from the
//     call, or the state is postponed. It may return fewer names, but none only
//     if no state is due that nobody is saving. A lease that ends more than 25 hours from now does not
//     count.
//   - Postpone makes the state due at until, if its version is still the one that
//     the Store returned. If the state has been saved since, it does nothing.
//   - A limit is at least 1, and a lease at most 24 hours.
//   - Both return the error of ctx when it ends.
type Agenda interface {
	Due(ctx context.Context, now time.Time, lease time.Duration, limit int) (names []string, err error)
	Postpone(ctx context.Context, name, version string, until time.Time) error
}

const (
	// agendaLease is for how long a pass takes a client.
	agendaLease = 5 * time.Minute

	// maxPostponed is how long a client is not looked at. A Timing that was
	// changed, or a server's date that was not known, comes to effect by then.
	maxPostponed = 24 * time.Hour

	// afterFailure keeps a client from being due once more in the same pass.
	afterFailure = time.Second
)

// source gives a pass its clients.
type source interface {
	next(ctx context.Context) *visit // nil: no more
	done(ctx context.Context, v *visit, err error)
	failed() error
	stop()
}

// everyone is a source of all Rotators.
type everyone struct {
	pull func() (*Rotator, bool)
	end  func()
}

func all(rotators iter.Seq[*Rotator]) source {
	next, stop := iter.Pull(rotators)
	return everyone{next, stop}
}

func (s everyone) next(context.Context) *visit {
	if r, ok := s.pull(); ok {
		return &visit{r: r}
	}
	return nil
}

func (everyone) done(context.Context, *visit, error) {}
func (everyone) failed() error                       { return nil }
func (s everyone) stop()                             { s.end() }

// listed is a source of what an Agenda says is due when the pass begins. What
// is put off during the pass is not due in it.
type listed struct {
	agenda  Agenda
	rotator func(name string) *Rotator
	started time.Time
	limit   int // names at a time
	names   []string
	err     error
}

// next has as many names at hand as there are workers: the rest is for other
// processes.
func (s *listed) next(ctx context.Context) *visit {
	if len(s.names) == 0 && s.err == nil {
		s.names, s.err = s.due(ctx)
	}
	if len(s.names) == 0 {
		return nil
	}
	name := s.names[0]
	s.names = s.names[1:]
	return &visit{r: s.rotator(name), name: name}
}

func (s *listed) due(ctx context.Context) (names []string, err error) {
	defer guard(&err, "Agenda.Due")
	ctx, cancel := context.WithTimeout(ctx, defaultCallTimeout)
	defer cancel()
	if names, err = s.agenda.Due(ctx, s.started, agendaLease, s.limit); err != nil {
		return nil, fmt.Errorf("selfservice: reading the agenda: %w", err)
	}
	return names, nil
}

// done says when the client is next to be looked at. What fails is tried again
// by the next pass, or when the server said. When this cannot be said the lease
// ends.
func (s *listed) done(ctx context.Context, v *visit, err error) {
	defer func() { _ = recover() }() // of the caller's making
	if !v.begun {
		return // its version is not known
	}
	now := time.Now()
	until := now.Add(spread(maxPostponed))
	switch {
	case err != nil:
		until = now.Add(max(retryAfter(err), afterFailure))
	case !v.at.IsZero() && v.at.Sub(now) <= maxPostponed:
		until = v.at
	}
	ctx, cancel := context.WithTimeout(ctx, defaultCallTimeout)
	defer cancel()
	s.agenda.Postpone(ctx, v.name, v.r.version(), until)
}

func (s *listed) failed() error { return s.err }
func (s *listed) stop()         {}
