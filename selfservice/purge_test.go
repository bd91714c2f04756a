package selfservice_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPurgeFollowsTheRemovalAfterItsPropagation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		var purged []string
		var down error
		p := purging{removing{&hookedProvider{Provider: server.OnlyRemoves(nil), purge: func(r selfservice.Registration) error {
			if down == nil {
				purged = append(purged, r.Fingerprint)
			}
			return down
		}}}}
		r, first := adopted(t, server, p)
		r.Timing = selfservice.Timing{}
		require.NoError(t, r.Rotate(t.Context()))
		time.Sleep(time.Hour)
		require.NoError(t, steps(t, r))
		assert.False(t, server.Accepts(first.Fingerprint()), "removed")
		assert.Empty(t, purged)
		st := status(t, r)
		require.Len(t, st.Retiring, 1)
		assert.Equal(t, time.Now().Add(time.Minute), st.Next)
		other := refuse(t, r, clientSecret(t, r))
		assert.True(t, other.Equal(clientSecret(t, r)), "a removed credential is not offered")

		time.Sleep(time.Minute)
		down = errors.New("unreachable")
		require.ErrorIs(t, steps(t, r), down)
		down = nil
		again := &selfservice.Rotator{Provider: p, Store: r.Store} // after a crash
		time.Sleep(15 * time.Minute)
		require.NoError(t, steps(t, again))
		assert.Equal(t, []string{first.Fingerprint()}, purged)
		st = status(t, again)
		assert.Empty(t, st.Retiring)
	})
}

func TestOneNodeHasNothingToPurge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		r, _ := adopted(t, server, purging{removing{&hookedProvider{Provider: server.OnlyRemoves(nil)}}})
		require.Equal(t, oneNode, r.Timing)
		require.NoError(t, r.Rotate(t.Context()))
		time.Sleep(time.Hour)
		require.NoError(t, steps(t, r))
		st := status(t, r)
		assert.Empty(t, st.Retiring)
	})
}
