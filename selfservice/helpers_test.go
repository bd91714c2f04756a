package selfservice_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/require"
)

const day = 24 * time.Hour

// oneNode is the Timing for a server whose first success is proof.
var oneNode = selfservice.Timing{Propagation: -1}

// spy records the calls of a provider and lets a test act after one of them.
type spy struct {
	mu    sync.Mutex
	calls []string
	on    map[string]func()
	delay time.Duration
}

func (s *spy) do(point string, call func() error) error {
	time.Sleep(s.delay)
	err := call()
	s.mu.Lock()
	s.calls = append(s.calls, point)
	act := s.on[point]
	s.mu.Unlock()
	if act != nil {
		act()
	}
	return err
}

func (s *spy) count(point string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if c == point {
			n++
		}
	}
	return n
}

// fails makes every call at a point fail with the error given for it.
func fails(s *spy, with map[string]error) model.IO {
	return func(point string, call func() error) error {
		return s.do(point, func() error {
			if err := with[point]; err != nil {
				return err
			}
			return call()
		})
	}
}

func secretCredential(secret string) selfservice.Credential {
	return selfservice.Credential{Secret: keys.NewSecret(secret)}
}

func fingerprint(secret keys.Secret) string {
	return selfservice.Credential{Secret: secret}.Fingerprint()
}

// adopted returns a Rotator with a secret that the server accepts.
func adopted(t *testing.T, server *model.Server, provider selfservice.Provider) (*selfservice.Rotator, selfservice.Credential) {
	t.Helper()
	first := secretCredential("the first secret, made by hand")
	server.Adopt(first)
	r := &selfservice.Rotator{Provider: provider, Store: &selfservice.Mem{}, Timing: oneNode}
	require.NoError(t, r.Adopt(t.Context(), first))
	return r, first
}

// restarted returns the Rotator of another process over the same store.
func restarted(r *selfservice.Rotator) *selfservice.Rotator {
	return &selfservice.Rotator{Provider: r.Provider, Store: r.Store, Timing: r.Timing, Owner: r.Owner}
}

func status(t *testing.T, r *selfservice.Rotator) selfservice.Status {
	t.Helper()
	st, err := r.Status(t.Context())
	require.NoError(t, err)
	return st
}

// active returns the fingerprint of the stored active credential.
func active(t *testing.T, r *selfservice.Rotator) string {
	t.Helper()
	return status(t, r).Active.Fingerprint
}

// pending returns the fingerprint of the pending credential; empty if there is
// none.
func pending(t *testing.T, r *selfservice.Rotator) string {
	t.Helper()
	if p := status(t, r).Pending; p != nil {
		return p.Fingerprint
	}
	return ""
}

func clientSecret(t *testing.T, r *selfservice.Rotator) keys.Secret {
	t.Helper()
	s, err := r.ClientSecret(t.Context())
	require.NoError(t, err)
	return s
}

func signingKey(t *testing.T, r *selfservice.Rotator) *keys.Key {
	t.Helper()
	key, err := r.SigningKey(t.Context())
	require.NoError(t, err)
	return key
}

// refuse reports that the server refused secret, and returns the one to try.
func refuse(t *testing.T, r *selfservice.Rotator, secret keys.Secret) keys.Secret {
	t.Helper()
	other, err := r.SecretRefused(t.Context(), secret)
	require.NoError(t, err)
	return other
}

// steps makes steps until nothing is due, or one fails.
func steps(t *testing.T, r *selfservice.Rotator) error {
	t.Helper()
	for range 20 {
		at, err := r.Step(t.Context())
		if err != nil || at.IsZero() || at.After(time.Now()) {
			return err
		}
	}
	t.Fatal("the steps do not end")
	return nil
}

// runFor runs r for d.
func runFor(t *testing.T, r *selfservice.Rotator, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	require.ErrorIs(t, r.Run(ctx), context.DeadlineExceeded)
}

// recorder records the events of Rotators.
type recorder struct {
	mu     sync.Mutex
	events []selfservice.Event
}

// record returns the recorder of the events of r from now on.
func record(r *selfservice.Rotator) *recorder {
	rec := &recorder{}
	r.OnEvent = rec.add
	return rec
}

func (rec *recorder) add(e selfservice.Event) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.events = append(rec.events, e)
}

func (rec *recorder) count(kind selfservice.EventKind) int { return len(rec.of(kind)) }

// of returns the events of a kind.
func (rec *recorder) of(kind selfservice.EventKind) []selfservice.Event {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(rec.events), func(e selfservice.Event) bool { return e.Kind != kind })
}
