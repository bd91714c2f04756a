package selfservice

import (
	"slices"
	"time"
)

// state is what the store holds: every credential that the server may accept,
// and how far each has come. Whatever happens, it is written before the thing
// that depends on it.
type state struct {
	Active    *entry   // signs now
	Pending   *entry   // will sign next
	Retiring  []*entry // signed before; oldest first
	Rotations int      // switches so far
	Serial    int      // counts the saves
	Lineage   string   // of all that began with one Adopt
	Claim     claim

	version  string // of the store; "" before the first save
	restored bool   // from memory, see goneBack
}

// entry is one credential on its way through a rotation.
type entry struct {
	Credential   Credential
	Registration Registration
	Made         time.Time      // made or adopted
	Before       []Registration // what was registered before the server was asked to issue; Credential is still zero then
	Registered   time.Time      // zero: the server is not known to have it
	Lag          time.Duration  // how long after Registered it was refused still
	Proved       time.Time      // pending: accepted at every try since; zero: not yet
	Since        time.Time      // became active
	Until        time.Time      // retiring: the end of the overlap
	Off          bool           // retiring: deactivated, and the active one verified since
	Removed      bool           // retiring: at the server, some of whose nodes may accept it still
	Stuck        bool           // retiring: the server did not carry out what ends it
	Checked      time.Time      // Registration was read from the server
}

// adopt is the entry of a credential that was registered by hand.
func adopt(c Credential, now time.Time) *entry {
	return &entry{Credential: c, Made: now, Since: now, Registered: now}
}

// promote makes the pending credential active.
func (s *state) promote(now time.Time, overlap time.Duration) {
	old := s.Active
	old.Until = now.Add(overlap)
	s.Retiring = append(s.Retiring, old)
	s.Active, s.Pending = s.Pending, nil
	s.Active.Since, s.Active.Before, s.Active.Proved = now, nil, time.Time{}
	if s.Active.Registered.IsZero() {
		s.Active.Registered = now // the reply was lost, but it works
	}
	s.Rotations++
	s.Claim = claim{}
}

// abandon sets the pending credential aside.
func (s *state) abandon(now time.Time, overlap time.Duration) {
	s.Pending.Until, s.Pending.Before = now.Add(overlap), nil
	s.Retiring = append(s.Retiring, s.Pending)
	s.Pending = nil
	s.Claim = claim{}
}

// reissue has the server make another secret than the pending one, which is
// lost, and those in before. In case the server takes it after all it is kept
// as an old one, unless there are some already. That the rotation began with
// it stays: the longer it takes, the slower a secret is taken for lost.
func (s *state) reissue(now time.Time, overlap time.Duration, before []Registration) {
	lost, made := s.Pending, s.Pending.Made
	if len(s.Retiring) < 3 {
		s.abandon(now, overlap)
	}
	s.Pending = &entry{Made: made, Before: append(slices.Clone(before), lost.registration()), Lag: s.Active.Lag}
	s.Claim = claim{}
}

// fallBack makes a retiring credential active again because the active one
// has stopped working. That one is not tried again: it is retired in turn, and
// what comes next is a new one.
func (s *state) fallBack(old *entry, now time.Time, overlap time.Duration) {
	s.drop(old)
	s.Active.Until = now.Add(overlap)
	s.Retiring = append(s.Retiring, s.Active)
	old.Since, old.Until, old.Off, old.Removed, old.Stuck = now, time.Time{}, false, false, false
	s.Active = old
	s.Claim = claim{}
}

// demote makes a retiring credential active again and the active one pending: a
// node that has not learned of it yet refused it. It keeps its registration,
// and is to be proved once more.
func (s *state) demote(old *entry, now time.Time) {
	s.drop(old)
	next := s.Active
	next.Lag, next.Since = max(2*next.Lag, now.Sub(next.Registered).Abs(), defaultPropagation), time.Time{}
	old.Since, old.Until, old.Off, old.Stuck = now, time.Time{}, false, false
	s.Active, s.Pending = old, next
	s.Claim = claim{}
}

// latest returns the credential that was active before, while the server may
// still know it better than the active one; nil if there is none.
func (s *state) latest(now time.Time, timeout time.Duration) *entry {
	n := len(s.Retiring)
	if s.Pending != nil || n == 0 || s.Retiring[n-1].Off || s.Retiring[n-1].Removed || now.Sub(s.Active.Registered).Abs() >= timeout {
		return nil
	}
	return s.Retiring[n-1]
}

// drop takes a retiring credential out.
func (s *state) drop(old *entry) {
	s.Retiring = slices.DeleteFunc(s.Retiring, func(e *entry) bool { return e == old })
}

// earliest returns the retiring one that is over before the others, of those
// that are stuck or of the others; nil if there is none.
func (s *state) earliest(stuck bool) (first *entry) {
	for _, e := range s.Retiring {
		if e.Stuck == stuck && (first == nil || e.Until.Before(first.Until)) {
			first = e
		}
	}
	return first
}

// refresh takes over what the server says about each credential.
func (s *state) refresh(list []Registration, now time.Time) {
	for _, e := range s.entries() {
		for _, r := range list {
			if !e.Credential.IsZero() && r.Of(e.Credential) {
				e.Registration = r
			}
		}
	}
	s.Active.Checked = now
}

// mend takes back what was written while a clock was far ahead, or an overlap
// could last for years. It tells whether there was any. What differs by less
// than an hour may be another replica's clock.
func (s *state) mend(now time.Time, overlap time.Duration) (changed bool) {
	soon := now.Add(time.Hour)
	back := func(t *time.Time, latest, to time.Time) {
		if t.After(latest) {
			*t, changed = to, true
		}
	}
	for _, e := range s.entries() {
		ahead := e.Registered.Sub(now)
		if e.Registered.After(soon) && !e.Registration.UsableFrom.IsZero() {
			e.Registration.UsableFrom = e.Registration.UsableFrom.Add(-ahead)
		}
		back(&e.Made, soon, now)
		back(&e.Since, soon, now)
		back(&e.Proved, soon, now)
		back(&e.Registered, soon, now)
		back(&e.Checked, soon, time.Time{})
		back(&e.Until, soon.Add(overlap+stuckEvery), now.Add(overlap))
	}
	return changed
}

// clone returns a copy that can be changed. Credentials and the lists in
// entries are shared; nothing changes those in place.
func (s *state) clone() *state {
	c := *s
	c.Active, c.Pending = s.Active.clone(), s.Pending.clone()
	c.Retiring = nil
	for _, e := range s.Retiring {
		c.Retiring = append(c.Retiring, e.clone())
	}
	return &c
}

func (e *entry) clone() *entry {
	if e == nil {
		return nil
	}
	c := *e
	return &c
}

// holds tells whether c is one of the credentials.
func (s *state) holds(c Credential) bool {
	return slices.ContainsFunc(s.entries(), func(e *entry) bool { return e.Credential.Fingerprint() == c.Fingerprint() })
}

// entries returns all of them: active, pending, then retiring, newest first.
func (s *state) entries() []*entry {
	var all []*entry
	for _, e := range []*entry{s.Active, s.Pending} {
		if e != nil {
			all = append(all, e)
		}
	}
	for _, e := range slices.Backward(s.Retiring) {
		all = append(all, e)
	}
	return all
}
