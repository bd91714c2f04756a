package assertion_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

// move is a client that moves from a secret to a key.
type move struct {
	bySecret, byKey pair // what the server takes before and after
	auth            *assertion.Moving
	server          *strictServer
}

// eachMove calls f for every flow and every refusal that both methods can meet.
func eachMove(t *testing.T, f func(t *testing.T, m *move, flow func() error)) {
	for _, how := range []string{"RFC 6749", "with 400", "Keycloak, PAR"} {
		for name, run := range flows {
			t.Run(name+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := newMove(t, how)
					transport := &assertion.Transport{Auth: m.auth, Endpoint: endpoint, Base: m.server}
					ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: transport})
					f(t, m, func() error { return run(ctx, m.auth) })
				})
			})
		}
	}
}

func newMove(t *testing.T, how string) *move {
	m := &move{bySecret: credentialPair(t, "the secret"), byKey: credentialPair(t, "one that nobody has")}
	m.auth = &assertion.Moving{
		From: &assertion.Basic{ClientID: clientID, Secret: m.bySecret.secret},
		To:   &assertion.Signer{ClientID: clientID, Audience: issuer, Key: m.byKey.key},
	}
	m.server = &strictServer{t: t, takes: m.bySecret, refuses: refusals[how].refuses, seen: map[string]bool{}}
	return m
}

func TestAClientMoves(t *testing.T) {
	eachMove(t, func(t *testing.T, m *move, flow func() error) {
		requests := func(n int, why string) {
			m.server.requests = 0
			require.NoError(t, flow())
			assert.Equal(t, n, m.server.requests, why)
		}
		requests(1, "the first method works")
		m.server.takes = m.byKey
		requests(2, "it is refused")
		requests(1, "it is not tried again")
		m.server.takes = m.bySecret
		requests(2, "the way back")
		requests(1, "")
	})
}

// If the server takes neither, the caller sees the first refusal, after the same
// few requests each time.
func TestAMoveThatHelpsNothing(t *testing.T) {
	eachMove(t, func(t *testing.T, m *move, flow func() error) {
		m.server.takes = credentialPair(t, "another that nobody has")
		require.ErrorContains(t, flow(), "refusal 1")
		assert.Equal(t, 4, m.server.requests)
		require.ErrorContains(t, flow(), "refusal 5")
		assert.Equal(t, 8, m.server.requests)
		m.server.takes = m.byKey
		require.NoError(t, flow())
	})
}

// Some nodes of a server learn of the move later than others.
func TestNodesThatMoveOneAfterTheOther(t *testing.T) {
	eachMove(t, func(t *testing.T, m *move, flow func() error) {
		m.server.takes, m.server.stale = m.byKey, map[int]pair{2: m.bySecret, 5: m.bySecret}
		require.NoError(t, flow())
		assert.Equal(t, 4, m.server.requests)
		require.NoError(t, flow())
		assert.Equal(t, 7, m.server.requests, "the key at a node that learns late, the secret at another, the key")
		require.NoError(t, flow())
		assert.Equal(t, 8, m.server.requests)
	})
}

// The key's source holds two in the overlap of a rotation, and never runs out.
func TestTheWayBackInAnOverlap(t *testing.T) {
	eachMove(t, func(t *testing.T, m *move, flow func() error) {
		m.auth.To = &assertion.Signer{ClientID: clientID, Audience: issuer, Key: two{m.byKey.key, credentialPair(t, "an old one").key}}
		m.server.takes = m.byKey
		require.NoError(t, flow())
		m.server.takes, m.server.requests = m.bySecret, 0
		require.NoError(t, flow())
		assert.Equal(t, 3, m.server.requests)
		require.NoError(t, flow())
		assert.Equal(t, 4, m.server.requests)
	})
}

// two is a Rotator that has an old key beside the active one.
type two struct{ active, old *keys.Key }

func (s two) SigningKey(context.Context) (*keys.Key, error) { return s.active, nil }
func (s two) KeyRefused(_ context.Context, k *keys.Key) (*keys.Key, error) {
	if k.Thumbprint() == s.active.Thumbprint() {
		return s.old, nil
	}
	return s.active, nil
}

// The other method fails to authenticate, and its source is not told of refusals.
func TestAMoveToAKeyThatCannotBeRead(t *testing.T) {
	eachMove(t, func(t *testing.T, m *move, flow func() error) {
		for _, source := range []keys.Source{unreadable{}, untold{t, m.byKey.key}} {
			m.auth.To = &assertion.Signer{ClientID: clientID, Audience: issuer, Key: source}
			m.server.takes = credentialPair(t, "another that nobody has")
			require.ErrorContains(t, flow(), "refusal")
			m.server.takes = m.bySecret
			require.NoError(t, flow())
		}
	})
}

type unreadable struct{}

func (unreadable) SigningKey(context.Context) (*keys.Key, error) { return nil, errNotAdopted }

// untold is a Rotator of a client that has not moved.
type untold struct {
	t   *testing.T
	key *keys.Key
}

func (s untold) SigningKey(context.Context) (*keys.Key, error) { return s.key, nil }
func (s untold) KeyRefused(context.Context, *keys.Key) (*keys.Key, error) {
	s.t.Error("a Rotator would take this for a lock-out")
	return s.key, nil
}

// An error that is about something else does not prove the other method.
func TestAMoveThatIsNotProved(t *testing.T) {
	eachMove(t, func(t *testing.T, m *move, flow func() error) {
		m.server.takes = m.byKey
		m.server.answers = func(url.Values) (int, string) { return 503, "temporarily_unavailable" }
		require.Error(t, flow())
		m.server.takes, m.server.answers, m.server.requests = m.bySecret, nil, 0
		require.NoError(t, flow())
		assert.Equal(t, 1, m.server.requests)
	})
}

// A server that asks for patience is not asked again.
func TestRefusalsThatAskForPatience(t *testing.T) {
	eachMove(t, func(t *testing.T, m *move, flow func() error) {
		m.server.takes, m.server.patience = credentialPair(t, "another that nobody has"), "60"
		require.Error(t, flow())
		assert.Equal(t, 2, m.server.requests)
	})
}

// Requests that are refused at the same time do not send each other back.
func TestManyRequestsMoveTogether(t *testing.T) {
	eachMove(t, func(t *testing.T, m *move, flow func() error) {
		m.server.takes = m.byKey
		refuses, meanwhile := m.server.refuses, false
		m.server.refuses = func(r *http.Request) (int, string, string) {
			if !meanwhile {
				meanwhile = true
				require.NoError(t, flow())
			}
			return refuses(r)
		}
		require.NoError(t, flow())
		assert.Equal(t, 4, m.server.requests)
		require.NoError(t, flow())
		assert.Equal(t, 5, m.server.requests)
	})
}

// The program was deployed before there is a key.
func TestAMoveToNoKeyYet(t *testing.T) {
	eachMove(t, func(t *testing.T, m *move, flow func() error) {
		to := m.auth.To
		m.auth.To = &assertion.Signer{ClientID: clientID, Audience: issuer, Key: noKey{}}
		require.NoError(t, flow())
		m.server.takes = m.byKey
		require.ErrorContains(t, flow(), "refusal 2")
		assert.Equal(t, 2, m.server.requests)
		m.auth.To = to
		require.NoError(t, flow())
	})
}

// noKey is a Rotator whose store is empty.
type noKey struct{}

var errNotAdopted = errors.New("no credential has been adopted")

func (noKey) SigningKey(context.Context) (*keys.Key, error) { return nil, errNotAdopted }
func (noKey) KeyRefused(context.Context, *keys.Key) (*keys.Key, error) {
	return nil, errNotAdopted
}

// A key that is rotated after the move is no reason to send the secret.
func TestARotationAfterAMove(t *testing.T) {
	eachMove(t, func(t *testing.T, m *move, flow func() error) {
		source := &replica{now: m.byKey, next: credentialPair(t, "another that nobody has")}
		m.auth.To = &assertion.Signer{ClientID: clientID, Audience: issuer, Key: source}
		m.server.takes = m.byKey
		require.NoError(t, flow())
		m.server.takes = source.next
		m.server.refuses = func(r *http.Request) (int, string, string) {
			_, _, basic := r.BasicAuth()
			assert.False(t, basic)
			return 401, "invalid_client", ""
		}
		m.server.requests = 0
		require.NoError(t, flow())
		assert.Equal(t, 2, m.server.requests)
	})
}

func TestMovingByItself(t *testing.T) {
	m := newMove(t, "RFC 6749")
	header, form := http.Header{}, url.Values{}
	require.NoError(t, m.auth.Authenticate(t.Context(), header, form))
	assert.Contains(t, header.Get("Authorization"), "Basic ")
	assert.Empty(t, form)
	for _, incomplete := range []*assertion.Moving{{}, {From: m.auth.From}, {To: m.auth.To}} {
		require.ErrorIs(t, incomplete.Authenticate(t.Context(), header, form), assertion.ErrConfig)
	}
}
