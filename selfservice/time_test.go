package selfservice_test

import (
	"cmp"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// plant is a Rotator of a key at a model server, with its events.
type plant struct {
	server  *model.Server
	rotator *selfservice.Rotator
	*recorder
}

func newPlant(t *testing.T, server *model.Server, timing selfservice.Timing) *plant {
	t.Helper()
	first := selfservice.Credential{Key: keystest.Key(t, keys.ES256)}
	server.Adopt(first)
	timing.Reread = cmp.Or(timing.Reread, 15*time.Minute) // nobody else writes
	r := &selfservice.Rotator{Provider: server.Registrar(nil), Store: &selfservice.Mem{}, Timing: timing}
	p := &plant{server, r, record(r)}
	require.NoError(t, r.Adopt(t.Context(), first))
	return p
}

// run runs the Rotator for d and uses its key every hour.
func (p *plant) run(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.rotator.Run(ctx) }()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Hour) {
		p.use(t)
	}
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}

func (p *plant) use(t *testing.T) {
	t.Helper()
	key := signingKey(t, p.rotator)
	require.True(t, p.server.Accepts(key.Thumbprint()), "the server refuses the key")
}

func TestYearOfRotations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, &model.Server{Validity: 90 * day, Propagation: time.Minute}, selfservice.Timing{})
		p.run(t, 365*day)
		// The first key has no expiry and lasts 90 days; the others are replaced
		// when a third of 90 days is left.
		st, err := p.rotator.Status(t.Context())
		require.NoError(t, err)
		assert.InDelta(t, 1+(365-90)/60, st.Rotations, 1)
		assert.Equal(t, st.Rotations, p.server.Registered())
		assert.Zero(t, p.count(selfservice.EventFailed))
	})
}

func TestExpiryIsReadFromTheProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, &model.Server{}, selfservice.Timing{MaxAge: -1, RenewBefore: 10 * day})
		p.run(t, 2*day)
		key := signingKey(t, p.rotator)
		// An administrator shortens its life; the next daily check finds out.
		p.server.Expire(key.Thumbprint(), time.Now().Add(30*day))
		p.run(t, 15*day)
		assert.Zero(t, p.count(selfservice.EventSwitched))
		st, err := p.rotator.Status(t.Context())
		require.NoError(t, err)
		assert.WithinRange(t, st.Due, time.Now().Add(3*day), time.Now().Add(5*day+time.Hour))
		p.run(t, 16*day) // past its expiry
		assert.Equal(t, 1, p.count(selfservice.EventSwitched))
	})
}

// TestReplicasLearnOfASwitchBeforeTheNextRotation: a rotation that takes months ends
// with a credential that is due already, but is kept for an overlap.
func TestReplicasLearnOfASwitchBeforeTheNextRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, &model.Server{ReplaceAtOnce: true}, selfservice.Timing{Reread: time.Minute})
		step := func() time.Time {
			next, err := p.rotator.Step(t.Context())
			require.NoError(t, err)
			return next
		}
		time.Sleep(90 * day)
		for p.count(selfservice.EventRegistered) == 0 {
			step()
		}
		time.Sleep(100 * day) // nothing runs
		for p.count(selfservice.EventSwitched) == 0 {
			step()
		}
		next := step()
		for !next.After(time.Now()) {
			next = step()
		}
		assert.Equal(t, 1, p.count(selfservice.EventStarted))
		assert.Equal(t, time.Now().Add(time.Hour), next, "the overlap")
		time.Sleep(time.Until(next))
		for p.count(selfservice.EventSwitched) == 1 {
			step()
		}
		p.use(t)
	})
}

// TestPauseBetweenRotations of credentials that are always due: an overlap, or a
// third of a life that is too short for that.
func TestPauseBetweenRotations(t *testing.T) {
	for name, test := range map[string]struct{ life, pause time.Duration }{
		"an overlap":                         {30 * day, time.Hour},
		"a third of its life":                {30 * time.Minute, 10 * time.Minute},
		"two reads of the store":             {5 * time.Minute, 2 * time.Minute},
		"a third, as two reads are too long": {90 * time.Second, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &model.Server{}
				r, _ := adopted(t, server, &hookedProvider{Provider: server.Registrar(nil), report: func(reg *selfservice.Registration) {
					reg.Expires = time.Now().Add(test.life)
				}})
				r.Timing.RenewBefore = test.life - time.Millisecond
				require.NoError(t, r.Rotate(t.Context()))
				st := status(t, r)
				assert.WithinDuration(t, time.Now().Add(test.pause), st.Due, 0)
			})
		})
	}
}

func TestProviderDownForAWeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, &model.Server{Validity: 30 * day}, selfservice.Timing{MaxAge: 20 * day})
		p.run(t, 18*day)
		outage := errors.New("503")
		p.server.Break(outage)
		go p.rotator.Run(t.Context())
		time.Sleep(7 * day)
		failed := p.count(selfservice.EventFailed)
		assert.Positive(t, failed)
		assert.Less(t, failed, 7*24*5+20, "every 12 to 15 minutes once it has backed off")
		p.server.Break(nil)
		time.Sleep(16 * time.Minute)
		assert.Equal(t, 1, p.count(selfservice.EventSwitched))
		p.use(t)
	})
}

func TestSuspendedMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, &model.Server{Validity: 30 * day}, selfservice.Timing{})
		p.run(t, 25*day)
		before := p.count(selfservice.EventSwitched)
		time.Sleep(31 * day) // suspended; every key expires
		_, err := p.rotator.Step(t.Context())
		for range 5 {
			if err != nil {
				break
			}
			_, err = p.rotator.Step(t.Context())
		}
		require.ErrorIs(t, err, selfservice.ErrLockedOut)
		assert.Equal(t, before, p.count(selfservice.EventSwitched))
		// A person registers the same key again.
		key := signingKey(t, p.rotator)
		p.server.Expire(key.Thumbprint(), time.Now().Add(30*day))
		p.run(t, 2*day)
		p.use(t)
	})
}

func TestRetryAfterIsHeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, &model.Server{}, selfservice.Timing{})
		p.server.Break(slowDown{})
		go p.rotator.Run(t.Context())
		time.Sleep(10 * time.Minute)
		assert.Equal(t, 1, p.count(selfservice.EventFailed))
		time.Sleep(21 * time.Minute)
		assert.Equal(t, 2, p.count(selfservice.EventFailed))
	})
}

func TestRetryAfterIsCapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, &model.Server{}, selfservice.Timing{})
		p.server.Break(&selfservice.CallError{Wait: 1000 * day})
		go p.rotator.Run(t.Context())
		time.Sleep(day)
		assert.InDelta(t, 24, p.count(selfservice.EventFailed), 1, "once an hour")
	})
}

type slowDown struct{}

func (slowDown) Error() string             { return "429" }
func (slowDown) RetryAfter() time.Duration { return 30 * time.Minute }

func TestCallbackThatPanicsDoesNotStopTheRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, &model.Server{Validity: 30 * day}, selfservice.Timing{})
		p.rotator.OnEvent = func(selfservice.Event) { panic("a bug in the caller's program") }
		p.run(t, 100*day)
		st, err := p.rotator.Status(t.Context())
		require.NoError(t, err)
		assert.Positive(t, st.Rotations)
	})
}

func TestCallbackMayReadButNotStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlant(t, &model.Server{}, selfservice.Timing{})
		calls := 0
		p.rotator.OnEvent = func(selfservice.Event) {
			calls++
			_, err := p.rotator.Status(t.Context())
			assert.NoError(t, err)
			key, err := p.rotator.SigningKey(t.Context())
			assert.NoError(t, err)
			_, err = p.rotator.KeyRefused(t.Context(), key)
			assert.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err = p.rotator.Step(ctx)
			assert.ErrorIs(t, err, context.DeadlineExceeded, "it waits for the step that calls it")
		}
		require.NoError(t, p.rotator.Rotate(t.Context()))
		assert.Equal(t, 3, calls, "started, registered, switched")
	})
}

func TestTimingThatCouldLockOutIsRefused(t *testing.T) {
	for name, timing := range map[string]selfservice.Timing{
		"overlap shorter than two reads": {Overlap: time.Minute, Reread: time.Minute},
		"negative overlap":               {Overlap: -1},
		"lease shorter than a step":      {Lease: time.Second},
		"older than the overlap":         {MaxAge: time.Minute},
		"calls longer than the overlap":  {Overlap: 10 * time.Second, CallTimeout: 11 * time.Second},
		"longer than can be counted":     {CallTimeout: 1 << 61},
		"rereading without a pause":      {Overlap: 3},
		"checking without a pause":       {CheckEvery: 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := &selfservice.Rotator{Provider: (&model.Server{}).Registrar(nil), Store: &selfservice.Mem{}, Timing: timing}
			_, err := r.Step(t.Context())
			require.ErrorIs(t, err, selfservice.ErrConfig)
			require.ErrorIs(t, r.Run(t.Context()), selfservice.ErrConfig)
		})
	}
}

func TestNewCredentialThatIsTheOldOneIsRefused(t *testing.T) {
	p := newPlant(t, &model.Server{}, selfservice.Timing{})
	p.rotator.New = func(_ context.Context, like selfservice.Credential) (selfservice.Credential, error) { return like, nil }
	require.ErrorIs(t, p.rotator.Rotate(t.Context()), selfservice.ErrConfig)
	assert.Zero(t, p.server.Registered())
}

func TestRunReturnsAConfigurationErrorOfTheStore(t *testing.T) {
	r := &selfservice.Rotator{Provider: (&model.Server{}).Registrar(nil), Store: filestore.Dir("")}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.ErrorIs(t, r.Run(ctx), selfservice.ErrConfig)
}
