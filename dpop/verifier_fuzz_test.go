package dpop_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/require"
)

// FuzzVerifier checks that go-jose accepts every accepted proof, with the same key
// and claims, and that every refusal is by a rule and quotes nothing.
func FuzzVerifier(f *testing.F) {
	for _, cases := range []map[string]hostile{wrongTypes(), wrongAlgorithms(), wrongKeys(), wrongShapes(), wrongSignatures()} {
		for _, name := range slices.Sorted(maps.Keys(cases)) {
			if len(cases[name].proof) <= 16<<10 {
				f.Add(cases[name].proof)
			}
		}
	}
	rsa, err := keys.GenerateRSA(keys.RS256, 2048)
	require.NoError(f, err)
	for _, alg := range algorithms {
		key, err := rsa.With(keys.Options{Algorithm: keys.Algorithm(alg)})
		if err != nil {
			key, err = keys.Generate(keys.Algorithm(alg))
		}
		require.NoError(f, err)
		proof, err := dpop.Sign(f.Context(), key, dpop.Proof{URL: patients, AccessToken: keys.NewSecret(forgedToken)})
		require.NoError(f, err)
		f.Add(proof)
	}
	f.Fuzz(func(t *testing.T, proof string) {
		v := &dpop.Verifier{Replay: &dpop.Memory{}}
		r := with(proof)
		r.JKT, r.AnyKey = "", true
		checked, err := v.Verify(t.Context(), r)
		if err != nil {
			var refused *dpop.ProofError
			require.True(t, errors.As(err, &refused), "%T", err)
			return
		}
		theirs, err := open(proof)
		require.NoError(t, err)
		require.Equal(t, checked.JKT, theirs.thumbprint(t))
		require.Equal(t, checked.ID, theirs.JTI)
		require.Equal(t, []any{"dpop+jwt", "GET", hash(forgedToken)}, []any{theirs.Typ, theirs.HTM, theirs.ATH})
		require.Equal(t, checked.IssuedAt.Unix(), theirs.IAT)
		_, err = v.Verify(t.Context(), r)
		require.ErrorIs(t, err, dpop.ErrReplayed)
	})
}
