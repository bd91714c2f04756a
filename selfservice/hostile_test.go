package selfservice_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFailingListDoesNotBlockRotations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{Validity: 6 * day}
		s := &spy{}
		with := map[string]error{}
		r, first := adopted(t, server, server.Registrar(fails(s, with)))
		require.NoError(t, r.Rotate(t.Context()))
		require.NoError(t, steps(t, r))
		with["list"] = errors.New("404")
		go r.Run(t.Context())
		time.Sleep(12 * day)
		assert.NotEqual(t, first.Fingerprint(), active(t, r))
		assert.True(t, server.Accepts(active(t, r)))
	})
}

func TestFailingRetirementDoesNotBlockRotations(t *testing.T) {
	for _, point := range []string{"deactivate", "remove"} {
		for name, err := range map[string]error{"fails": errors.New("404"), "is refused while the active one works": selfservice.ErrInvalidClient} {
			t.Run(point+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := &model.Server{Validity: 6 * day}
					s := &spy{}
					r, _ := adopted(t, server, server.Full(fails(s, map[string]error{point: err})))
					r.Timing.MaxAge, r.Timing.Reread = 2*day, 30*time.Minute
					go r.Run(t.Context())
					time.Sleep(7 * day)
					st := status(t, r)
					assert.GreaterOrEqual(t, st.Rotations, 3)
					assert.True(t, server.Accepts(st.Active.Fingerprint))
					assert.Less(t, s.count(point), 7*24*4*3, "each old one is retried every 15 minutes at most")
				})
			})
		}
	}
}

func TestDeactivationIsProvedAfterALostReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		s := &spy{on: map[string]func(){}}
		var lost error
		r, first := adopted(t, server, server.Full(func(point string, call func() error) error {
			err := s.do(point, call)
			if point == "deactivate" {
				err = lost
			}
			return err
		}))
		require.NoError(t, r.Rotate(t.Context()))
		second := active(t, r)
		lost = errors.New("reply lost")
		s.on["deactivate"] = func() { server.Expire(second, time.Now()) }
		time.Sleep(2 * time.Hour)
		require.NoError(t, steps(t, r))
		assert.Equal(t, first.Fingerprint(), active(t, r))
		assert.True(t, server.Accepts(first.Fingerprint()))
	})
}

// TestListThatLeavesOutTheActiveSecret, which Issue must not take for a new one.
func TestListThatLeavesOutTheActiveSecret(t *testing.T) {
	server := &model.Server{}
	issuer := server.Issuer(nil)
	r, first := adopted(t, server, struct {
		*hookedProvider
		selfservice.Issuer
	}{&hookedProvider{Provider: issuer, listsNothing: true}, issuer.(selfservice.Issuer)})
	require.NoError(t, r.Rotate(t.Context()))
	require.NoError(t, r.Rotate(t.Context()))
	assert.NotEqual(t, first.Fingerprint(), active(t, r))
	assert.Equal(t, 2, server.Registered())
}

// TestRotateCallsTheServerAtABoundedRate, however often it reads the store.
func TestRotateCallsTheServerAtABoundedRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, s := &model.Server{Propagation: time.Minute}, &spy{}
		r, _ := adopted(t, server, server.Registrar(s.do))
		r.Timing = selfservice.Timing{Overlap: time.Minute, Reread: 10 * time.Millisecond}
		require.NoError(t, r.Rotate(t.Context()))
		assert.Less(t, s.count("verify"), 50)
	})
}

func TestManyRefusalsCallTheServerAtABoundedRate(t *testing.T) {
	for name, propagation := range map[string]time.Duration{"at rest": 0, "during a rotation": 4 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &model.Server{Propagation: propagation, ReplaceAtOnce: propagation > 0}
				s := &spy{delay: time.Millisecond}
				r, first := adopted(t, server, server.Registrar(s.do))
				go r.Run(t.Context())
				if propagation > 0 {
					go r.Rotate(t.Context())
				}
				time.Sleep(time.Minute)
				before := s.count("verify")
				for range 1000 {
					go func() {
						_, err := r.SecretRefused(t.Context(), first.Secret)
						assert.NoError(t, err)
					}()
					time.Sleep(100 * time.Millisecond)
				}
				assert.Less(t, s.count("verify")-before, 40)
			})
		})
	}
}

func TestRefusalsDoNotBreakRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		s := &spy{}
		r, first := adopted(t, server, server.Registrar(s.do))
		server.Break(slowDown{})
		go r.Run(t.Context())
		for range 29 {
			time.Sleep(time.Minute)
			r.SecretRefused(t.Context(), first.Secret)
		}
		assert.Len(t, s.calls, 1)
	})
}

func TestRefusalServesWhatAnotherReplicaSaved(t *testing.T) {
	server := &model.Server{ReplaceAtOnce: true}
	one, first := adopted(t, server, server.Registrar(nil))
	other := &selfservice.Rotator{Store: one.Store}
	clientSecret(t, other) // reads the store
	require.NoError(t, one.Rotate(t.Context()))
	refuse(t, other, first.Secret)
	secret := clientSecret(t, other)
	assert.True(t, server.Accepts(fingerprint(secret)), "every caller gets the new one")
}

func TestRunSurvivesTemporaryFailures(t *testing.T) {
	for name, breaks := range map[string]func(*selfservice.Rotator){
		"New returns an old credential": func(r *selfservice.Rotator) {
			r.New = func(_ context.Context, like selfservice.Credential) (selfservice.Credential, error) { return like, nil }
		},
		"the store is down": func(r *selfservice.Rotator) { r.Store = gone() },
		"the store panics":  func(r *selfservice.Rotator) { r.Store = panicking() },
		"New panics": func(r *selfservice.Rotator) {
			r.New = func(context.Context, selfservice.Credential) (selfservice.Credential, error) { panic("bug") }
		},
		"the log panics": func(r *selfservice.Rotator) { r.Logger = slog.New(panickingLog{}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &model.Server{}
				r, first := adopted(t, server, server.Registrar(nil))
				r.Timing.MaxAge = 2 * day
				r.Timing.Reread = 30 * time.Minute // nobody else writes
				breaks(r)
				failed := 0
				r.OnEvent = func(selfservice.Event) { failed++ }
				runFor(t, r, 4*day)
				assert.Positive(t, failed)
				assert.Less(t, failed, 4*24*5+20)
				secret := clientSecret(t, r)
				assert.Equal(t, r.Logger == nil, secret.Equal(first.Secret))
			})
		})
	}
}

type panickingLog struct{ slog.Handler }

func TestCallErrorWithoutAText(t *testing.T) {
	bare := &selfservice.CallError{Rule: selfservice.ErrLimit}
	assert.Equal(t, selfservice.ErrLimit.Error(), bare.Error())
	require.ErrorIs(t, bare, selfservice.ErrLimit)
	assert.NotEmpty(t, (&selfservice.CallError{}).Error())
	assert.NotErrorIs(t, &selfservice.CallError{}, selfservice.ErrInvalidClient)
}

// TestConflictWithoutAnotherWriterIsAnError, not a reason to retry at once.
func TestConflictWithoutAnotherWriterIsAnError(t *testing.T) {
	server := &model.Server{}
	r, _ := adopted(t, server, server.Registrar(nil))
	store := &hookedStore{Store: r.Store, save: func(context.Context, func() error) error { return selfservice.ErrConflict }}
	r.Store = store
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.ErrorIs(t, r.Rotate(ctx), selfservice.ErrConflict)
	assert.EqualValues(t, 1, store.saves.Load())
}

func TestCredentialRegisteredByHandEndsALockOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		r, first := adopted(t, server, server.Registrar(nil))
		server.Expire(first.Fingerprint(), time.Now())
		byHand := secretCredential("what a person registered by hand")
		server.Adopt(byHand)
		r = restarted(r)
		require.NoError(t, r.Adopt(t.Context(), byHand))
		assert.Equal(t, first.Fingerprint(), active(t, r), "the stored one stays until it is refused")
		refuse(t, r, first.Secret)
		require.NoError(t, steps(t, r))
		assert.Equal(t, byHand.Fingerprint(), active(t, r))
	})
}

// panickingError is an error whose methods panic.
type panickingError struct{}

func (panickingError) Error() string             { panic("bug") }
func (panickingError) RetryAfter() time.Duration { panic("bug") }

// TestErrorsThatPanic end neither Run nor the pass of a Fleet.
func TestErrorsThatPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fixed atomic.Bool
		server := &model.Server{}
		r, first := adopted(t, server, server.Registrar(func(point string, call func() error) error {
			if point == "register" && !fixed.Load() {
				return panickingError{}
			}
			return call()
		}))
		r.Store = &hookedStore{Store: r.Store, damaged: func() ([]string, error) { panic("bug") }}
		r.Timing.MaxAge = day
		ended := make(chan error, 1)
		go func() { ended <- r.Run(t.Context()) }()
		time.Sleep(25 * time.Hour)
		assert.Empty(t, ended)
		fleet := &selfservice.Fleet{Rotators: func(yield func(*selfservice.Rotator) bool) {
			yield(restarted(r))
		}}
		report, err := fleet.RotateOlder(t.Context(), time.Now())
		require.NoError(t, err)
		assert.Equal(t, 1, report.Clients)
		st := status(t, r)
		assert.Contains(t, st.Cause, "panicked")
		fixed.Store(true)
		time.Sleep(2 * time.Hour)
		assert.NotEqual(t, first.Fingerprint(), active(t, r))
	})
}

// TestProviderThatIgnoresItsContextIsReported, as nothing can stop it.
func TestProviderThatIgnoresItsContextIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, reported := &model.Server{}, make(chan error, 1)
		r, _ := adopted(t, server, server.Registrar(func(point string, call func() error) error {
			time.Sleep(5 * time.Minute)
			return call()
		}))
		r.OnEvent = func(e selfservice.Event) {
			if e.Kind == selfservice.EventFailed {
				reported <- e.Err
			}
		}
		start := time.Now()
		go r.Step(t.Context())
		assert.ErrorContains(t, <-reported, "Provider.List has not returned 5s after its context ended")
		assert.Equal(t, 35*time.Second, time.Since(start))
		time.Sleep(10 * time.Minute)
	})
}
