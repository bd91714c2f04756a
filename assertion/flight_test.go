package assertion

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestReachedByEitherClock: what no clock of a test can do. The monotonic
// clock stands still while a machine sleeps, and the wall clock may be set.
func TestReachedByEitherClock(t *testing.T) {
	now := time.Now()
	wall := now.Round(0) // a time without its monotonic part is compared by the wall clock
	assert.True(t, reached(now, now))
	assert.True(t, reached(now.Add(-time.Second), now))
	assert.False(t, reached(now.Add(time.Second), now))
	assert.True(t, reached(wall, now), "woken up after it, by the wall clock alone")
	assert.False(t, reached(wall.Add(time.Second), now))
	assert.True(t, reached(time.Time{}, now))
}

func TestPauseGrowsAndEnds(t *testing.T) {
	for failures, longest := range map[int]time.Duration{
		1: 250 * time.Millisecond, 2: 500 * time.Millisecond, 7: 16 * time.Second, 8: 30 * time.Second, 1 << 30: 30 * time.Second,
	} {
		for range 50 {
			p := pause(failures, nil)
			assert.LessOrEqual(t, p, longest)
			assert.Greater(t, p, longest*3/4-1)
		}
	}
	assert.Equal(t, time.Hour, pause(1, &Error{Rule: ErrRefused, RetryAfter: time.Hour}))
}
