package selfservice_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestLeaseIsReleasedWhenTheContextEnds between the calls of a rotation, so that
// another process need not wait for it.
func TestLeaseIsReleasedWhenTheContextEnds(t *testing.T) {
	for name, run := range map[string]func(context.Context, *selfservice.Rotator) error{
		"Rotate": func(ctx context.Context, r *selfservice.Rotator) error { return r.Rotate(ctx) },
		"RunDue": func(ctx context.Context, r *selfservice.Rotator) error { _, err := r.RunDue(ctx); return err },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &model.Server{Propagation: 20 * time.Second}
				r, _ := adopted(t, server, server.Registrar(nil))
				r.Timing.MaxAge = 2 * day
				time.Sleep(3 * day)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				require.ErrorIs(t, run(ctx, r), context.DeadlineExceeded)
				require.NotEmpty(t, pending(t, r))
				time.Sleep(15 * time.Second)
				start := time.Now()
				require.NoError(t, run(t.Context(), restarted(r)))
				assert.Less(t, time.Since(start), 10*time.Second)
				assert.Equal(t, 1, status(t, r).Rotations)
			})
		})
	}
}

// TestFleetReleasesTheLeaseOfAClientThatFails, as the next pass may have other
// Rotators.
func TestFleetReleasesTheLeaseOfAClientThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		with := map[string]error{"register": errors.New("503")}
		r, _ := adopted(t, server, server.Registrar(fails(&spy{}, with)))
		r.Timing.MaxAge = 2 * day
		time.Sleep(3 * day)
		pass := func() selfservice.Report {
			fleet := &selfservice.Fleet{Rotators: func(yield func(*selfservice.Rotator) bool) { yield(restarted(r)) }}
			report, err := fleet.RotateDue(t.Context())
			require.NoError(t, err)
			return report
		}
		assert.Equal(t, 1, pass().Failed)
		delete(with, "register")
		assert.Equal(t, 1, pass().Rotated)
	})
}
