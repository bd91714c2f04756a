package replaytest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/dpop"
)

// TestMemory tests the cache of package dpop in a synctest bubble. The clock of a
// bubble starts at a full minute; the cache expires entries by tens of seconds.
func TestMemory(t *testing.T) {
	for _, l := range contract() {
		t.Run(l.name, func(t *testing.T) {
			for begin := time.Duration(0); begin < 10*time.Second; begin += 700 * time.Millisecond {
				synctest.Test(t, func(t *testing.T) {
					time.Sleep(begin)
					l.check(t, &dpop.Memory{MaxKey: l.maxKey})
				})
			}
		})
	}
}
