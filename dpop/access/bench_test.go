package access_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/require"
)

// calls makes whole requests over loopback. Each has a proof of its own, made
// beforehand, and all have one token, as those of one client have.
type calls struct {
	token  string
	proofs []string
	next   atomic.Int64
	base   *http.Transport
}

// newCalls returns n of them, and an API without and one with the Middleware.
func newCalls(b *testing.B, n int) (c *calls, without, with string) {
	b.Helper()
	key := testKey(b, keys.ES256, 1)
	c = &calls{base: &http.Transport{MaxIdleConnsPerHost: 64}}
	c.token = sign(b, key, nil, good(map[string]any{"exp": time.Now().Unix() + 3600, "cnf": map[string]any{"jkt": key.Thumbprint()}}))
	for range n {
		proof, err := dpop.Sign(b.Context(), key, dpop.Proof{URL: audience + "/patients", AccessToken: keys.NewSecret(c.token)})
		require.NoError(b, err)
		c.proofs = append(c.proofs, proof)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	guard := &dpop.Middleware{
		Tokens:  newServer(key).verifier(),
		Proofs:  &dpop.Verifier{Replay: &dpop.Memory{Max: 10_000_000, MaxKey: 10_000_000}, Window: time.Hour},
		BaseURL: audience,
	}
	start := func(h http.Handler) string {
		server := httptest.NewServer(h)
		b.Cleanup(server.Close)
		return server.URL + "/patients"
	}
	without, with = start(handler), start(guard.Handler(handler, "read"))
	b.Cleanup(c.base.CloseIdleConnections)
	return c, without, with
}

func (c *calls) call(b *testing.B, url string) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		b.Error(err)
		return
	}
	proof := c.proofs[int(c.next.Add(1)-1)%len(c.proofs)]
	req.Header = http.Header{"Authorization": {"DPoP " + c.token}, "Dpop": {proof}}
	resp, err := c.base.RoundTrip(req)
	if err != nil {
		b.Error(err)
		return
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b.Error(resp.Status)
	}
}

// BenchmarkMiddleware makes one request after the other to a handler with the
// Middleware, one without it, and the one verification of a signature that
// nobody can avoid, in turns, so that all meet the same noise. ns/op is the
// median of the first, x-without its ratio to that of the second, and x-raw what
// the Middleware adds, as a multiple of the third.
func BenchmarkMiddleware(b *testing.B) {
	c, without, with := newCalls(b, 2*b.N)
	digest := sha256.Sum256([]byte("proof"))
	signature, err := testKey(b, keys.ES256, 1).Signer().Sign(rand.Reader, digest[:], crypto.SHA256)
	require.NoError(b, err)
	public := testKey(b, keys.ES256, 1).PublicKey().Public().(*ecdsa.PublicKey)
	var times [3][]time.Duration
	b.ResetTimer()
	for range b.N {
		for i, op := range []func(){
			func() { c.call(b, with) },
			func() { c.call(b, without) },
			func() { require.True(b, ecdsa.VerifyASN1(public, digest[:], signature)) },
		} {
			start := time.Now()
			op()
			times[i] = append(times[i], time.Since(start))
		}
	}
	median := func(i int) float64 { slices.Sort(times[i]); return float64(times[i][b.N/2]) }
	b.ReportMetric(median(0), "ns/op")
	b.ReportMetric(median(0)/median(1), "x-without")
	b.ReportMetric((median(0)-median(1))/median(2), "x-raw")
}

// BenchmarkRequests is BenchmarkMiddleware with as many clients as cores.
func BenchmarkRequests(b *testing.B) {
	for _, name := range []string{"without", "with"} {
		b.Run(name, func(b *testing.B) {
			c, url, with := newCalls(b, b.N)
			if name == "with" {
				url = with
			}
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					c.call(b, url)
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}

// BenchmarkToken verifies a JWT for the first time, and again.
func BenchmarkToken(b *testing.B) {
	key := testKey(b, keys.ES256, 1)
	text := sign(b, key, nil, good(map[string]any{"exp": time.Now().Unix() + 3600}))
	for name, forget := range map[string]bool{"first": true, "again": false} {
		b.Run(name, func(b *testing.B) {
			v := newServer(key).verifier()
			require.NoError(b, check(b.Context(), v, text))
			b.ReportAllocs()
			for b.Loop() {
				if forget {
					v.Forget()
				}
				if err := check(b.Context(), v, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
