package selfservice

import "time"

// Located is a Provider that says which server its client is registered at. The
// name may be any text, a URL say, that is the same for all clients that share a
// rate limit or an outage. When a server asks for patience, a [Fleet] has all its
// clients wait together and goes on with those of other servers. Clients whose
// providers do not say are taken to be at one server.
type Located interface {
	Server() string
}

// located returns the name of the client's server; empty: it is not told.
func located(r *Rotator) (name string) {
	defer func() { _ = recover() }() // of the caller's making
	if p, ok := r.Provider.(Located); ok {
		return p.Server()
	}
	return ""
}

// server is what a pass knows of one server. A client is asked for patience by
// Retry-After; whether that is meant for it alone or for all, nobody says. So
// the server is closed to the others as well, but one at a time still goes as
// a scout: once it is answered, the server is open again. A wait of up to a
// minute is that of a rate limit, and no scout goes.
type server struct {
	until   time.Time // closed before this
	next    time.Time // not before this does a scout go
	scout   *visit    // which is under way
	silent  time.Time // asks for patience since; zero: it answered after that
	cause   error     // in its words
	waiting []*visit  // in the order in which they came
}

const (
	brief    = time.Minute      // a wait that nobody doubts
	scouting = 15 * time.Second // between one scout and the next
)

// admits reports whether v may go on now; while the server is closed, as a scout.
func (s *server) admits(v *visit, now time.Time) bool {
	if !now.Before(s.until) || s.scout == v {
		return true
	}
	if s.scout != nil || now.Before(s.next) {
		return false
	}
	s.scout = v
	return true
}

// wake is when somebody may be admitted unless a scout returns before, or the
// server is lost.
func (s *server) wake(limit time.Duration) time.Time {
	wake := s.until
	if s.scout == nil && s.next.Before(wake) {
		wake = s.next
	}
	if lost := s.silent.Add(limit); !s.silent.IsZero() && lost.Before(wake) {
		wake = lost
	}
	return wake
}

// heard takes in what became of a visit. Moved reports whether the client's
// state changed, which takes an answer of the server's.
func (s *server) heard(v *visit, err error, moved bool, now time.Time) {
	scouted := s.scout == v
	if scouted {
		s.scout = nil
	}
	wait := retryAfter(err)
	switch {
	case wait > 0:
		if s.silent.IsZero() {
			s.silent = now
		}
		closed := now.Before(s.until)
		if until := now.Add(wait); until.After(s.until) {
			s.until = until
		}
		s.cause = err
		switch {
		case scouted:
			s.next = now.Add(scouting)
		case !closed && wait > brief:
			s.next = now // the first one goes at once
		case !closed:
			s.next = s.until
		}
	case scouted && err != nil:
		s.next = now.Add(scouting)
	case moved && (scouted || !now.Before(s.until)):
		s.until, s.silent = now, time.Time{}
	}
}

// lost reports whether the server has answered nobody for that long.
func (s *server) lost(now time.Time, limit time.Duration) bool {
	return !s.silent.IsZero() && now.Before(s.until) && now.Sub(s.silent) >= limit
}

// visit is one client in a pass. A worker leaves it when there is something to
// wait for, and a worker comes back to it.
type visit struct {
	r         *Rotator
	name      string // in the Agenda; empty: there is none
	server    *server
	begun     bool
	barred    bool  // by the server, which is closed
	rotations int   // before the pass
	own       int64 // switches made by this process before the pass
	attempts  int
	asked     time.Duration // to wait, by the server
	left      time.Duration // of the patience
	at        time.Time     // when to come back; at the end, when the next step is due: zero for never
}

const (
	nothing ending = iota
	rotated
	waiting
	elsewhere
	later  // at visit.at, in this pass
	barred // by the server, which is closed
)

type ending int

// visits is a heap, the one that is due first on top.
type visits []*visit

func (q visits) Len() int           { return len(q) }
func (q visits) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q visits) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *visits) Push(v any)        { *q = append(*q, v.(*visit)) }

func (q *visits) Pop() any {
	last := len(*q) - 1
	v := (*q)[last]
	*q = (*q)[:last]
	return v
}
