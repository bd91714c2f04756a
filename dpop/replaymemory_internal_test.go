package dpop

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A clock that was an hour ahead made the cache drop entries whose proofs now look
// valid again. They are refused. New proofs are accepted within seconds.
func TestClockSetBack(t *testing.T) {
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
