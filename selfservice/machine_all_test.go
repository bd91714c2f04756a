package selfservice

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNothingIsThrownAway makes every state, has every kind of provider report
// every outcome of the action that is due and of a rescue, and holds what
// follows against the rules of a rotation.
func TestNothingIsThrownAway(t *testing.T) {
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	possible := map[action][]result{ // what act and rescue report
		look: {failed, done, unable}, begin: {failed, done}, issue: {failed, done, full}, register: {failed, done, full},
		prove: {failed, done, refused, forgotten, alone}, turnOff: {failed, done, needed, unable}, remove: {failed, done, unable},
		purge: {done, unable}, rescue: {failed, done, refused},
	}
	var froms []string
	for _, active := range []string{"a", "a*", "a_"} {
		for _, pending := range []string{"", " > b?", " > b", " > b+", " > b++"} {
			for _, retiring := range []string{"", " < c", " < c.", " < c._", " < c-", " < c--.", " < c!", " < c.! d. e--.", " < c. d e f"} {
				froms = append(froms, active+pending+retiring)
			}
		}
	}
	count := 0
	for parts := range 1 << 6 {
		var has []string
		for i, part := range []string{"issues", "switches", "removes", "purges", "unassisted", "nodes"} {
			if parts&(1<<i) != 0 {
				has = append(has, part)
			}
		}
		m := rulesOf(strings.Join(has, " "))
		for _, from := range froms {
			for _, refusedBefore := range []bool{false, true} {
				for r := failed; r <= unable; r++ {
					s := parse(t, from, now)
					p, o := s.next(now, m), outcome{result: r, began: now}
					if refusedBefore {
						p = plan{do: rescue}
					}
					if !slices.Contains(possible[p.do], r) || p.do == look && (p.entry == nil) == (r == unable) && r != done {
						continue
					}
					o.err = map[result]error{failed: errors.New("unreachable"), full: ErrLimit, unable: ErrInvalidClient, refused: ErrInvalidClient}[r]
					if p.do == prove && r == refused {
						o.err = nil
					}
					if r == done && p.do == rescue {
						o.works = s.entries()[len(s.entries())-1]
						if o.works.Credential.IsZero() || o.works.Removed {
							o.works = s.Active
						}
					}
					if p.do != register {
						o.credential = credential("h")
					}
					count++
					hold(t, fmt.Sprint(from, " ", has, " ", p.do, " ", r), s, p, o, now, m)
				}
			}
		}
	}
	assert.Greater(t, count, 50_000)
}

// hold applies an outcome and checks the rules.
func hold(t *testing.T, name string, s *state, p plan, o outcome, now time.Time, m rules) {
	t.Helper()
	before := s.clone()
	c := s.apply(p, o, now, m)
	require.NotNil(t, s.Active, name)
	require.False(t, s.Active.Credential.IsZero(), name)
	require.False(t, s.Active.Removed, name)
	if !c.save {
		require.Equal(t, before, s, name)
	} else if p.do != rescue { // whose states are those of the others
		blob, err := s.encode()
		require.NoError(t, err, name)
		_, err = decode(blob, "1")
		require.NoError(t, err, name)
	}
	seen := map[string]bool{}
	for _, e := range s.entries() {
		if !e.Credential.IsZero() {
			require.False(t, seen[e.Credential.Fingerprint()], "twice: %s", name)
			seen[e.Credential.Fingerprint()] = true
		}
	}
	for _, e := range before.entries() {
		if e.Credential.IsZero() || seen[e.Credential.Fingerprint()] {
			continue
		}
		gone := (p.do == remove || p.do == purge) && o.result == done && same(e.Credential, p.entry.Credential)
		lost := m.issues && len(before.Retiring) >= 3 && before.Pending != nil && same(e.Credential, before.Pending.Credential)
		require.True(t, gone || lost, "%s: %s is lost", name, e.Credential.Fingerprint())
	}
	for _, e := range s.Retiring {
		require.False(t, e.Until.IsZero(), name)
	}
	if !same(s.Active.Credential, before.Active.Credential) { // only what has been proved is served
		works := o.works != nil && same(o.works.Credential, s.Active.Credential)
		require.True(t, works || p.do == prove && (o.result == done || o.result == alone) || p.do == turnOff && o.result == needed, name)
	}
}
