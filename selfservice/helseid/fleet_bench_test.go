//go:build unix

package helseid_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/require"
)

// BenchmarkFleet rotates each client of a fleet once: list, generate a key, save
// it, register it, verify it with a token, switch. The server runs in the same
// process and does half of the work. Run one pass by
//
//	go test -run xxx -bench Fleet -benchtime 1x ./selfservice/helseid
//
// EC clients are bound by signing and verifying, and over TCP also by
// connections, since each verification of a key opens one. cpu/crypto is the CPU
// time of the passes, client and server together, over that of their raw
// signatures, verifications and key generations, measured just before and after.
// Other load on the machine makes it larger. RSA clients are bound by key
// generation: generating-% is its share of the workers' time. MB are of live heap
// after an eighth of the clients and after all. It grows by the second key of
// each client, in its store and in the server.
func BenchmarkFleet(b *testing.B) {
	b.Run("10000xES256", func(b *testing.B) { rotateFleet(b, 10_000, 4*runtime.GOMAXPROCS(0), newKey(b), false) })
	b.Run("TCP10000xES256", func(b *testing.B) { rotateFleet(b, 10_000, 4*runtime.GOMAXPROCS(0), newKey(b), true) })
	b.Run("16xRSA4096", func(b *testing.B) {
		key, err := keys.GenerateRSA(keys.PS256, 4096)
		require.NoError(b, err)
		rotateFleet(b, 16, runtime.GOMAXPROCS(0), key, true)
	})
}

// rotateFleet starts all clients with the same key. Without a wire, requests are
// function calls.
func rotateFleet(b *testing.B, clients, workers int, first *keys.Key, wire bool) {
	server := helseidtest.New()
	defer server.Close()
	server.Unsigned = true // no access token is verified
	sent := &counter{next: providertest.Handler(server)}
	if wire {
		sent.next = server.Transport()
	}
	// One DPoP key for the process, as a vendor's fleet would have, saves
	// generating one for each token.
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
	crypto := ecCost(b)
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
			if r.Clients == clients/8 || r.Clients == clients {
				heap = append(heap, liveMegabytes())
			}
		},
	}
	passes, before, sentBefore := 0, cpuTime(b), sent.signatures.Load()
	for b.Loop() {
		report, err := fleet.RotateOlder(b.Context(), time.Now())
		require.NoError(b, err)
		require.Equal(b, clients, report.Rotated, "%+v", report)
		passes++
	}
	rotations := float64(passes * clients)
	if first.Algorithm() == keys.ES256 {
		spent, signatures := cpuTime(b)-before, sent.signatures.Load()-sentBefore
		after := ecCost(b)
		raw := float64(signatures)*(crypto.pair+after.pair)/2 + rotations*(crypto.generate+after.generate)/2
		b.ReportMetric(spent.Seconds()/raw, "cpu/crypto")
		b.ReportMetric(float64(signatures)/rotations, "signatures/client")
	}
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

// cost is the CPU time in seconds of the raw operations of ES256.
type cost struct{ pair, generate float64 } // a signature and its verification; a key

// ecCost uses all processors, as a pass does: two that share a core are slower.
func ecCost(b *testing.B) cost {
	const n = 4000
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(b, err)
	digest := sha256.Sum256([]byte("what is signed"))
	each := func(f func()) float64 {
		before, processors := cpuTime(b), runtime.GOMAXPROCS(0)
		var all sync.WaitGroup
		for range processors {
			all.Go(func() {
				for range n / processors {
					f()
				}
			})
		}
		all.Wait()
		return (cpuTime(b) - before).Seconds() / n
	}
	return cost{
		pair: each(func() {
			signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
			if err != nil || !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
				b.Error("a signature does not verify", err)
			}
		}),
		generate: each(func() { ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }),
	}
}

// cpuTime returns the CPU time that this process has used.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// counter counts requests and the signatures in them, each of which is verified
// once.
type counter struct {
	requests, signatures atomic.Int64
	next                 http.RoundTripper
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	if r.Header.Get("DPoP") != "" {
		c.signatures.Add(1)
	}
	if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" { // with a client assertion
		c.signatures.Add(1)
	}
	return c.next.RoundTrip(r)
}
