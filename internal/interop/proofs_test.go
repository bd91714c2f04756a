package interop_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestVerifierAcceptsOtherProofs verifies proofs that other libraries made for
// requests with a token and a nonce.
func TestVerifierAcceptsOtherProofs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		program
		makers []string // with the algorithm
	}{
		{node("proofs"), []string{
			"dpop ES256", "dpop Ed25519", "dpop PS256", "dpop RS256",
			"jose ES256", "jose ES384", "jose ES512", "jose Ed25519", "jose EdDSA", "jose PS384", "jose RS512",
			"oauth4webapi ES256", "oauth4webapi ES384", "oauth4webapi ES512", "oauth4webapi Ed25519", "oauth4webapi PS512", "oauth4webapi RS384",
		}},
		{python("proofs"), []string{
			"requests_oauth2client ES256", "requests_oauth2client ES384", "requests_oauth2client ES512",
			"requests_oauth2client EdDSA", "requests_oauth2client PS256", "requests_oauth2client RS256",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// All proofs are made before the first is verified, which may take long.
			v := &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: &dpop.Nonces{Step: time.Hour}, Window: time.Hour}
			const origin, token = "https://api.example.no", "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
			var urls []string
			for _, path := range []string{"/", "/patients", "/patients/", "/patients?name=%7Ekari&x", "/%7Ekari", "/caf%c3%a9", "/a%2Fb", "/a//b", "/a;v=1", "/a%20b", "/(a)"} {
				urls = append(urls, origin+path)
			}
			var made struct {
				Proofs []struct{ Maker, Alg, JKT, URL, Proof string }
			}
			complaint, ok := c.run(t, map[string]any{"urls": urls, "method": "PUT", "token": token, "nonce": v.Nonces.Nonce()}, &made)
			require.True(t, ok, complaint)

			taken := make(map[string]int)
			for _, p := range made.Proofs {
				name := p.Maker + " " + p.Alg
				r := dpop.Request{Method: "PUT", URL: p.URL, Proofs: []string{p.Proof}, Token: keys.NewSecret(token), JKT: p.JKT}
				wrong := map[error]func(*dpop.Request){
					dpop.ErrProofMethod:    func(r *dpop.Request) { r.Method = "GET" },
					dpop.ErrProofURL:       func(r *dpop.Request) { r.URL = "https://api.example.com/" },
					dpop.ErrProofToken:     func(r *dpop.Request) { r.Token = keys.NewSecret("another") },
					dpop.ErrProofBinding:   func(r *dpop.Request) { r.JKT = "another" },
					dpop.ErrProofSignature: func(r *dpop.Request) { r.Proofs = []string{otherSignature(p.Proof)} },
				}
				if taken[name] == 0 {
					for rule, change := range wrong {
						changed := r
						change(&changed)
						_, err := v.Verify(t.Context(), changed)
						require.ErrorIs(t, err, rule, name)
					}
					_, err := (&dpop.Verifier{Replay: v.Replay, Nonces: &dpop.Nonces{}, Window: v.Window}).Verify(t.Context(), r)
					require.ErrorIs(t, err, dpop.ErrProofNonce, name)
				}
				_, err := v.Verify(t.Context(), r)
				require.NoError(t, err, "%s for %s", name, p.URL)
				_, err = v.Verify(t.Context(), r)
				require.ErrorIs(t, err, dpop.ErrReplayed, name)
				taken[name]++
			}
			assert.Equal(t, c.makers, slices.Sorted(maps.Keys(taken)))
			for name, n := range taken {
				assert.Equal(t, len(urls), n, name)
			}
		})
	}
}

// otherSignature changes a letter in the middle of the signature.
func otherSignature(proof string) string {
	b := []byte(proof)
	if i := len(b) - 40; b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}
