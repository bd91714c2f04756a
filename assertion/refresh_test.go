package assertion

import (
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
)

// The monotonic clock stops while a machine sleeps, and the wall clock may be set.
func TestReachedByEitherClock(t *testing.T) {
	now := time.Now()
	assert.True(t, reached(now, now))
	assert.True(t, reached(now.Add(-time.Second), now))
	assert.False(t, reached(now.Add(time.Second), now))
	assert.True(t, reached(time.Time{}, now))

	// A test cannot make the clocks differ, so this changes the monotonic reading,
	// which is the second word of a time.Time.
	later := now.Add(time.Minute)
	asleep, setBack := later, later
	(*[2]int64)(unsafe.Pointer(&asleep))[1] -= int64(time.Hour)
	assert.Equal(t, -59*time.Minute, asleep.Sub(now))
	assert.Equal(t, later.UnixNano(), asleep.UnixNano())
	assert.True(t, reached(now, asleep), "by the wall clock: the machine slept for an hour")
	setBack = setBack.Add(-time.Hour)
	(*[2]int64)(unsafe.Pointer(&setBack))[1] += int64(time.Hour)
	assert.Equal(t, time.Minute, setBack.Sub(now))
	assert.True(t, reached(now, setBack), "by the monotonic clock: someone set the wall clock back")
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
	assert.Equal(t, time.Hour, pause(1, &Error{Rule: ErrRefused, Wait: time.Hour}))
}
