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

func TestCredentialThatCannotBeRegisteredIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		s := &spy{}
		with := map[string]error{"register": errors.New("400: this key is too short")}
		r, first := adopted(t, server, server.Registrar(fails(s, with)))
		require.ErrorContains(t, r.Rotate(t.Context()), "too short")
		bad := pending(t, r)
		go r.Run(t.Context())
		time.Sleep(23 * time.Hour)
		assert.Equal(t, bad, pending(t, r), "it is retried for a day")
		time.Sleep(2 * time.Hour)
		assert.Equal(t, first.Fingerprint(), active(t, r))
		delete(with, "register")
		require.NoError(t, r.Rotate(t.Context()))
		assert.NotContains(t, []string{first.Fingerprint(), bad}, active(t, r))
	})
}

func TestListedCredentialThatNeverWorksIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{Propagation: 1000 * day}
		s := &spy{}
		r, first := adopted(t, server, server.OnlyRemoves(s.do))
		r.Timing.MaxAge = 10 * day
		go r.Run(t.Context())
		time.Sleep(10*day + 12*time.Hour)
		assert.Equal(t, 1, server.Registered(), "it is not registered twice")
		assert.Less(t, s.count("verify"), 150)
		server.Change(func(s *model.Server) { s.Propagation = 0 }) // the next one works
		time.Sleep(2 * day)
		assert.NotEqual(t, first.Fingerprint(), active(t, r))
		assert.True(t, server.Accepts(active(t, r)))
		assert.Equal(t, 1, server.Count(), "what was set aside is removed")
	})
}

// TestNoRoomKeepsThePendingCredential: there is no room for another one either.
func TestNoRoomKeepsThePendingCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{Room: 1}
		r, first := adopted(t, server, server.Full(nil))
		require.ErrorIs(t, r.Rotate(t.Context()), selfservice.ErrLimit)
		assert.Equal(t, first.Fingerprint(), active(t, r))
		waiting := pending(t, r)
		go r.Run(t.Context())
		time.Sleep(3 * day)
		assert.Equal(t, waiting, pending(t, r))
		server.Change(func(s *model.Server) { s.Room = 2 })
		require.NoError(t, r.Rotate(t.Context()))
		assert.Equal(t, waiting, active(t, r))
	})
}

func TestPendingCredentialsDoNotPileUpWhileTheServerIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		r, first := adopted(t, server, server.Full(nil))
		r.Timing = selfservice.Timing{Overlap: 5 * day, MaxAge: 6 * day}
		go r.Run(t.Context())
		time.Sleep(5 * day)
		server.Break(errors.New("503"))
		time.Sleep(5 * day)
		st := status(t, r)
		assert.Len(t, st.Retiring, 1, "set aside after a day")
		assert.NotNil(t, st.Pending)
		server.Break(nil)
		time.Sleep(time.Hour)
		assert.NotEqual(t, first.Fingerprint(), active(t, r))
		assert.True(t, server.Accepts(active(t, r)))
	})
}

// TestInactiveRegistrationIsRepeated: the reply was lost, and the server lists the
// credential as inactive.
func TestInactiveRegistrationIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		lost := errors.New("the reply was lost")
		var off func() error
		r, first := adopted(t, server, server.Full(func(point string, call func() error) error {
			err := call()
			if point == "register" && off != nil {
				err = errors.Join(lost, off())
				off = nil
			}
			return err
		}))
		off = func() error {
			reg := selfservice.Registration{Fingerprint: pending(t, r)}
			return server.Full(nil).(selfservice.Switch).Deactivate(t.Context(), first, reg)
		}
		require.ErrorIs(t, r.Rotate(t.Context()), lost)
		require.NoError(t, r.Rotate(t.Context()))
		assert.True(t, server.Accepts(active(t, r)))
		assert.Equal(t, 1, server.Registered())
	})
}
