package dpop

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestClockThatIsSetBack: a clock that was an hour ahead
// has made the cache forget; what it has forgotten looks good again, and is not
// taken. New proofs are, within seconds of their own lifetime.
func TestClockThatIsSetBack(t *testing.T) {
	var m Memory
	insert := func(until time.Time) error {
		return m.Insert(t.Context(), Entry{ID: [32]byte{byte(until.Unix())}, Until: until})
	}
	now := time.Now()
	first := now.Add(time.Minute)
	require.NoError(t, insert(first))
	require.ErrorIs(t, insert(first), ErrReplayed)
	require.True(t, m.forgetAll(now.Add(time.Hour)))
	require.Zero(t, m.total.Load())

	require.ErrorIs(t, insert(first), ErrProofTime)
	require.ErrorIs(t, insert(first.Add(-30*time.Second)), ErrProofTime)
	next := now.Add(time.Minute + generationLength*time.Second)
	require.NoError(t, insert(next))
	require.ErrorIs(t, insert(next), ErrReplayed)
}
