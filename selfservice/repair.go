package selfservice

import "time"

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
