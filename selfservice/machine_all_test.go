//go:build !race

package selfservice

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestNothingIsThrownAway applies every outcome of the action that is due, and
// of a rescue, to every state, for every kind of provider, and checks the
// result against the rules of a rotation. It does so in one goroutine, where the
// race detector finds nothing and takes ten times as long.
func TestNothingIsThrownAway(t *testing.T) {
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	possible := map[action][]result{ // what act and rescue report
		look: {failed, done, unable}, begin: {failed, done}, issue: {failed, done, full}, register: {failed, done, full},
		prove: {failed, done, refused, forgotten, alone}, turnOff: {failed, done, needed, unable}, remove: {failed, done, unable},
		purge: {done, unable}, rescue: {failed, done, refused},
	}
	errs := map[result]error{failed: errors.New("unreachable"), full: ErrLimit, unable: ErrInvalidClient, refused: ErrInvalidClient}
	states := map[string]*state{}
	for _, active := range []string{"a", "a*", "a_"} {
		for _, pending := range []string{"", " > b?", " > b", " > b+", " > b++"} {
			for _, retiring := range []string{"", " < c", " < c.", " < c._", " < c-", " < c--.", " < c!", " < c.! d. e--.", " < c. d e f"} {
				from := active + pending + retiring
				states[from] = parse(t, from, now)
			}
		}
	}
	count, other := 0, credential("h")
	for parts := range 1 << 6 {
		var has []string
		for i, part := range []string{"issues", "switches", "removes", "purges", "unassisted", "nodes"} {
			if parts&(1<<i) != 0 {
				has = append(has, part)
			}
		}
		m := rulesOf(strings.Join(has, " "))
		for from, before := range states {
			for _, refusedBefore := range []bool{false, true} {
				for r := failed; r <= unable; r++ {
					s := before.clone()
					p, o := s.next(now, m), outcome{result: r, began: now, err: errs[r]}
					if refusedBefore {
						p = plan{do: rescue}
					}
					if !slices.Contains(possible[p.do], r) || p.do == look && (p.entry == nil) == (r == unable) && r != done {
						continue
					}
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
						o.credential = other
					}
					count++
					if rule := broken(before, s, p, o, now, m); rule != "" {
						t.Fatal(fmt.Sprint(from, " ", has, " ", p.do, " ", r, ": ", rule))
					}
				}
			}
		}
	}
	assert.Greater(t, count, 50_000)
}

// broken applies an outcome to s, a clone of before, and returns the rule that
// the result breaks.
func broken(before, s *state, p plan, o outcome, now time.Time, m rules) string {
	c := s.apply(p, o, now, m)
	switch {
	case s.Active == nil || s.Active.Credential.IsZero() || s.Active.Removed:
		return "nothing is active"
	case !c.save && !reflect.DeepEqual(before, s):
		return "a change is not saved"
	case c.save && p.do != rescue: // whose states are those of the others
		blob, err := s.encode()
		if err == nil {
			_, err = decode(blob, "1")
		}
		if err != nil {
			return err.Error()
		}
	}
	seen := map[string]bool{}
	for _, e := range s.entries() {
		if seen[e.Credential.Fingerprint()] && !e.Credential.IsZero() {
			return "a credential is there twice"
		}
		seen[e.Credential.Fingerprint()] = true
	}
	for _, e := range before.entries() {
		if e.Credential.IsZero() || seen[e.Credential.Fingerprint()] {
			continue
		}
		gone := (p.do == remove || p.do == purge) && o.result == done && same(e.Credential, p.entry.Credential)
		lost := m.issues && len(before.Retiring) >= 3 && before.Pending != nil && same(e.Credential, before.Pending.Credential)
		if !gone && !lost {
			return "a credential is lost"
		}
	}
	if slices.ContainsFunc(s.Retiring, func(e *entry) bool { return e.Until.IsZero() }) {
		return "an overlap has no end"
	}
	if !same(s.Active.Credential, before.Active.Credential) {
		works := o.works != nil && same(o.works.Credential, s.Active.Credential)
		if !works && !(p.do == prove && (o.result == done || o.result == alone)) && !(p.do == turnOff && o.result == needed) {
			return "a credential is served that is not proved"
		}
	}
	return ""
}
