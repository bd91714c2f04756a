package selfservice_test

import (
	"context"
	"errors"
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

// lockOut runs a Rotator whose credentials the server stops accepting, reports the
// refusal, and returns the Rotator two minutes later with the events.
func lockOut(t *testing.T, server *model.Server, provider selfservice.Provider, first selfservice.Credential, byHand func()) (*selfservice.Rotator, []selfservice.Event) {
	t.Helper()
	r := &selfservice.Rotator{Provider: provider, Store: &selfservice.Mem{}}
	recorded := record(r)
	server.Adopt(first)
	require.NoError(t, r.Adopt(t.Context(), first))
	require.NoError(t, r.Rotate(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	time.Sleep(time.Minute)
	byHand()
	server.Expire(first.Fingerprint(), time.Now()) // before the refusal, which wakes the Rotator
	if first.Key != nil {
		key := signingKey(t, r)
		server.Expire(key.Thumbprint(), time.Now())
		_, err := r.KeyRefused(ctx, key)
		require.NoError(t, err)
	} else {
		secret := clientSecret(t, r)
		server.Expire(fingerprint(secret), time.Now())
		refuse(t, r, secret)
	}
	time.Sleep(2 * time.Minute)
	cancel()
	<-done
	return r, recorded.events
}

func ecKey(t *testing.T) selfservice.Credential {
	return selfservice.Credential{Key: keystest.Key(t, keys.ES256)}
}

func kinds(events []selfservice.Event) (all []selfservice.EventKind) {
	for _, e := range events {
		all = append(all, e.Kind)
	}
	return all
}

func TestAdministratorEndsALockOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{Administrator: true}
		r, events := lockOut(t, server, server.Full(nil), ecKey(t), func() {})
		key := signingKey(t, r)
		assert.True(t, server.Accepts(key.Thumbprint()))
		assert.Equal(t, 2, server.Registered(), "once by hand, once to end the lock-out")
		assert.Equal(t, []selfservice.EventKind{
			selfservice.EventAdopted, selfservice.EventStarted, selfservice.EventRegistered, selfservice.EventSwitched,
			selfservice.EventFailed, selfservice.EventStarted, selfservice.EventRegistered, selfservice.EventSwitched,
		}, kinds(events))
		assert.ErrorIs(t, events[4].Err, selfservice.ErrLockedOut)
	})
}

func TestLockOutWithoutAnAdministratorIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		r, events := lockOut(t, server, server.Full(nil), ecKey(t), func() {})
		status, err := r.Status(t.Context())
		require.NoError(t, err)
		assert.Zero(t, status.Pending)
		last := events[len(events)-1]
		assert.ErrorIs(t, last.Err, selfservice.ErrLockedOut)
		assert.Equal(t, 1, server.Registered())
	})
}

func TestLockOutAdoptsASecretMadeByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{Administrator: true}
		byHand := secretCredential("made by hand in the console")
		first := secretCredential("the first secret, made by hand")
		r, _ := lockOut(t, server, server.FullIssuer(nil), first, func() { server.Adopt(byHand) })
		secret := clientSecret(t, r)
		assert.True(t, secret.Equal(byHand.Secret))
		assert.Zero(t, server.Registered(), "none was made")
	})
}

func TestLockOutIssuesAnotherSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{Administrator: true}
		first := secretCredential("the first secret, made by hand")
		r, _ := lockOut(t, server, server.FullIssuer(nil), first, func() {})
		secret := clientSecret(t, r)
		assert.True(t, server.Accepts(fingerprint(secret)))
	})
}

// TestLockOutWithOldCredentialsToRetire: they cannot be retired without a token,
// and must not keep a new one from being registered.
func TestLockOutWithOldCredentialsToRetire(t *testing.T) {
	for name, provider := range map[string]func(*model.Server) selfservice.Provider{
		"deactivated and removed": func(s *model.Server) selfservice.Provider { return s.Full(nil) },
		"removed":                 func(s *model.Server) selfservice.Provider { return s.OnlyRemoves(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &model.Server{Administrator: true}
				first := ecKey(t)
				r := &selfservice.Rotator{Provider: provider(server), Store: &selfservice.Mem{}}
				server.Adopt(first)
				require.NoError(t, r.Adopt(t.Context(), first))
				require.NoError(t, r.Rotate(t.Context()))
				time.Sleep(2 * time.Hour) // past the overlap
				key := signingKey(t, r)
				server.Expire(key.Thumbprint(), time.Now())
				server.Expire(first.Fingerprint(), time.Now())
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Hour)
				defer cancel()
				done := make(chan error)
				go func() { done <- r.Run(ctx) }()
				for refused := 0; ctx.Err() == nil; time.Sleep(10 * time.Second) { // the application
					key, err := r.SigningKey(ctx)
					require.NoError(t, err)
					if !server.Accepts(key.Thumbprint()) {
						refused++
						require.Less(t, refused, 20, "it takes minutes")
						_, err = r.KeyRefused(ctx, key)
						require.NoError(t, err)
					}
				}
				require.ErrorIs(t, <-done, context.DeadlineExceeded)
				assert.Equal(t, 1, server.Count(), "the old ones are removed")
			})
		})
	}
}

// TestLockOutThatTheAdministratorCannotEnd: its account is refused as well, which
// is an error like others, with a backoff.
func TestLockOutThatTheAdministratorCannotEnd(t *testing.T) {
	for point, provider := range map[string]func(*model.Server, model.IO) selfservice.Provider{
		"register": (*model.Server).Full, "issue": (*model.Server).FullIssuer,
	} {
		t.Run(point, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, s := &model.Server{Administrator: true}, &spy{delay: time.Millisecond}
				r, first := adopted(t, server, provider(server, fails(s, map[string]error{point: selfservice.ErrInvalidClient})))
				server.Expire(first.Fingerprint(), time.Now())
				runFor(t, r, time.Hour)
				assert.Less(t, s.count(point), 20)
				assert.Less(t, len(s.calls), 60)
			})
		})
	}
}

// TestRefusalEndsABackoff has an administrator's list fail and the active
// credential end. The backoff after the one does not put off what ends the other.
func TestRefusalEndsABackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{Administrator: true}
		r, first := adopted(t, server, server.OnlyRemoves(fails(&spy{}, map[string]error{"list": errors.New("403")})))
		go r.Run(t.Context())
		time.Sleep(3*time.Hour + 7*time.Minute)
		server.Expire(first.Fingerprint(), time.Now())
		refuse(t, r, first.Secret)
		time.Sleep(5 * time.Second)
		assert.True(t, server.Accepts(fingerprint(clientSecret(t, r))))
	})
}
