package dcr_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPropagation checks that a new credential becomes active, and the old key is
// purged, no sooner than all nodes can know.
func TestPropagation(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{0: 10 * time.Second, time.Minute: time.Minute, -1: 0} {
		for _, kind := range []string{"keys", "keys that are purged", "secret"} {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(map[string]any{"client_name": "App"})
				s.rotatesSecret, s.overlap = time.Hour, true
				c := client(t, s)
				c.Propagation = given
				c.Verify = func(context.Context, dcr.Attempt) error { return nil } // by a node that learned at once
				var purged time.Time
				if kind == "keys that are purged" {
					c.Purge = func(context.Context, selfservice.Credential) error { purged = time.Now(); return nil }
				}
				provider, first := c.Keys(), selfservice.Credential{Key: newKey(t)}
				if kind == "secret" {
					provider, first = c.Secret(post), s.credential()
				}
				r := &selfservice.Rotator{Provider: provider, Store: &selfservice.Mem{}}
				require.NoError(t, r.Adopt(t.Context(), first))
				start := time.Now()
				require.NoError(t, r.Rotate(t.Context()))
				took := time.Since(start)
				assert.GreaterOrEqual(t, took, want, kind)
				assert.Less(t, took, want+10*time.Second, kind)

				for range 10 {
					time.Sleep(time.Hour)
					r.RunDue(t.Context())
				}
				assert.Equal(t, kind == "keys that are purged" && want > 0, !purged.IsZero(), "%s: %v", kind, given)
			})
		}
	}
}

// TestASecretThatNeverExpires is kept with MaxAge -1. By default the error says so
// once a rotation is due.
func TestASecretThatNeverExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(map[string]any{"client_name": "App"})
		r := &selfservice.Rotator{Provider: client(t, s).Secret(post), Store: &selfservice.Mem{}}
		r.Timing = selfservice.Timing{MaxAge: -1, Overlap: 48 * time.Hour, Reread: 24 * time.Hour}
		require.NoError(t, r.Adopt(t.Context(), s.credential()))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go r.Run(ctx)
		time.Sleep(100 * 24 * time.Hour)
		require.NoError(t, r.Ready(ctx))
		assert.Zero(t, s.puts)
		err := r.Rotate(ctx)
		require.ErrorIs(t, err, dcr.ErrNotRotated)
		require.ErrorContains(t, err, "MaxAge -1")
	})
}
