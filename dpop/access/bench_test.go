package access_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/require"
)

// BenchmarkRequests serves whole requests over loopback, by as many clients as
// there are cores, with and without the Middleware. Each has a proof of its own,
// made beforehand, and all have one token, as those of one client have.
func BenchmarkRequests(b *testing.B) {
	key := testKey(b, keys.ES256, 1)
	token := sign(b, key, nil, good(map[string]any{"exp": time.Now().Unix() + 3600, "cnf": map[string]any{"jkt": key.Thumbprint()}}))
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	guard := func(proofs *dpop.Verifier) http.Handler {
		return (&dpop.Middleware{Tokens: newServer(key).verifier(), Proofs: proofs, BaseURL: audience}).Handler(handler, "read")
	}
	for _, c := range []struct {
		name    string
		handler http.Handler
	}{
		{"without", handler},
		{"with", guard(&dpop.Verifier{Replay: &dpop.Memory{Max: 10_000_000, MaxKey: 10_000_000}, Window: time.Hour})},
	} {
		b.Run(c.name, func(b *testing.B) {
			proofs := make([]string, b.N)
			for i := range proofs {
				var err error
				proofs[i], err = dpop.Sign(b.Context(), key, dpop.Proof{URL: audience + "/patients", AccessToken: keys.NewSecret(token)})
				require.NoError(b, err)
			}
			server := httptest.NewServer(c.handler)
			defer server.Close()
			client := server.Client().Transport.(*http.Transport)
			client.MaxIdleConnsPerHost = 64
			var next atomic.Int64
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					req, err := http.NewRequest(http.MethodGet, server.URL+"/patients", nil)
					if err != nil {
						b.Error(err)
						return
					}
					req.Header = http.Header{"Authorization": {"DPoP " + token}, "Dpop": {proofs[next.Add(1)-1]}}
					resp, err := client.RoundTrip(req)
					if err != nil || resp.StatusCode != http.StatusOK {
						b.Error("not served", err)
						return
					}
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}

// BenchmarkToken: a JWT for the first time, and again.
func BenchmarkToken(b *testing.B) {
	key := testKey(b, keys.ES256, 1)
	text := sign(b, key, nil, good(map[string]any{"exp": time.Now().Unix() + 3600}))
	b.Run("again", func(b *testing.B) {
		v := newServer(key).verifier()
		b.ReportAllocs()
		for b.Loop() {
			if err := check(b.Context(), v, text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("first", func(b *testing.B) {
		v := newServer(key).verifier()
		texts := make([]string, 256)
		for i := range texts {
			texts[i] = sign(b, key, nil, good(map[string]any{"exp": time.Now().Unix() + 3600 + int64(i)}))
		}
		require.NoError(b, check(b.Context(), v, text))
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			v.Forget()
			if err := check(b.Context(), v, texts[i%len(texts)]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
