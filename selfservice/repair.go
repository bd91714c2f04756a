package selfservice

import (
	"slices"
	"strings"
	"time"
)

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
// a standby without the last commits, or an empty store. What another Adopt has
// begun since counts as older unless it holds all that s holds.
func (s *state) goneBack(stored *state) bool {
	if stored.Active == nil || stored.Lineage == s.Lineage {
		return stored.Active == nil || stored.Serial <= s.Serial
	}
	return slices.ContainsFunc(s.entries(), func(e *entry) bool { return !e.Credential.IsZero() && !stored.holds(e.Credential) })
}

// restore returns what is to be stored in place of a state that is older than s:
// s, and as old ones what only the older one has. The server may know it.
func (s *state) restore(older *state, until time.Time) *state {
	c := s.clone()
	c.version, c.Lease, c.restored = older.version, older.Lease, true
	c.Serial, c.Rotations = max(s.Serial, older.Serial), max(s.Rotations, older.Rotations)
	c.Saves = joined(s.Saves, older.last(), s.last())
	c.include(older, until)
	return c
}

// rejoin returns what is to be stored in place of a fork, which others have
// written without knowing of s, after a store lost commits. What only s has
// becomes old in it. Until that is saved the fork still counts as one.
func (s *state) rejoin(fork *state, until time.Time) *state {
	c := fork.clone()
	c.restored, c.Rotations = true, max(s.Rotations, fork.Rotations)
	c.Saves = joined(fork.Saves, s.last())
	c.include(s, until)
	return c
}

// include takes in as old ones, until then, the credentials of other that s has not.
func (s *state) include(other *state, until time.Time) {
	for _, e := range other.entries() {
		if !e.Credential.IsZero() && !s.holds(e.Credential) {
			e = e.clone()
			e.Until, e.Before, e.Off, e.Removed, e.Stuck = until, nil, false, false, false
			s.Retiring = append([]*entry{e}, s.Retiring...)
		}
	}
}

// forked reports whether stored, which has been saved more often than s, was made
// without knowledge of s.
func (s *state) forked(stored *state) bool {
	if stored.Active == nil || stored.Lineage != s.Lineage || s.Saves == "" || stored.Saves == "" || stored.Serial-s.Serial >= savesKept {
		return false
	}
	for saves := stored.Saves; len(saves) >= saveName; saves = saves[saveName:] {
		if saves[:saveName] == s.last() {
			return false
		}
	}
	return true
}

// Each save has a random name, and a state the names of the last ones that led
// to it: more than are made between two readings of the store.
const (
	saveName  = 8 // characters
	savesKept = 32
)

// last returns the name of the save that made s.
func (s *state) last() string { return s.Saves[max(0, len(s.Saves)-saveName):] }

// joined appends names of saves, and keeps the last ones.
func joined(names ...string) string {
	all := strings.Join(names, "")
	return all[max(0, len(all)-savesKept*saveName):]
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
