package helseidtest_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNodesLearnOneAfterTheOther of a registered key, of one that it replaces, and
// of one that is removed by hand.
func TestNodesLearnOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := helseidtest.NewHandler("http://127.0.0.1")
		server.Nodes, server.Lag, server.Replace = 5, time.Minute, helseidtest.AtOnce
		byHand, first, next := keystest.Key(t, keys.ES256), keystest.Key(t, keys.ES256), keystest.Key(t, keys.ES256)
		server.AddClient("app", byHand.PublicKey())
		client := &helseid.Client{Environment: server.Environment(), ClientID: "app", Base: providertest.Handler(server)}
		takers := func(key *keys.Key) (n int) {
			for range server.Nodes {
				if client.VerifyKey(t.Context(), key) == nil {
					n++
				}
			}
			return n
		}
		assert.Equal(t, 5, takers(byHand))
		_, err := client.UpdateClientSecret(t.Context(), byHand, first.PublicKey())
		require.NoError(t, err)
		time.Sleep(time.Hour)
		require.Equal(t, 5, takers(first))
		_, err = client.UpdateClientSecret(t.Context(), byHand, next.PublicKey())
		require.NoError(t, err)
		server.RemoveKey("app", byHand.PublicKey())
		assert.Len(t, server.Keys("app"), 1, "the list changes at once")
		for minute := range 5 {
			assert.Equal(t, minute+1, takers(next), minute)
			assert.Equal(t, 4-minute, takers(first), minute)
			assert.Equal(t, 4-minute, takers(byHand), minute)
			assert.Equal(t, minute == 4, server.Accepts("app", next.Thumbprint()))
			assert.False(t, server.Accepts("app", first.Thumbprint()))
			time.Sleep(time.Minute)
		}
		registered := slices.ContainsFunc(server.Keys("app"), func(s helseid.ClientSecret) bool { return s.Thumbprint == next.Thumbprint() })
		assert.True(t, registered)
	})
}
