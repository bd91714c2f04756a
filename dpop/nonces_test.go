package dpop_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func secret(name string) keys.Secret { return keys.NewSecret(name + strings.Repeat("-", 32)) }

// nonceProof verifies a proof with this nonce.
func nonceProof(t *testing.T, v *dpop.Verifier, nonce string) error {
	t.Helper()
	claims := goodClaims()
	if nonce != "" {
		claims = claims.with("nonce", strconv.Quote(nonce))
	}
	r := with(forge(goodHeader().String(), claims.String()))
	_, err := v.Verify(t.Context(), r)
	if err != nil {
		refusedBy(t, err, dpop.ErrProofNonce, r)
	}
	return err
}

func TestNonceOfTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		replay := &counting{}
		one := &dpop.Verifier{Replay: replay, Nonces: &dpop.Nonces{Secrets: []keys.Secret{secret("a")}}}
		require.NoError(t, one.Validate())
		nonce := one.Nonces.Nonce()
		assert.Len(t, nonce, 22)
		for name, wrong := range map[string]string{
			"missing":           "",
			"malformed":         "a nonce",
			"in another case":   strings.ToUpper(nonce),
			"padded":            nonce + "==",
			"cut short":         nonce[:21],
			"by another secret": (&dpop.Nonces{Secrets: []keys.Secret{secret("b")}}).Nonce(),
			"by nobody's":       new(dpop.Nonces).Nonce(),
			"of another length": (&dpop.Nonces{Secrets: []keys.Secret{secret("a")}, Step: time.Hour}).Nonce() + "x",
		} {
			require.Error(t, nonceProof(t, one, wrong), name)
		}
		assert.Zero(t, replay.spent, "a proof without the right nonce spends nothing")
		require.NoError(t, nonceProof(t, one, nonce))
		require.NoError(t, nonceProof(t, one, nonce), "it is good for any number of proofs")

		time.Sleep(5 * time.Minute)
		require.NotEqual(t, nonce, one.Nonces.Nonce())
		require.NoError(t, nonceProof(t, one, nonce), "one step old")
		time.Sleep(5 * time.Minute)
		require.Error(t, nonceProof(t, one, nonce), "two steps old")
	})
}

// Nothing is stored: instances share only the secret.
func TestNoncesOfOtherInstances(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, next := secret("old"), secret("next")
		instance := func(secrets ...keys.Secret) *dpop.Verifier {
			return &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: &dpop.Nonces{Secrets: secrets}}
		}
		a, b := instance(old), instance(old)
		require.NoError(t, nonceProof(t, b, a.Nonces.Nonce()))
		require.NoError(t, nonceProof(t, instance(old), a.Nonces.Nonce()), "after a restart")

		// All instances accept the new secret before any uses it.
		before := a.Nonces.Nonce()
		require.NoError(t, a.Nonces.Change(old, next))
		require.Equal(t, before, a.Nonces.Nonce(), "the first makes them")
		require.NoError(t, b.Nonces.Change(next, old))
		require.NotEqual(t, before, b.Nonces.Nonce())
		require.NoError(t, nonceProof(t, a, b.Nonces.Nonce()))
		require.NoError(t, nonceProof(t, b, before))
		require.NoError(t, nonceProof(t, instance(next, old), before), "restarted in between")
		require.NoError(t, b.Nonces.Change(next))
		require.Error(t, nonceProof(t, b, before), "the old one is gone")
	})
}

// The clock of the other instance is one step ahead.
func TestNonceOfAnInstanceAhead(t *testing.T) {
	var next string
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(5 * time.Minute)
		next = (&dpop.Nonces{Secrets: []keys.Secret{secret("a")}}).Nonce()
	})
	synctest.Test(t, func(t *testing.T) { // starts at the same time as the first
		v := &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: &dpop.Nonces{Secrets: []keys.Secret{secret("a")}}}
		require.NoError(t, nonceProof(t, v, next))
	})
}

func TestNoncesWithoutASecretAreLocal(t *testing.T) {
	a, b := &dpop.Nonces{}, &dpop.Nonces{}
	assert.NotEqual(t, a.Nonce(), b.Nonce())
	assert.Equal(t, a.Nonce(), a.Nonce())
	require.NoError(t, (&dpop.Verifier{Replay: &dpop.Memory{}, Nonces: a}).Validate())
}

func TestNoncesConfiguration(t *testing.T) {
	for name, n := range map[string]*dpop.Nonces{
		"short secret":       {Secrets: []keys.Secret{keys.NewSecret("short")}},
		"one short secret":   {Secrets: []keys.Secret{secret("a"), keys.NewSecret("short")}},
		"no secret in it":    {Secrets: []keys.Secret{{}}},
		"negative step":      {Step: -time.Second},
		"a part of a second": {Step: time.Second / 2},
	} {
		v := &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: n}
		err := v.Validate()
		var ours *dpop.Error
		require.True(t, errors.As(err, &ours), name)
		require.ErrorIs(t, err, dpop.ErrConfig, name)
		_, err = v.Check(t.Context(), with(forge(goodHeader().String(), goodClaims().String())))
		require.ErrorIs(t, err, dpop.ErrConfig, name)
		if n.Step != 0 {
			assert.NotEmpty(t, n.Nonce(), "a token endpoint may ask for one all the same")
		}
	}
	var n dpop.Nonces
	before := n.Nonce()
	require.ErrorIs(t, n.Change(), dpop.ErrConfig)
	require.ErrorIs(t, n.Change(keys.NewSecret("short")), dpop.ErrConfig)
	assert.Equal(t, before, n.Nonce())
}
