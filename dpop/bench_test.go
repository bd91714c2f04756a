package dpop_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
)

var realistic = dpop.Proof{
	Method: "GET", URL: "https://api.example.no/v1/patients/12345?fields=name",
	AccessToken: keys.NewSecret(strings.Repeat("t", 900)), Nonce: "eyJ7S_zG.eyJH0-Z.HX4w-7v",
}

// BenchmarkProof makes ES256 proofs with htm, htu, ath and nonce. The budget
// is 1.10 x-raw and 70 allocations, of which 59 are the signature's.
func BenchmarkProof(b *testing.B) {
	against(b, func() {
		if _, err := dpop.Sign(b.Context(), testKey(), realistic); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkTransport measures a whole request without a network.
func BenchmarkTransport(b *testing.B) {
	answer := &http.Response{StatusCode: 200, Header: http.Header{"Dpop-Nonce": {"n"}}, Body: http.NoBody}
	rt := &dpop.Transport{Tokens: fixedToken(realistic.AccessToken.Reveal()), Base: roundTripFunc(func(*http.Request) (*http.Response, error) { return answer, nil })}
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, realistic.URL, nil)
	if err != nil {
		b.Fatal(err)
	}
	against(b, func() {
		if _, err := rt.RoundTrip(req); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkVerifier checks and consumes new ES256 proofs at a resource server. The
// budget is 1.15 x-raw, where raw is one signature verification.
func BenchmarkVerifier(b *testing.B) {
	v := &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: &dpop.Nonces{}}
	p := realistic
	p.Nonce = v.Nonces.Nonce()
	r := dpop.Request{Method: p.Method, URL: p.URL, Token: p.AccessToken, JKT: testKey().Thumbprint()}
	var proofs []string
	for range 2000 {
		proof, err := dpop.Sign(b.Context(), testKey(), p)
		if err != nil {
			b.Fatal(err)
		}
		proofs = append(proofs, proof)
	}
	n := 0
	versus(b, rawVerify(), func() {
		if n++; n%len(proofs) == 0 {
			v = &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: v.Nonces}
		}
		r.Proofs = proofs[n%len(proofs) : n%len(proofs)+1]
		if _, err := v.Verify(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	})
}

func rawVerify() func() {
	digest := sha256.Sum256([]byte("proof"))
	signature, err := testKey().Signer().Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		panic(err)
	}
	public := testKey().PublicKey().Public().(*ecdsa.PublicKey)
	return func() {
		if !ecdsa.VerifyASN1(public, digest[:], signature) {
			panic("the signature does not verify")
		}
	}
}

func against(b *testing.B, op func()) { versus(b, rawSign, op) }

// versus alternates op and the raw operation, so that both see the same noise. It
// reports the median of op and, as x-raw, its ratio to the raw one.
func versus(b *testing.B, raw, op func()) {
	b.ReportAllocs()
	var ours, theirs []time.Duration
	for b.Loop() {
		start := time.Now()
		op()
		middle := time.Now()
		raw()
		ours, theirs = append(ours, middle.Sub(start)), append(theirs, time.Since(middle))
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	median := len(ours) / 2
	b.ReportMetric(float64(ours[median]), "ns/op")
	b.ReportMetric(float64(ours[median])/float64(theirs[median]), "x-raw")
	b.ReportMetric(testing.AllocsPerRun(100, op), "allocs/op")
}

func rawSign() {
	digest := sha256.Sum256([]byte("proof"))
	if _, err := testKey().Signer().Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
		panic(err)
	}
}

func TestProofAllocatesLittleMoreThanItsSignature(t *testing.T) {
	raw := testing.AllocsPerRun(100, rawSign)
	proof := testing.AllocsPerRun(100, func() { dpop.Sign(t.Context(), testKey(), realistic) })
	assert.LessOrEqual(t, proof-raw, 11.0)
}
