package helseid_test

import (
	"context"
	"crypto/rsa"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/require"
)

// BenchmarkFleet rotates each client of a fleet once: list, make a key, save
// it, register it, prove it with a token, switch. The server is in this
// process too, and half of the work is its own. Run one pass by
//
//	go test -run xxx -bench Fleet -benchtime 1x ./selfservice/helseid
//
// EC clients are bound by signing, verifying and HTTP; RSA clients by the
// making of keys: generating-% is its share of the workers' time. MB are of
// live heap when an eighth of the clients and when all have been rotated; what
// it grows by is what stores and server keep of each client, a second key.
func BenchmarkFleet(b *testing.B) {
	b.Run("10000xES256", func(b *testing.B) { rotateFleet(b, 10_000, 4*runtime.GOMAXPROCS(0), newKey(b)) })
	b.Run("16xRSA4096", func(b *testing.B) {
		key, err := keys.GenerateRSA(keys.PS256, 4096)
		require.NoError(b, err)
		rotateFleet(b, 16, runtime.GOMAXPROCS(0), key)
	})
}

// rotateFleet has all clients begin with the same key; each makes its own next
// one.
func rotateFleet(b *testing.B, clients, workers int, first *keys.Key) {
	server := helseidtest.New()
	defer server.Close()
	server.Unsigned = true // a token's signature is nobody's business here
	sent := &counter{next: server.Transport()}
	// One DPoP key for the process, as a vendor's fleet would have: a key for
	// each token is one more to make for each of two tokens a client.
	vendor := &helseid.Client{Environment: server.Environment(), Base: sent, DPoPKey: newKey(b)}
	var generating atomic.Int64
	next := func(_ context.Context, like selfservice.Credential) (selfservice.Credential, error) {
		start := time.Now()
		defer func() { generating.Add(int64(time.Since(start))) }()
		key, err := generateLike(like.Key)
		return selfservice.Credential{Key: key}, err
	}
	stores := make([]selfservice.Mem, clients)
	rotator := func(i int) *selfservice.Rotator {
		return &selfservice.Rotator{Provider: vendor.For(strconv.Itoa(i)), Store: &stores[i], New: next, Timing: selfservice.Timing{Propagation: -1}}
	}
	for i := range stores {
		server.AddClient(strconv.Itoa(i), first.PublicKey())
		require.NoError(b, rotator(i).Adopt(b.Context(), selfservice.Credential{Key: first}))
	}
	var heap []float64
	fleet := &selfservice.Fleet{
		Concurrency: workers,
		Rotators: func(yield func(*selfservice.Rotator) bool) {
			for i := range stores {
				if !yield(rotator(i)) {
					return
				}
			}
		},
		OnProgress: func(r selfservice.Report) {
			if r.Clients%(clients/8) == 0 {
				heap = append(heap, liveMegabytes())
			}
		},
	}
	passes := 0
	for b.Loop() {
		report, err := fleet.RotateOlder(b.Context(), time.Now())
		require.NoError(b, err)
		require.Equal(b, clients, report.Rotated, "%+v", report)
		passes++
	}
	rotations := float64(passes * clients)
	b.ReportMetric(rotations/b.Elapsed().Seconds(), "clients/s")
	b.ReportMetric(float64(sent.requests.Load())/rotations, "requests/client")
	b.ReportMetric(100*float64(generating.Load())/float64(b.Elapsed())/float64(workers), "generating-%")
	b.ReportMetric(heap[0], "MB-at-1/8")
	b.ReportMetric(heap[len(heap)-1], "MB-at-end")
}

func generateLike(key *keys.Key) (*keys.Key, error) {
	if public, ok := key.PublicKey().Public().(*rsa.PublicKey); ok {
		return keys.GenerateRSA(key.Algorithm(), public.N.BitLen())
	}
	return keys.Generate(key.Algorithm())
}

func liveMegabytes() float64 {
	runtime.GC()
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return float64(s[0].Value.Uint64()) / 1e6
}

type counter struct {
	requests atomic.Int64
	next     http.RoundTripper
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	return c.next.RoundTrip(r)
}
