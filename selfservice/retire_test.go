package selfservice_test

import (
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOldOneIsReactivatedWhenTheNewOneDoesNotWorkAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		s := &spy{on: map[string]func(){}}
		r, first := adopted(t, server, server.Full(s.do))
		events := record(r)
		require.NoError(t, r.Rotate(t.Context()))
		second := active(t, r)
		s.on["deactivate"] = func() { server.Expire(second, time.Now()) }
		time.Sleep(2 * time.Hour)
		require.NoError(t, steps(t, r))
		assert.Equal(t, 1, events.count(selfservice.EventRolledBack))
		assert.Equal(t, 1, s.count("activate"))
		assert.Equal(t, first.Fingerprint(), active(t, r))
		assert.True(t, server.Accepts(first.Fingerprint()))
		assert.True(t, server.Knows(second), "the failed one is kept for its overlap too")
		delete(s.on, "deactivate")
		require.NoError(t, r.Rotate(t.Context()))
		assert.NotContains(t, []string{first.Fingerprint(), second}, active(t, r))
	})
}

// TestOldOneIsReactivatedAfterACrash right after its deactivation, before the new
// one was tried alone.
func TestOldOneIsReactivatedAfterACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		s := &spy{on: map[string]func(){}}
		r, first := adopted(t, server, server.Full(s.do))
		require.NoError(t, r.Rotate(t.Context()))
		second := active(t, r)
		s.on["deactivate"] = func() {
			server.Expire(second, time.Now())
			runtime.Goexit() // killed
		}
		time.Sleep(2 * time.Hour)
		dead := make(chan struct{})
		go func() {
			defer close(dead)
			_ = steps(t, r)
		}()
		<-dead
		require.False(t, server.Accepts(first.Fingerprint()))
		require.NoError(t, steps(t, r))
		assert.Equal(t, first.Fingerprint(), active(t, r))
		assert.True(t, server.Accepts(first.Fingerprint()))
	})
}

func TestAnotherServesWhenTheOldOneCannotBeReactivated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		s := &spy{}
		r, first := adopted(t, server, server.Full(fails(s, map[string]error{"activate": errors.New("404")})))
		require.NoError(t, r.Rotate(t.Context()))
		second := active(t, r)
		time.Sleep(30 * time.Minute)
		require.NoError(t, r.Rotate(t.Context()))
		server.Expire(first.Fingerprint(), time.Now())
		server.Expire(active(t, r), time.Now())
		time.Sleep(45 * time.Minute) // the overlap of the first one is over
		require.NoError(t, steps(t, r))
		assert.Equal(t, second, active(t, r))
	})
}

func TestDeadCredentialIsNotReactivated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		s := &spy{on: map[string]func(){}}
		r, first := adopted(t, server, server.Full(s.do))
		require.NoError(t, r.Rotate(t.Context()))
		second := active(t, r)
		time.Sleep(30 * time.Minute)
		require.NoError(t, r.Rotate(t.Context()))
		third := active(t, r)
		server.Expire(first.Fingerprint(), time.Now())
		s.on["deactivate"] = func() { server.Expire(third, time.Now()) }
		events := record(r)
		time.Sleep(45 * time.Minute) // the overlap of the first one is over
		require.NoError(t, steps(t, r))
		assert.Equal(t, 1, s.count("activate"))
		assert.Equal(t, second, active(t, r))
		assert.Equal(t, 1, events.count(selfservice.EventRolledBack), "not to the dead one first")
	})
}

// TestNothingIsRetiredWhileTheActiveOneIsRefused: the old one may be all that the
// server accepts. It works, and serves again.
func TestNothingIsRetiredWhileTheActiveOneIsRefused(t *testing.T) {
	for name, provider := range map[string]func(*model.Server, model.IO) selfservice.Provider{
		"off and removed": (*model.Server).Full, "removed": (*model.Server).OnlyRemoves, "forgotten": (*model.Server).Registrar,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, s := &model.Server{}, &spy{}
				r, first := adopted(t, server, provider(server, s.do))
				require.NoError(t, r.Rotate(t.Context()))
				server.Expire(active(t, r), time.Now())
				time.Sleep(2 * time.Hour)
				require.NoError(t, steps(t, r))
				assert.Zero(t, s.count("deactivate")+s.count("remove"))
				assert.Equal(t, first.Fingerprint(), active(t, r))
				assert.True(t, server.Accepts(first.Fingerprint()))
			})
		})
	}
}

func TestNothingIsRetiredBeforeTheOverlapHasPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		r, first := adopted(t, server, server.Full(nil))
		require.NoError(t, r.Rotate(t.Context()))
		time.Sleep(time.Hour - time.Second)
		require.NoError(t, steps(t, r))
		assert.True(t, server.Accepts(first.Fingerprint()))
		time.Sleep(2 * time.Second)
		require.NoError(t, steps(t, r))
		assert.False(t, server.Knows(first.Fingerprint()))
		assert.Equal(t, 1, server.Count())
	})
}

// TestRetiredSaysWhatTheServerMayAcceptStill, as an event and in the log.
func TestRetiredSaysWhatTheServerMayAcceptStill(t *testing.T) {
	for name, provider := range map[string]func(*model.Server, model.IO) selfservice.Provider{
		"off and removed": (*model.Server).Full, "removed": (*model.Server).OnlyRemoves, "forgotten": (*model.Server).Registrar,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &model.Server{}
				r, first := adopted(t, server, provider(server, nil))
				events := record(r)
				var log strings.Builder
				r.Logger = slog.New(slog.NewTextHandler(&log, nil))
				require.NoError(t, r.Rotate(t.Context()))
				time.Sleep(2 * time.Hour)
				require.NoError(t, steps(t, r))
				retired := events.of(selfservice.EventRetired)
				require.Len(t, retired, 1)
				assert.Equal(t, server.Accepts(first.Fingerprint()), retired[0].Unremoved)
				assert.Equal(t, name == "forgotten", retired[0].Unremoved)
				assert.Equal(t, retired[0].Unremoved, strings.Contains(log.String(), "unremoved=true"))
			})
		})
	}
}

func TestPublishedKeyIsNotTriedBeforeItIsUsable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{Publish: true, Propagation: 10 * time.Minute}
		s := &spy{}
		r, _ := adopted(t, server, server.Full(s.do))
		start := time.Now()
		require.NoError(t, r.Rotate(t.Context()))
		assert.GreaterOrEqual(t, time.Since(start), 10*time.Minute)
		assert.Equal(t, 1, s.count("verify"), "a server may cache that it does not know the key")
	})
}

func TestReplicasMakeOneRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		s := &spy{delay: time.Second} // of the network
		r, _ := adopted(t, server, server.Registrar(s.do))
		var all sync.WaitGroup
		for range 3 {
			replica := restarted(r)
			all.Go(func() { assert.NoError(t, replica.Rotate(t.Context())) })
		}
		all.Wait()
		assert.Equal(t, 1, server.Registered())
		assert.Equal(t, 1, s.count("register"), "the others wait for it")
		assert.Equal(t, 1, s.count("verify"))
		st := status(t, r)
		assert.Equal(t, 1, st.Rotations)
	})
}

// TestRefusalLeadsToTheNewKey, at a server that replaces at once, in a replica that
// has not read the store since another one rotated.
func TestRefusalLeadsToTheNewKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := keystest.Key(t, keys.ES256)
		server := &model.Server{ReplaceAtOnce: true}
		server.Adopt(selfservice.Credential{Key: key})
		store := &selfservice.Mem{}
		one := &selfservice.Rotator{Provider: server.Registrar(nil), Store: store}
		other := &selfservice.Rotator{Provider: server.Registrar(nil), Store: store}
		require.NoError(t, one.Adopt(t.Context(), selfservice.Credential{Key: key}))
		stale := signingKey(t, other)
		require.NoError(t, one.Rotate(t.Context()))
		require.False(t, server.Accepts(stale.Thumbprint()))
		fresh, err := other.KeyRefused(t.Context(), stale)
		require.NoError(t, err)
		assert.True(t, server.Accepts(fresh.Thumbprint()))
		again, err := other.KeyRefused(t.Context(), fresh)
		require.NoError(t, err)
		assert.Equal(t, stale.Thumbprint(), again.Thumbprint(), "the old one is all that is left")
	})
}

func TestRefusalWhileTheStoreIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{ReplaceAtOnce: true}
		r, first := adopted(t, server, server.Registrar(nil))
		time.Sleep(90 * day)
		for server.Registered() == 0 {
			_, err := r.Step(t.Context())
			require.NoError(t, err)
		}
		require.Equal(t, first.Fingerprint(), active(t, r))
		r.Store = gone()
		pending := refuse(t, r, first.Secret)
		assert.True(t, server.Accepts(fingerprint(pending)))
	})
}

func TestStoreDownKeepsServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		r, first := adopted(t, server, server.Registrar(nil))
		r.Store = gone()
		secret := clientSecret(t, r)
		assert.True(t, secret.Equal(first.Secret))
		_, err := r.Step(t.Context())
		require.ErrorIs(t, err, errDisk)
		assert.Zero(t, server.Registered())
	})
}
