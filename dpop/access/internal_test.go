package access

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// AssertBounded checks the size of the cache.
func AssertBounded(t *testing.T, i *Introspector) {
	assert.LessOrEqual(t, i.inactive.size, maxInactive)
	assert.Len(t, i.inactive.entries, maxInactive/entrySize)
	assert.Len(t, i.active.entries, 1)
	assert.Empty(t, i.asking)
}

// Forget empties the cache, so that the next token is verified again.
func (v *Verifier) Forget() {
	v.verified.entries, v.verified.size = nil, 0
	v.verified.recent.Init()
}

func TestCache(t *testing.T) {
	var c cache[int]
	now := time.Now()
	of := func(n int) digest { return digestOf(strconv.Itoa(n)) }
	for n := range 10 {
		c.put(of(n), n, 1<<10, now.Add(time.Minute), 10<<10) // room for five
	}
	for n := range 10 {
		got, ok := c.get(of(n), now)
		assert.Equal(t, n >= 5, ok)
		assert.True(t, !ok || got == n)
	}
	c.get(of(5), now) // used last
	c.put(of(6), 60, 1<<10, now.Add(time.Second), 10<<10)
	c.put(of(10), 10, 1<<10, now.Add(time.Minute), 10<<10)
	_, ok := c.get(of(7), now)
	assert.False(t, ok, "used longest ago")
	got, ok := c.get(of(6), now)
	assert.True(t, ok && got == 60)
	_, ok = c.get(of(6), now.Add(time.Second))
	assert.False(t, ok)
	assert.Equal(t, 4*2<<10, c.size)
	c.put(of(11), 11, 20<<10, now.Add(time.Minute), 10<<10) // larger than the cache
	assert.Zero(t, c.size)
	assert.Empty(t, c.entries)
}
