package keys_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/require"
)

// compare runs ours and raw in turn, so that both meet the same machine, and
// reports the ratio of the medians (a busy machine spoils means) and what ours
// allocates.
func compare(b *testing.B, raw, ours func()) {
	var rawTimes, ourTimes []time.Duration
	for b.Loop() {
		t0 := time.Now()
		raw()
		t1 := time.Now()
		ours()
		ourTimes = append(ourTimes, time.Since(t1))
		rawTimes = append(rawTimes, t1.Sub(t0))
	}
	median := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)/2])
	}
	b.ReportMetric(median(ourTimes)/median(rawTimes), "x-raw")
	b.ReportMetric(median(ourTimes), "ours-ns/op")
	b.ReportMetric(testing.AllocsPerRun(20, ours), "ours-allocs/op")
	b.ReportMetric(testing.AllocsPerRun(20, raw), "raw-allocs/op")
}

// rawSign is the cost that cannot be saved: the hash and one signature.
func rawSign(b *testing.B, key *keys.Key, message []byte) func() {
	signer, opts := key.Signer(), crypto.SignerOpts(crypto.SHA256)
	switch key.Algorithm() {
	case keys.PS256:
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	case keys.EdDSA:
		opts = crypto.Hash(0)
	}
	return func() {
		input := message
		if opts.HashFunc() != 0 {
			sum := sha256.Sum256(message)
			input = sum[:]
		}
		_, err := signer.Sign(rand.Reader, input, opts)
		require.NoError(b, err)
	}
}

func BenchmarkSign(b *testing.B) {
	payload := make([]byte, 300) // of the size of a client assertion's claims
	for _, alg := range []keys.Algorithm{keys.ES256, keys.EdDSA, keys.RS256, keys.PS256} {
		key := testKey(b, alg)
		for name, h := range map[string]keys.Header{"assertion": {Type: "JWT"}, "proof": {Type: "dpop+jwt", EmbedJWK: true}} {
			b.Run(string(alg)+"/"+name, func(b *testing.B) {
				compare(b, rawSign(b, key, payload), func() {
					_, err := key.Sign(b.Context(), h, payload)
					require.NoError(b, err)
				})
			})
		}
	}
}

// BenchmarkJWK is what a server pays for a key that it has not seen: check,
// JWK and thumbprint; against one signature by such a key.
func BenchmarkJWK(b *testing.B) {
	key := testKey(b, keys.ES256)
	public := key.PublicKey().Public()
	compare(b, rawSign(b, key, make([]byte, 300)), func() {
		p, err := keys.NewPublicKey(public, keys.Options{})
		require.NoError(b, err)
		if len(p.JWK()) == 0 || p.Thumbprint() == "" {
			b.Fatal("empty")
		}
	})
}

// BenchmarkParsePublic reads a JWK strictly, as a proof's verifier must.
func BenchmarkParsePublic(b *testing.B) {
	key := testKey(b, keys.ES256)
	jwk := key.PublicKey().JWK()
	compare(b, rawSign(b, key, make([]byte, 300)), func() {
		_, err := keys.ParsePublic(jwk, keys.Options{})
		require.NoError(b, err)
	})
}

// BenchmarkParsePublicChecks is what the checks of a number cost beside reading
// the JWK that it is in: an RSA modulus (ROCA) and an Ed25519 point.
func BenchmarkParsePublicChecks(b *testing.B) {
	for _, alg := range []keys.Algorithm{keys.RS256, keys.EdDSA} {
		public := testKey(b, alg).PublicKey()
		jwk := public.JWK()
		b.Run(string(alg), func(b *testing.B) {
			compare(b, func() {
				_, err := keys.ParsePublic(jwk, keys.Options{})
				require.NoError(b, err)
			}, func() {
				_, err := keys.NewPublicKey(public.Public(), keys.Options{})
				require.NoError(b, err)
			})
		})
	}
}
