// Package providertest checks a selfservice.Provider. First it makes every call
// that the provider has, and checks it against what package selfservice says of
// it; a failure names the call and the rule. Then it makes whole rotations and,
// at every point where one touches the store or the server, lets the call fail,
// loses its reply or kills the process. Whatever happens, the client must not
// be locked out and the next start must finish the rotation.
//
//	providertest.Run(t, func(t *testing.T) *providertest.Target { … })
//
// The points are found by making a rotation, not listed: a provider that makes
// another request gets another test.
package providertest

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/nokkel/nokkel/selfservice"
)

// Target is a client at a fresh server.
type Target struct {
	// Provider returns a provider of a newly started process; all its calls
	// go through io.
	Provider func(io *IO) selfservice.Provider

	// First is the credential that was registered by hand.
	First selfservice.Credential

	// Accepts is the server's own view: whether the credential of that
	// fingerprint would get a token now, whichever node it meets.
	Accepts func(fingerprint string) bool

	// Nodes is how many nodes the server has that learn of a change one after the
	// other; zero: one. With more of them a caller asks a replica of the Rotator
	// for a credential all the time, and must never be refused with it, unless
	// the server is AtOnce or ServerMade: then no credential is accepted by all
	// nodes while they learn.
	Nodes int

	// Turn gives each point one fault instead of all four: the first point this
	// one, the second point the one declared after it, and so on in turn.
	Turn Fault

	// Knows reports whether the credential is registered, at a server that takes
	// time to accept a new one. Nil: Accepts.
	Knows func(fingerprint string) bool

	// Registered counts the credentials that the rotation made the server
	// add; nil: not checked.
	Registered func() int

	// Gone reports whether a retired credential must not be accepted after the
	// rotation; false for servers that keep it.
	Gone bool

	// AtOnce is set for servers that end the old credential at the moment they
	// accept the new one: until the switch the active credential is refused and
	// the pending one works. Otherwise the active one must be accepted at every
	// instant.
	AtOnce bool

	// ServerMade is set for servers that make the secret and end the old one at
	// the same moment: between its reply and the save no stored credential is
	// accepted, and no client could change that. The secret must be there again
	// after the restart.
	ServerMade bool

	// Timing overrides; zero values are made short or left at the default.
	Timing selfservice.Timing

	Store selfservice.Store // nil: a selfservice.Mem
}

// Run checks the provider's calls, and makes the rotation once without a fault
// and once for each fault at each point. Where a rotation repeats a request
// while it waits for the server, the first two and the last one get faults. It
// runs in a testing/synctest bubble, so waiting takes no time; servers are
// reached by [Handler].
func Run(t *testing.T, start func(t *testing.T) *Target) {
	t.Helper()
	var points []point
	var target *Target
	synctest.Test(t, func(t *testing.T) {
		for _, broken := range breaches(t.Context(), start(t)) {
			t.Error(broken)
		}
	})
	if t.Failed() {
		return
	}
	synctest.Test(t, func(t *testing.T) {
		target = start(t)
		points = rotation(t, target, 0, None)
	})
	if t.Failed() {
		return
	}
	chosen, runs := distinct(points), 0
	for n, i := range chosen {
		for _, fault := range target.faults(n) {
			ok := t.Run(fmt.Sprintf("%d %s %s", i+1, points[i].name, fault), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { rotation(t, start(t), i+1, fault) })
			})
			runs++
			if !ok && runs > 20 {
				t.Fatal("too many failures")
			}
		}
	}
	t.Logf("faults at %d of %d points: %d rotations, each finished and never locked out", len(chosen), len(points), runs)
}

// faults are those of the n-th point.
func (t *Target) faults(n int) []Fault {
	all := []Fault{ErrorBefore, ErrorAfter, CrashBefore, CrashAfter}
	first := slices.Index(all, t.Turn)
	if first < 0 {
		return all
	}
	return all[(first+n)%len(all):][:1]
}

// distinct leaves out points that are like others: the same call while the
// same was stored, but for the first two and the last one.
func distinct(points []point) (chosen []int) {
	count, seen := map[point]int{}, map[point]int{}
	for _, p := range points {
		count[p]++
	}
	for i, p := range points {
		if seen[p]++; seen[p] <= 2 || seen[p] == count[p] {
			chosen = append(chosen, i)
		}
	}
	return chosen
}
