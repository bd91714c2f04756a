package selfservice

import (
	"slices"
	"time"
)

// lease says which replica moves the rotation on. It is no lock: a holder that
// oversleeps finds its next save refused, and every remote step may be
// repeated. It keeps replicas from doing the same work twice.
type lease struct {
	Owner string    `json:"owner,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// heldByOther reports whether another than owner holds the lease. A lease that
// ends later than any replica could have said comes from a clock that was
// stepped and does not count.
func (c lease) heldByOther(owner string, now time.Time, length time.Duration) bool {
	return c.Owner != "" && c.Owner != owner && now.Before(c.Until) && c.Until.Sub(now) <= 2*length
}

// hold makes this replica the one that moves the rotation on.
func (s *state) hold(now time.Time, m rules) { s.Lease = lease{m.owner, now.Add(m.lease())} }

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

// holds reports whether c is one of the credentials.
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

// registration is what the provider needs to find the credential, also when
// the server never told of it.
func (e *entry) registration() Registration {
	reg := e.Registration
	if reg.Fingerprint == "" {
		reg.Fingerprint = e.Credential.Fingerprint()
	}
	if reg.KeyID == "" {
		reg.KeyID = e.Credential.KeyID()
	}
	return reg
}

// keep takes in a secret that the server issued to a replica that has
// overslept its lease: nobody else has it, and it may be the one that the server
// accepts.
func (s *state) keep(issued *entry, now time.Time, m rules) {
	if s.Pending == nil || !s.Pending.Credential.IsZero() {
		issued.Before = nil
		s.retire(issued, now, m)
	} else {
		s.Pending = issued
	}
}

// goneBack reports whether stored, which was read after s, is older: a backup,
// a standby without the last commits, or an empty store.
func (s *state) goneBack(stored *state) bool {
	return stored.Active == nil || stored.Lineage != s.Lineage || stored.Serial <= s.Serial
}

// restore returns what is to be stored in place of a state that is older than s.
// It is s, and what only the older one has is kept as old until then: the server
// may know it.
func (s *state) restore(older *state, until time.Time) *state {
	c := s.clone()
	c.version, c.Lease, c.restored = older.version, older.Lease, true
	c.Serial, c.Rotations = max(s.Serial, older.Serial), max(s.Rotations, older.Rotations)
	for _, e := range older.entries() {
		if !e.Credential.IsZero() && !c.holds(e.Credential) {
			e = e.clone()
			e.Until, e.Before, e.Off, e.Removed, e.Stuck = until, nil, false, false, false
			c.Retiring = append([]*entry{e}, c.Retiring...)
		}
	}
	return c
}

// mend takes back what was written while a clock was far ahead, or an overlap
// could last for years. It reports whether there was any. What differs by less
// than an hour may be another replica's clock.
func (s *state) mend(now time.Time, m rules) (changed bool) {
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
		back(&e.Until, soon.Add(m.overlap()+stuckEvery), now.Add(m.overlap()))
	}
	return changed
}
