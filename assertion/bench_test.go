package assertion_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/require"
)

// BenchmarkAssertion alternates assertions and raw signatures, so that both see
// the same noise, and reports their ratio and the allocations of an assertion.
func BenchmarkAssertion(b *testing.B) {
	for _, alg := range []keys.Algorithm{keys.ES256, keys.EdDSA, keys.RS256, keys.PS256} {
		b.Run(string(alg), func(b *testing.B) {
			key := testKey(b, alg)
			s := &assertion.Signer{ClientID: clientID, Audience: issuer, Key: key}
			ctx := b.Context()
			digest, opts := make([]byte, 32), crypto.SignerOpts(crypto.SHA256)
			if alg == keys.EdDSA {
				digest, opts = make([]byte, 400), crypto.Hash(0)
			} else if alg == keys.PS256 {
				opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
			}
			var ours, raw []time.Duration
			allocs := testing.AllocsPerRun(100, func() { s.Assertion(ctx) })
			for b.Loop() {
				start := time.Now()
				if _, err := s.Assertion(ctx); err != nil {
					b.Fatal(err)
				}
				middle := time.Now()
				if _, err := key.Signer().Sign(rand.Reader, digest, opts); err != nil {
					b.Fatal(err)
				}
				ours = append(ours, middle.Sub(start))
				raw = append(raw, time.Since(middle))
			}
			b.ReportMetric(0, "ns/op") // meaningless: the sum of both
			b.ReportMetric(median(ours), "µs/assertion")
			b.ReportMetric(median(raw), "µs/raw")
			b.ReportMetric(median(ours)/median(raw), "x-raw")
			b.ReportMetric(allocs, "allocs/assertion")
		})
	}
}

// median returns the median, which noise affects least.
func median(d []time.Duration) (microseconds float64) {
	slices.Sort(d)
	return float64(d[len(d)/2]) / 1e3
}

// BenchmarkAuthenticate measures an assertion and its form parameters.
func BenchmarkAuthenticate(b *testing.B) {
	s := testSigner(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Authenticate(b.Context(), nil, url.Values{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCachedToken measures the hot path of every API call, on all cores.
func BenchmarkCachedToken(b *testing.B) {
	s := sourceOf(b, answering(200, `{"access_token":"t","token_type":"Bearer","expires_in":86400}`))
	_, err := s.Token(b.Context())
	require.NoError(b, err)
	ctx := b.Context()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := s.BoundToken(ctx); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
