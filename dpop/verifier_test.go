package dpop_test

import (
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
