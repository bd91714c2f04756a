package selfservice_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keepsOld is a provider of a server whose nodes keep what was removed.
type keepsOld struct {
	selfservice.Provider
	selfservice.Registrar
	selfservice.Remover
	purged []string
	err    error
}

func (f *keepsOld) Propagation() time.Duration { return time.Minute }

func (f *keepsOld) Purge(_ context.Context, _ selfservice.Credential, r selfservice.Registration) error {
	if f.err == nil {
		f.purged = append(f.purged, r.Fingerprint)
	}
	return f.err
}

func newKeepsOld(server *model.Server) *keepsOld {
	p := server.OnlyRemoves(nil)
	return &keepsOld{Provider: p, Registrar: p.(selfservice.Registrar), Remover: p.(selfservice.Remover)}
}

func TestWhatWasRemovedIsPurgedWhenEveryNodeMayKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		p := newKeepsOld(server)
		r, first := adopted(t, server, p)
		r.Timing = selfservice.Timing{}
		require.NoError(t, r.Rotate(t.Context()))
		time.Sleep(time.Hour)
		require.NoError(t, steps(t, r))
		assert.False(t, server.Accepts(first.Fingerprint()), "removed")
		assert.Empty(t, p.purged)
		st, err := r.Status(t.Context())
		require.NoError(t, err)
		require.Len(t, st.Retiring, 1)
		assert.Equal(t, time.Now().Add(time.Minute), st.Next)
		other, err := r.SecretRefused(t.Context(), mustSecret(t, r))
		require.NoError(t, err)
		assert.True(t, other.Equal(mustSecret(t, r)), "what was removed is nobody's second try")

		time.Sleep(time.Minute)
		p.err = errors.New("out of reach")
		require.ErrorIs(t, steps(t, r), p.err)
		p.err = nil
		again := &selfservice.Rotator{Provider: p, Store: r.Store} // after a crash
		time.Sleep(15 * time.Minute)
		require.NoError(t, steps(t, again))
		assert.Equal(t, []string{first.Fingerprint()}, p.purged)
		st, err = again.Status(t.Context())
		require.NoError(t, err)
		assert.Empty(t, st.Retiring)
	})
}

func TestOneNodeHasNothingToPurge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		p := newKeepsOld(server)
		r, _ := adopted(t, server, p) // with the Timing of one node
		require.NoError(t, r.Rotate(t.Context()))
		time.Sleep(time.Hour)
		require.NoError(t, steps(t, r))
		assert.Empty(t, p.purged)
		st, err := r.Status(t.Context())
		require.NoError(t, err)
		assert.Empty(t, st.Retiring)
	})
}

func mustSecret(t *testing.T, r *selfservice.Rotator) keys.Secret {
	t.Helper()
	s, err := r.ClientSecret(t.Context())
	require.NoError(t, err)
	return s
}
