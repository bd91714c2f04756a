package selfservice

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parse reads a state as the tables below write it:
//
//	a > b+ < c- d
//
// Here a is active, b pending, c and d are retiring. A new credential is b? before
// the server has made it, then b, b+ when it is registered, b++ when it has been
// accepted once. An old one is d in its overlap, d. after that, d- deactivated,
// d-- removed, d! stuck. a* is due; a_ has not been listed yet; c# has an ID.
func parse(t *testing.T, text string, now time.Time) *state {
	s, place := &state{Rotations: 7, Lineage: "x"}, "active"
	for _, word := range strings.Fields(text) {
		switch word {
		case ">":
			place = "pending"
			continue
		case "<":
			place = "retiring"
			continue
		}
		name, marks := word[:1], word[1:]
		e := &entry{Credential: credential(name), Made: now.Add(-2 * time.Hour), Registered: now.Add(-2 * time.Hour), Registration: Registration{Fingerprint: credential(name).Fingerprint()}}
		if strings.Contains(marks, "#") {
			e.Registration.ID = "id-" + name
		}
		switch place {
		case "active":
			e.Since, e.Checked = now.Add(-2*time.Hour), now.Add(-time.Hour)
			if strings.Contains(marks, "*") {
				e.Made, e.Registered = now.AddDate(-1, 0, 0), now.AddDate(-1, 0, 0)
			}
			if strings.Contains(marks, "_") {
				e.Checked = time.Time{}
			}
			s.Active = e
		case "pending":
			e.Made, e.Registered = now.Add(-time.Minute), now.Add(-time.Minute)
			if !strings.Contains(marks, "+") {
				e.Registered = time.Time{}
			}
			if strings.Contains(marks, "++") {
				e.Proved = now.Add(-time.Minute)
			}
			if strings.Contains(marks, "?") {
				e.Credential, e.Registration = Credential{}, Registration{}
			}
			s.Pending = e
		case "retiring":
			e.Until, e.Checked = now.Add(time.Minute), now
			e.Off, e.Removed, e.Stuck = strings.Contains(marks, "-"), strings.Contains(marks, "--"), strings.Contains(marks, "!")
			if strings.Contains(marks, ".") || e.Off && !e.Removed {
				e.Until = now.Add(-time.Second)
			}
			if strings.Contains(marks, "_") {
				e.Checked = time.Time{}
			}
			s.Retiring = append(s.Retiring, e)
		}
	}
	require.NotNil(t, s.Active, text)
	return s
}

// picture is the inverse of parse, without what depends on the time.
func (s *state) picture() string {
	name := func(e *entry) string {
		for n := 'a'; n <= 'h'; n++ {
			if same(e.Credential, credential(string(n))) {
				return string(n)
			}
		}
		return "x?"
	}
	text := name(s.Active)
	if p := s.Pending; p != nil {
		text += " > " + name(p)
		if !p.Registered.IsZero() {
			text += "+"
		}
		if !p.Proved.IsZero() {
			text += "+"
		}
	}
	for i, e := range s.Retiring {
		if i == 0 {
			text += " <"
		}
		text += " " + name(e)
		for _, mark := range []struct {
			is bool
			as string
		}{{e.Off && !e.Removed, "-"}, {e.Removed, "--"}, {e.Stuck, "!"}} {
			if mark.is {
				text += mark.as
			}
		}
	}
	return text
}

func credential(name string) Credential {
	return Credential{Secret: keys.NewSecret("the secret of " + name)}
}

func same(a, b Credential) bool { return a.Fingerprint() == b.Fingerprint() }

// rulesOf returns the rules for a provider with those optional parts.
func rulesOf(parts string) rules {
	has := func(part string) bool { return slices.Contains(strings.Fields(parts), part) }
	m := rules{issues: has("issues"), switches: has("switches"), removes: has("removes"), purges: has("purges"), unassisted: has("unassisted"), owner: "me"}
	if has("nodes") {
		m.nodes = 10 * time.Second
	}
	return m
}

// TestNext is the table of the action that is due in each state.
func TestNext(t *testing.T) {
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		parts, state string
		do           action
		entry        string
		at           time.Duration
	}{
		{"", "a", idle, "", 23 * time.Hour}, // the daily check
		{"", "a_", look, "", 0},
		{"", "a*", begin, "", 0},
		{"", "a*_", begin, "", 0}, // a list that fails must not block it
		{"issues", "a > b?", issue, "", 0},
		{"", "a > b", register, "", 0},
		{"", "a > b+", prove, "", 0},
		{"", "a > b++", prove, "", 0},
		{"", "a < c", idle, "", time.Minute},
		{"", "a < c.", remove, "c", 0},
		{"removes", "a < c.", remove, "c", 0},
		{"removes", "a < c._", look, "c", 0}, // for its ID
		{"removes", "a < c._#", remove, "c", 0},
		{"", "a < c._", remove, "c", 0},
		{"switches removes", "a < c.", turnOff, "c", 0},
		{"switches removes", "a < c-", remove, "c", 0},
		{"removes purges nodes", "a < c--.", purge, "c", 0},
		{"removes purges nodes", "a < c--", idle, "", time.Minute},
		{"", "a > b < c.", remove, "c", 0},   // room for b
		{"", "a > b < c.!", register, "", 0}, // what is stuck comes last
		{"", "a* < c.!", begin, "", 0},
		{"", "a < c.!", remove, "c", 0},
		{"", "a < c.! d.", remove, "d", 0},
	} {
		s := parse(t, row.state, now)
		p := s.next(now, rulesOf(row.parts))
		assert.Equal(t, row.do, p.do, "%s, %s", row.state, row.parts)
		if row.do == idle {
			assert.Equal(t, row.at, p.at.Sub(now), row.state)
		}
		if row.entry != "" && assert.NotNil(t, p.entry, row.state) {
			assert.True(t, same(credential(row.entry), p.entry.Credential), row.state)
		}
	}
}

// TestTransitions is the table of the state after each outcome of each action. A
// new credential is b. TestRescues has what a rescue finds.
func TestTransitions(t *testing.T) {
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	unreachable := errors.New("unreachable")
	for _, row := range []struct {
		parts, from string
		do          action
		result      result
		err         error
		to          string
		event       EventKind // the last one
		fails       error
	}{
		{"", "a_", look, done, nil, "a", "", nil},
		{"", "a_", look, failed, unreachable, "a", "", unreachable},
		{"removes", "a < c._", look, unable, unreachable, "a < c!", "", unreachable},
		{"removes", "a < c._", look, unable, ErrInvalidClient, "a < c", "", nil},

		{"", "a", begin, done, nil, "a > b", EventStarted, nil},
		{"issues", "a", begin, done, nil, "a > x?", EventStarted, nil},
		{"", "a", begin, failed, unreachable, "a", "", unreachable},

		{"issues", "a > b?", issue, done, nil, "a > b+", EventRegistered, nil},
		{"issues", "a > b?", issue, failed, unreachable, "a > x?", "", unreachable},
		{"issues", "a > b? < c.!", issue, full, ErrLimit, "a > x? < c", "", ErrLimit},
		{"", "a > b", register, done, nil, "a > b+", EventRegistered, nil},
		{"", "a > b", register, failed, unreachable, "a > b", "", unreachable},
		{"", "a > b < c.! d.!", register, full, ErrLimit, "a > b < c d!", "", ErrLimit},

		{"", "a > b+", prove, done, nil, "b < a", EventSwitched, nil}, // one node: one success is proof
		{"nodes", "a > b+", prove, done, nil, "a > b++", "", nil},
		{"nodes", "a > b++", prove, done, nil, "b < a", EventSwitched, nil}, // a minute later
		{"nodes", "a > b+", prove, alone, nil, "b < a", EventSwitched, nil},
		{"nodes", "a > b++", prove, refused, nil, "a > b+", "", nil}, // by another node
		{"nodes", "a > b+", prove, refused, nil, "a > b+", "", nil},
		{"nodes", "a > b++", prove, failed, unreachable, "a > b++", "", unreachable},
		{"issues", "a > b+", prove, forgotten, nil, "a > x? < b", "", nil},
		{"issues", "a > b+ < c d e", prove, forgotten, nil, "a > x? < c d e", "", nil},

		{"switches", "a < c.", turnOff, done, nil, "a < c-", EventDisabled, nil},
		{"switches", "a < c.", turnOff, needed, nil, "c < a", EventRolledBack, nil},
		{"switches", "a < c.", turnOff, unable, unreachable, "a < c!", "", unreachable},
		{"switches", "a < c.", turnOff, failed, unreachable, "a < c", "", unreachable},

		{"removes", "a < c-", remove, done, nil, "a", EventRetired, nil},
		{"removes", "a < c- d", remove, done, nil, "a < d", EventRetired, nil},
		{"removes purges", "a < c-", remove, done, nil, "a", EventRetired, nil},
		{"removes purges nodes", "a < c-", remove, done, nil, "a < c--", "", nil},
		{"removes", "a < c-", remove, unable, unreachable, "a < c-!", "", unreachable},
		{"removes", "a < c.", remove, failed, ErrInvalidClient, "a < c", "", ErrInvalidClient},
		{"removes purges nodes", "a < c--.", purge, done, nil, "a", EventRetired, nil},
		{"removes purges nodes", "a < c--.", purge, unable, unreachable, "a < c--!", "", unreachable},

		{"", "a > b+ < c", rescue, failed, nil, "a > b+ < c", "", nil},
		{"", "a > b+ < c", rescue, refused, ErrInvalidClient, "a > b+ < c", "", ErrLockedOut},
		{"unassisted", "a", rescue, refused, ErrInvalidClient, "a > b", EventStarted, nil},
		{"unassisted", "a < c", rescue, refused, ErrInvalidClient, "a > b < c!", EventStarted, nil},
		{"unassisted", "a > b", rescue, refused, ErrInvalidClient, "a > b", "", nil}, // under way
		{"unassisted issues", "a", rescue, refused, ErrInvalidClient, "a > x?", EventStarted, nil},
		{"unassisted issues", "a > b+", rescue, refused, ErrInvalidClient, "a > x? < b", EventFailed, nil},
	} {
		s := parse(t, row.from, now)
		p, o := plan{do: row.do}, outcome{result: row.result, err: row.err, began: now}
		m := rulesOf(row.parts)
		if len(s.Retiring) > 0 {
			p.entry = s.Retiring[0]
		}
		if row.do == begin && !m.issues || row.do == issue || row.do == rescue && !m.issues {
			o.credential = credential("b")
		}
		name := fmt.Sprint(row.from, " ", row.do, " ", row.result, " ", row.parts)
		before := s.clone()
		c := s.apply(p, o, now, m)
		assert.Equal(t, row.to, s.picture(), name)
		assert.ErrorIs(t, c.err, row.fails, name)
		if row.fails == nil {
			assert.NoError(t, c.err, name)
		}
		if len(c.events) == 0 {
			assert.Empty(t, row.event, name)
		} else {
			assert.Equal(t, row.event, c.events[len(c.events)-1].Kind, name)
		}
		assert.Equal(t, !assert.ObjectsAreEqual(before, s), c.save, "%s: exactly what changes is saved", name)
	}
}

// TestRescues is the table of what serves in place of an active credential that the
// server refuses.
func TestRescues(t *testing.T) {
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		from, works string
		soon        bool // after the switch
		tried, to   string
		event       EventKind
	}{
		{"a > b+ < c d", "a", false, "a b d c g", "a > b+ < c d", ""},
		{"a > b+ < c d", "b", false, "a b d c g", "b < c d a", EventSwitched},
		{"a > b+ < c d", "c", false, "a b d c g", "c > b+ < d a", EventRolledBack},
		{"a < c d--", "c", false, "a c g", "c < d-- a", EventRolledBack},
		{"a < c", "c", true, "c a g", "c > a+", EventRolledBack}, // put back to pending
		{"a < c-", "c", true, "a c g", "c < a", EventRolledBack},
		{"a < c", "c", false, "a c g", "c < a", EventRolledBack},
		{"a < c", "g", false, "a c g", "g < c a", EventAdopted},
		{"a > b?", "a", false, "a g", "a > x?", ""},
	} {
		s, m := parse(t, row.from, now), rulesOf("nodes")
		if row.soon {
			s.Active.Registered = now.Add(-time.Minute)
		}
		var tried []string
		o := outcome{result: done, began: now}
		for _, e := range s.candidates(now, m, credential("g"), false) {
			for n := 'a'; n <= 'h'; n++ {
				if same(e.Credential, credential(string(n))) {
					tried = append(tried, string(n))
				}
			}
			if same(e.Credential, credential(row.works)) {
				o.works = e
			}
		}
		assert.Equal(t, row.tried, strings.Join(tried, " "), row.from)
		c := s.apply(plan{do: rescue}, o, now, m)
		assert.Equal(t, row.to, s.picture(), row.from+" works "+row.works)
		assert.Equal(t, row.event != "", c.save && len(c.events) == 1 && c.events[0].Kind == row.event, row.from)
	}
	s := parse(t, "a > b+ < c d", now)
	var held []bool
	for _, e := range s.candidates(now, rulesOf(""), credential("g"), true) {
		held = append(held, same(e.Credential, credential("a")) || same(e.Credential, credential("b")))
	}
	assert.Equal(t, []bool{true, true}, held, "the holder of the lease may be removing an old one")
}
