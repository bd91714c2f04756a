package selfservice_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestForkOfTheStoreIsJoined has a store lose its last commits, and a replica that
// never read them write more often than they were, before the replica that made
// them reads it again. What only that one knows is kept, and removed at the server
// later: there is room for two.
func TestForkOfTheStoreIsJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{Room: 2, Validity: 20 * day}
		store := &backup{}
		store.disk.Store(&selfservice.Mem{})
		first := secretCredential("the first secret, made by hand")
		server.Adopt(first)
		one := &selfservice.Rotator{Provider: server.OnlyRemoves(nil), Store: store, Timing: oneNode}
		one.Timing.Reread = 10 * time.Minute
		two := &selfservice.Rotator{Provider: server.OnlyRemoves(nil), Store: store, Timing: oneNode}
		events := record(one)
		require.NoError(t, one.Adopt(t.Context(), first))
		clientSecret(t, two) // reads the store
		go one.Run(t.Context())
		time.Sleep(time.Minute)
		store.keep(t)
		require.NoError(t, one.Rotate(t.Context()))
		second := fingerprint(clientSecret(t, one))
		time.Sleep(2 * time.Second)
		store.restore(t)
		for range 4 {
			assert.ErrorIs(t, two.Rotate(t.Context()), selfservice.ErrLimit)
			time.Sleep(5 * time.Second)
		}
		go two.Run(t.Context())
		time.Sleep(10 * time.Minute)
		assert.Equal(t, 1, events.count(selfservice.EventDamaged))
		time.Sleep(2 * time.Hour)
		assert.False(t, server.Knows(second) && server.Knows(first.Fingerprint()), "there is room again")
		time.Sleep(50 * day)
		for _, r := range []*selfservice.Rotator{one, two} {
			assert.True(t, server.Accepts(fingerprint(clientSecret(t, r))))
		}
		assert.GreaterOrEqual(t, status(t, two).Rotations, 3)
	})
}

// TestTwoLineagesBecomeOne empties the store, and has a new replica adopt the first
// credential before the old one has read it.
func TestTwoLineagesBecomeOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		store := &backup{}
		store.disk.Store(&selfservice.Mem{})
		counted := &hookedStore{Store: store}
		timing := selfservice.Timing{Propagation: -1, MaxAge: 2 * day}
		first := secretCredential("the first secret, made by hand")
		server.Adopt(first)
		one := &selfservice.Rotator{Provider: server.OnlyRemoves(nil), Store: counted, Timing: timing}
		require.NoError(t, one.Adopt(t.Context(), first))
		go one.Run(t.Context())
		time.Sleep(time.Second)
		require.NoError(t, one.Rotate(t.Context()))
		time.Sleep(3 * time.Hour)
		store.disk.Store(&selfservice.Mem{})
		server.Adopt(first)
		two := &selfservice.Rotator{Provider: server.OnlyRemoves(nil), Store: counted, Timing: timing}
		require.NoError(t, two.Adopt(t.Context(), first))
		go two.Run(t.Context())
		saves, registered := counted.saves.Load(), server.Registered()
		for range 20 * 24 * 60 {
			time.Sleep(time.Minute)
			for _, r := range []*selfservice.Rotator{one, two} {
				require.True(t, server.Accepts(fingerprint(clientSecret(t, r))))
			}
		}
		assert.LessOrEqual(t, server.Registered()-registered, 11)
		assert.Less(t, counted.saves.Load()-saves, int64(1000), "they do not write over each other")
		assert.LessOrEqual(t, server.Count(), 2, "the active one, and one in its overlap")
	})
}
