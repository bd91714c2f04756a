package selfservice_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{Validity: 30 * day}
		r, first := adopted(t, server, server.Registrar(nil))
		ctx := t.Context()
		require.NoError(t, r.Ready(ctx), "before the first step")
		require.NoError(t, r.Rotate(ctx))
		require.NoError(t, r.Ready(ctx))
		time.Sleep(20 * day) // due for a day at most
		require.NoError(t, r.Ready(ctx))
		time.Sleep(2 * day)
		require.ErrorIs(t, r.Ready(ctx), selfservice.ErrOverdue)
		require.Contains(t, r.Ready(ctx).Error(), "due at")
		time.Sleep(9 * day)
		require.ErrorIs(t, r.Ready(ctx), selfservice.ErrExpired)
		require.NotErrorIs(t, r.Ready(ctx), selfservice.ErrOverdue, "which can wait")
		require.Contains(t, r.Ready(ctx).Error(), "expired at")
		_, err := r.RunDue(ctx)
		require.ErrorIs(t, err, selfservice.ErrLockedOut)
		require.ErrorIs(t, r.Ready(ctx), selfservice.ErrLockedOut)
		require.Equal(t, 1, strings.Count(r.Ready(ctx).Error(), selfservice.ErrLockedOut.Error()))
		require.ErrorContains(t, r.Ready(ctx), "does not accept")
		server.Adopt(first)
		server.Expire(active(t, r), time.Time{})
		_, err = r.RunDue(ctx)
		require.NoError(t, err)
		require.NoError(t, r.Ready(ctx))

		empty := &selfservice.Rotator{Store: &selfservice.Mem{}}
		require.ErrorIs(t, empty.Ready(ctx), selfservice.ErrNotAdopted)
		require.ErrorIs(t, empty.Check(ctx), selfservice.ErrNotAdopted)
	})
}

func TestReadyWantsAnExpiryFromAnExpirer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{Validity: 30 * day}
		r, _ := adopted(t, server, &hookedProvider{Provider: server.Registrar(nil), expires: true})
		require.NoError(t, r.Ready(t.Context()), "no step need have been made yet")
		time.Sleep(day + time.Second)
		require.ErrorIs(t, r.Ready(t.Context()), selfservice.ErrOverdue)
		require.NoError(t, r.Rotate(t.Context()))
		require.NoError(t, r.Ready(t.Context()))
	})
}

// TestReadyAcceptsAKeyWithoutAnExpiry if the server has listed it without one.
func TestReadyAcceptsAKeyWithoutAnExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		r, _ := adopted(t, server, &hookedProvider{Provider: server.Registrar(nil), expires: true})
		time.Sleep(2 * day)
		require.ErrorIs(t, r.Ready(t.Context()), selfservice.ErrOverdue, "it has not been listed yet")
		require.NoError(t, steps(t, r))
		require.NoError(t, r.Ready(t.Context()))
	})
}

func TestReadyWhileTheStoreIsDown(t *testing.T) {
	server := &model.Server{}
	r, _ := adopted(t, server, server.Registrar(nil))
	store := &hookedStore{Store: r.Store}
	r = &selfservice.Rotator{Store: store, Provider: r.Provider}
	require.NoError(t, r.Ready(t.Context()))
	store.hangs.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.NoError(t, r.Ready(ctx))
	fresh := &selfservice.Rotator{Store: store, Provider: r.Provider}
	require.ErrorIs(t, fresh.Ready(ctx), context.DeadlineExceeded)
}

func TestCheck(t *testing.T) {
	server := &model.Server{}
	r, first := adopted(t, server, server.Registrar(nil))
	require.NoError(t, r.Check(t.Context()))
	assert.Equal(t, first.Fingerprint(), active(t, r))
	assert.Equal(t, 0, server.Registered())

	full := &hookedStore{Store: r.Store}
	full.full.Store(true)
	down := &selfservice.Rotator{Store: full, Provider: r.Provider}
	require.ErrorContains(t, down.Check(t.Context()), "the disk is full")

	stranger := secretCredential("registered nowhere")
	unknown := &selfservice.Rotator{Store: &selfservice.Mem{}, Provider: r.Provider}
	require.NoError(t, unknown.Adopt(t.Context(), stranger))
	require.ErrorIs(t, unknown.Check(t.Context()), selfservice.ErrInvalidClient)

	unmade := &selfservice.Rotator{Store: r.Store, Provider: r.Provider, New: func(_ context.Context, like selfservice.Credential) (selfservice.Credential, error) { return like, nil }}
	require.ErrorContains(t, unmade.Check(t.Context()), "the new credential is an old one")

	rights := errors.New("the service account lacks the role manage-clients")
	poor := &selfservice.Rotator{Store: r.Store, Provider: &hookedProvider{Provider: r.Provider, check: rights}}
	require.ErrorIs(t, poor.Check(t.Context()), rights)

	broken := &selfservice.Rotator{Store: r.Store, Provider: server.Registrar(func(point string, call func() error) error {
		if point == "list" {
			return errors.New("403")
		}
		return call()
	})}
	require.ErrorContains(t, broken.Check(t.Context()), "listing what is registered: 403")
}

// TestRotationGoesOnWhileRequestsAreRefused, at a server that ends the old
// credential before it accepts the new one: only the switch ends the refusals.
func TestRotationGoesOnWhileRequestsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const propagation = 3 * time.Minute
		server := &model.Server{ReplaceAtOnce: true, Propagation: propagation}
		r, first := adopted(t, server, server.Registrar(nil))
		r = &selfservice.Rotator{Store: r.Store, Provider: r.Provider}
		events := record(r)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go r.Run(ctx)
		var requests sync.WaitGroup
		defer requests.Wait()
		defer cancel()
		requests.Go(func() {
			for ctx.Err() == nil {
				_, err := r.SecretRefused(t.Context(), first.Secret)
				assert.NoError(t, err)
				time.Sleep(100 * time.Millisecond)
			}
		})
		start := time.Now()
		require.NoError(t, r.Rotate(ctx))
		assert.Less(t, time.Since(start), propagation+20*time.Second, "the refusals do not delay it")
		assert.True(t, server.Accepts(active(t, r)))
		assert.True(t, slices.ContainsFunc(events.of(selfservice.EventFailed), func(e selfservice.Event) bool { return errors.Is(e.Err, selfservice.ErrLockedOut) }))
		require.NoError(t, r.Ready(ctx))
	})
}

// TestEventsNameTheClient, as does the status.
func TestEventsNameTheClient(t *testing.T) {
	server := &model.Server{}
	r, _ := adopted(t, server, server.Registrar(nil))
	r.Name = "patients"
	events := record(r)
	require.NoError(t, r.Rotate(t.Context()))
	require.NotEmpty(t, events.events)
	for _, e := range events.events {
		assert.Equal(t, "patients", e.Client)
	}
	st := status(t, r)
	assert.Equal(t, "patients", st.Client)
}
