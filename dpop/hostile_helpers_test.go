package dpop_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// part is the header or claims of a forged proof: raw JSON by name.
type part map[string]string

func (p part) with(name, raw string) part {
	changed := maps.Clone(p)
	if changed[name] = raw; raw == "" {
		delete(changed, name)
	}
	return changed
}

func (p part) String() string {
	members := make([]string, 0, len(p))
	for _, name := range slices.Sorted(maps.Keys(p)) {
		members = append(members, strconv.Quote(name)+":"+p[name])
	}
	return "{" + strings.Join(members, ",") + "}"
}

const forgedToken = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"

func goodHeader() part {
	return part{"typ": `"dpop+jwt"`, "alg": `"ES256"`, "jwk": goodJWK().String()}
}

func goodJWK() part {
	point, err := testKey().PublicKey().Public().(*ecdsa.PublicKey).Bytes()
	if err != nil {
		panic(err)
	}
	return part{"kty": `"EC"`, "crv": `"P-256"`, "x": quoted(point[1:33]), "y": quoted(point[33:])}
}

func goodClaims() part {
	return part{
		"jti": `"` + rand.Text() + `"`, "htm": `"GET"`, "htu": `"` + patients + `"`,
		"iat": strconv.FormatInt(time.Now().Unix(), 10), "ath": `"` + hash(forgedToken) + `"`,
	}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func quoted(b []byte) string { return `"` + b64(b) + `"` }

// forge signs a header and claims with ES256 by crypto/ecdsa alone.
func forge(header, claims string) string {
	signed := b64([]byte(header)) + "." + b64([]byte(claims))
	return signed + "." + b64(rawES256(signed))
}

func rawES256(signed string) []byte {
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, testKey().Signer().(*ecdsa.PrivateKey), digest[:])
	if err != nil {
		panic(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signature
}

// with returns the request that the forged proofs are for.
func with(proofs ...string) dpop.Request {
	return dpop.Request{
		Method: "GET", URL: patients, Proofs: proofs,
		Token: keys.NewSecret(forgedToken), JKT: testKey().Thumbprint(),
	}
}

// counting is a replay cache that counts consumed proofs.
type counting struct {
	dpop.Memory
	spent int
}

func (c *counting) Insert(ctx context.Context, e dpop.Entry) error {
	c.spent++
	return c.Memory.Insert(ctx, e)
}

// refuses checks that the request is refused by the rule and that no proof was
// consumed. The error must not quote the request.
func refuses(t *testing.T, rule error, r dpop.Request) {
	t.Helper()
	replay := &counting{}
	v := &dpop.Verifier{Replay: replay}
	_, err := v.Verify(t.Context(), r)
	refusedBy(t, err, rule, r)
	assert.Zero(t, replay.spent)
}

func refusedBy(t *testing.T, err, rule error, r dpop.Request) {
	t.Helper()
	require.ErrorIs(t, err, rule)
	var refused *dpop.ProofError
	require.True(t, errors.As(err, &refused), "%T", err)
	assert.Contains(t, []string{"invalid_dpop_proof", "use_dpop_nonce"}, refused.Code())
	assert.Equal(t, errors.Is(rule, dpop.ErrProofNonce), refused.Code() == "use_dpop_nonce")
	for _, proof := range r.Proofs {
		assertNoPart(t, err.Error(), proof)
	}
}

// assertNoPart checks that text holds no 12 consecutive bytes of the proof.
func assertNoPart(t *testing.T, text, proof string) {
	t.Helper()
	in := proof
	for piece := range strings.SplitSeq(proof, ".") {
		decoded, _ := base64.RawURLEncoding.DecodeString(piece)
		in += string(decoded)
	}
	for i := 0; i+12 <= len(text); i++ {
		if strings.Contains(in, text[i:i+12]) {
			t.Errorf("the error may quote its input: %q", text[i:i+12])
			return
		}
	}
}

func takes(t *testing.T, r dpop.Request) {
	t.Helper()
	_, err := (&dpop.Verifier{Replay: &dpop.Memory{}}).Verify(t.Context(), r)
	require.NoError(t, err)
}

func TestForgeMakesValidProofs(t *testing.T) {
	takes(t, with(forge(goodHeader().String(), goodClaims().String())))
}
