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

func TestSenselessDates(t *testing.T) {
	for name, test := range map[string]struct {
		report func(*selfservice.Registration)
		least  int
		most   int // rotations in a day
	}{
		"an expiry that has passed": {func(r *selfservice.Registration) { r.Expires = time.Now().Add(-time.Hour) }, 1, 25},
		"an expiry in milliseconds": {func(r *selfservice.Registration) { r.Expires = time.Unix(1_795_000_000_000, 0) }, 0, 0},
		"created after its expiry": {func(r *selfservice.Registration) {
			r.Created = time.Now().Add(2 * day)
			r.Expires = time.Now().Add(day)
		}, 0, 1},
		"created and expires beyond what JSON holds": {func(r *selfservice.Registration) { r.Created = time.Unix(1<<50, 0); r.Expires = time.Unix(1<<51, 0) }, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &model.Server{}
				r, _ := adopted(t, server, &hookedProvider{Provider: server.Registrar(nil), report: test.report})
				events := record(r)
				runFor(t, r, day)
				assert.Zero(t, events.count(selfservice.EventFailed))
				assert.GreaterOrEqual(t, server.Registered(), test.least)
				assert.LessOrEqual(t, server.Registered(), test.most)
				require.NoError(t, r.Rotate(t.Context()), "the dates can be saved")
			})
		})
	}
}

func TestRenewalPrecedesTheExpiryOfACredentialFromTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		at := time.Now()
		r, _ := adopted(t, server, &hookedProvider{Provider: server.Registrar(nil), report: func(r *selfservice.Registration) {
			r.Created, r.Expires = at.Add(90*day), at.Add(30*day)
		}})
		require.NoError(t, steps(t, r))
		st := status(t, r)
		assert.WithinRange(t, st.Due, at.Add(18*day), at.Add(21*day))
	})
}

func TestCredentialFromTheFutureIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		r, _ := adopted(t, server, &hookedProvider{Provider: server.Registrar(nil), report: func(r *selfservice.Registration) {
			r.Created = time.Now().Add(10_000 * day)
		}})
		require.NoError(t, steps(t, r))
		st := status(t, r)
		assert.WithinRange(t, st.Due, time.Now().Add(85*day), time.Now().Add(90*day))
	})
}

// TestCredentialsThatLiveForSeconds: the old ones are dropped when they have
// expired, not an overlap later. If only the server's clock says that they have,
// rotations are at least an overlap apart.
func TestCredentialsThatLiveForSeconds(t *testing.T) {
	for name, row := range map[string]struct {
		provider    func(*model.Server) selfservice.Provider
		least, most int // registrations in ten minutes
	}{
		"ten seconds": {func(s *model.Server) selfservice.Provider {
			s.Change(func(s *model.Server) { s.Validity = 10 * time.Second })
			return s.Registrar(nil)
		}, 60, 200},
		"a moment, by the server's clock": {func(s *model.Server) selfservice.Provider {
			return &hookedProvider{Provider: s.Registrar(nil), report: func(r *selfservice.Registration) {
				r.Expires = time.Now().Add(300 * time.Millisecond)
			}}
		}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &model.Server{}
				r, _ := adopted(t, server, row.provider(server))
				require.NoError(t, r.Rotate(t.Context())) // the first one does not expire
				go r.Run(t.Context())
				for start := time.Now(); time.Since(start) < 10*time.Minute; time.Sleep(time.Second) {
					st := status(t, r)
					require.LessOrEqual(t, len(st.Retiring), 6)
					require.True(t, server.Accepts(active(t, r)))
				}
				assert.GreaterOrEqual(t, server.Registered(), row.least)
				assert.LessOrEqual(t, server.Registered(), row.most)
			})
		})
	}
}

// TestRotateHasALimit: credentials are kept for their overlap, and the state is
// bounded.
func TestRotateHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		r, _ := adopted(t, server, server.OnlyRemoves(nil))
		for range 50 {
			require.NoError(t, r.Rotate(t.Context()))
		}
		require.ErrorIs(t, r.Rotate(t.Context()), selfservice.ErrLimit)
		require.Equal(t, 50, server.Registered())
		time.Sleep(time.Hour)
		_, err := r.RunDue(t.Context())
		require.NoError(t, err)
		require.NoError(t, r.Rotate(t.Context()))
	})
}
