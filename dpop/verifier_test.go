package dpop_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const patients = "https://api.example.no/patients"

// request returns a request with a valid proof, modified by change.
func request(t testing.TB, change func(*dpop.Proof, *dpop.Request)) dpop.Request {
	t.Helper()
	p := dpop.Proof{Method: "GET", URL: patients, AccessToken: keys.NewSecret("the token")}
	r := dpop.Request{Method: "GET", URL: patients, Token: p.AccessToken, JKT: testKey().Thumbprint()}
	change(&p, &r)
	proof, err := dpop.Sign(t.Context(), testKey(), p)
	require.NoError(t, err)
	r.Proofs = append(r.Proofs, proof)
	return r
}

func TestVerifyAcceptsAProofOnce(t *testing.T) {
	v := &dpop.Verifier{Replay: &dpop.Memory{}}
	require.NoError(t, v.Validate())
	r := request(t, func(*dpop.Proof, *dpop.Request) {})
	checked, err := v.Check(t.Context(), r)
	require.NoError(t, err)
	assert.Equal(t, testKey().Thumbprint(), checked.JKT)
	assert.True(t, checked.Key.Equal(testKey().PublicKey()))
	assert.WithinDuration(t, time.Now(), checked.IssuedAt, 2*time.Second)

	again, err := v.Verify(t.Context(), r)
	require.NoError(t, err, "Check spends nothing")
	assert.Equal(t, checked.ID, again.ID)
	require.ErrorIs(t, v.Consume(t.Context(), checked), dpop.ErrReplayed)
	_, err = v.Verify(t.Context(), r)
	require.ErrorIs(t, err, dpop.ErrReplayed)
}

func TestVerifierRequiresReplay(t *testing.T) {
	v := &dpop.Verifier{}
	require.ErrorIs(t, v.Validate(), dpop.ErrConfig)
	r := request(t, func(*dpop.Proof, *dpop.Request) {})
	_, err := v.Check(t.Context(), r)
	require.ErrorIs(t, err, dpop.ErrConfig)
	_, err = v.Verify(t.Context(), r)
	require.ErrorIs(t, err, dpop.ErrConfig)
	checked, err := (&dpop.Verifier{Replay: &dpop.Memory{}}).Check(t.Context(), r)
	require.NoError(t, err)
	require.ErrorIs(t, v.Consume(t.Context(), checked), dpop.ErrConfig)
	require.ErrorIs(t, (*dpop.Verifier)(nil).Validate(), dpop.ErrConfig)
	require.ErrorIs(t, (&dpop.Verifier{Replay: &dpop.Memory{}}).Consume(t.Context(), &dpop.Checked{}), dpop.ErrConfig, "not checked")
}

// set is a replay cache that says what it is.
type set struct {
	shared bool
	err    error
}

func (s *set) Validate() error                          { return s.err }
func (s *set) Shared() bool                             { return s.shared }
func (s *set) Insert(context.Context, dpop.Entry) error { return s.err }

// Processes that share the cache and not the secrets would refuse each other's
// nonces for ever.
func TestSharedReplayNeedsSecrets(t *testing.T) {
	ring := []keys.Secret{secret("a")}
	for name, c := range map[string]struct {
		shared bool
		nonces *dpop.Nonces
		want   error
	}{
		"no secrets":                 {true, &dpop.Nonces{}, dpop.ErrConfig},
		"secrets":                    {true, &dpop.Nonces{Secrets: ring}, nil},
		"no nonces":                  {true, nil, nil},
		"no secrets, of one process": {false, &dpop.Nonces{}, nil},
	} {
		v := &dpop.Verifier{Replay: &set{shared: c.shared}, Nonces: c.nonces}
		require.ErrorIs(t, v.Validate(), c.want, name)
		m, _ := guard(t, func(m *dpop.Middleware) { m.Proofs = v })
		require.ErrorIs(t, m.Validate(), c.want, name)
		if c.want != nil {
			assert.Contains(t, m.Validate().Error(), "Nonces.Secrets", name)
		}
	}
	v := &dpop.Verifier{Replay: &set{shared: true}, Nonces: &dpop.Nonces{}}
	v.Nonces.Nonce() // by a secret of its own
	require.ErrorIs(t, v.Validate(), dpop.ErrConfig)
	require.NoError(t, v.Nonces.Change(ring...))
	require.NoError(t, v.Validate())
}

// What a cache says with this package's type is shown; what a driver says is
// found by its type alone, at the start and at a request.
func TestErrorsOfAReplay(t *testing.T) {
	driver := errors.New("the password is hunter2")
	ours := &dpop.Error{Rule: dpop.ErrConfig, Detail: "it has no database"}
	for name, c := range map[string]struct {
		err, atRequest error
		atStart, later string
	}{
		"ours":                 {ours, dpop.ErrConfig, "dpop: the verifier is not set up: it has no database", "dpop: the verifier is not set up: it has no database"},
		"ours and more":        {fmt.Errorf("%w for %w", driver, ours), dpop.ErrConfig, "dpop: the verifier is not set up: it has no database", "dpop: the verifier is not set up: it has no database"},
		"the driver's":         {driver, dpop.ErrReplayStore, "dpop: the verifier is not set up", "dpop: the replay cache failed"},
		"ours by its sentinel": {fmt.Errorf("%w: %w", dpop.ErrConfig, driver), dpop.ErrReplayStore, "dpop: the verifier is not set up", "dpop: the replay cache failed"},
	} {
		replay := &set{err: c.err}
		v := &dpop.Verifier{Replay: replay}
		err := v.Validate()
		require.ErrorIs(t, err, dpop.ErrConfig, name)
		require.EqualError(t, err, c.atStart, name)

		replay.err = nil
		checked, err := v.Check(t.Context(), request(t, func(*dpop.Proof, *dpop.Request) {}))
		require.NoError(t, err)
		v.Replay = failing{c.err}
		err = v.Consume(t.Context(), checked)
		require.ErrorIs(t, err, c.atRequest, name)
		require.EqualError(t, err, c.later, name)
		if c.err != ours && c.atRequest == dpop.ErrReplayStore {
			require.ErrorIs(t, err, driver, name)
		}
	}
}
