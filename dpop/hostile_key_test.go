package dpop_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func wrongKeys() map[string]hostile {
	short := goodJWK()
	x, _ := base64.RawURLEncoding.DecodeString(strings.Trim(short["x"], `"`))
	p521 := part{"kty": `"EC"`, "crv": `"P-521"`, "x": quoted(make([]byte, 66)), "y": quoted(make([]byte, 66))}
	if k, err := keys.Generate(keys.ES512); err == nil {
		point, _ := k.PublicKey().Public().(*ecdsa.PublicKey).Bytes()
		p521["x"], p521["y"] = quoted(point[1:67]), quoted(point[67:])
	}
	cases := make(map[string]hostile)
	for name, jwk := range map[string]part{
		"with d":                      goodJWK().with("d", quoted(make([]byte, 32))),
		"with d of another type":      goodJWK().with("d", `null`),
		"with p":                      goodJWK().with("p", `"AQ"`),
		"with q":                      goodJWK().with("q", `"AQ"`),
		"with k":                      goodJWK().with("k", `"AQ"`),
		"symmetric":                   {"kty": `"oct"`, "k": quoted(make([]byte, 32))},
		"x is short":                  goodJWK().with("x", quoted(x[:31])),
		"x is long":                   goodJWK().with("x", quoted(append([]byte{0}, x...))),
		"x is padded":                 goodJWK().with("x", `"`+b64(x)+`="`),
		"y is missing":                goodJWK().with("y", ""),
		"point off the curve":         goodJWK().with("y", goodJWK()["x"]),
		"point at infinity":           goodJWK().with("x", quoted(make([]byte, 32))).with("y", quoted(make([]byte, 32))),
		"coordinate not reduced":      goodJWK().with("x", quoted(elliptic.P256().Params().P.Bytes())),
		"curve of Bitcoin":            goodJWK().with("crv", `"secp256k1"`),
		"curve in another case":       goodJWK().with("crv", `"p-256"`),
		"kty in another case":         goodJWK().with("kty", `"ec"`),
		"X25519":                      {"kty": `"OKP"`, "crv": `"X25519"`, "x": quoted(make([]byte, 32))},
		"use enc":                     goodJWK().with("use", `"enc"`),
		"key_ops encrypt":             goodJWK().with("key_ops", `["encrypt"]`),
		"key_ops sign":                goodJWK().with("key_ops", `["sign"]`),
		"member twice":                {`kty":"EC","kty`: `"EC"`, "crv": `"P-256"`, "x": goodJWK()["x"], "y": goodJWK()["y"]},
		"member in another case":      goodJWK().with("D", quoted(make([]byte, 32))),
		"a JWK Set":                   {"keys": "[" + goodJWK().String() + "]"},
		"a JWK Set by an escape":      {`k\u0065ys`: "[" + goodJWK().String() + "]"},
		"a JWK Set and a key":         goodJWK().with("keys", "[]"),
		"RSA of 1024 bits":            rsaJWK(1024, "AQAB"),
		"RSA of 8192 bits":            rsaJWK(8192, "AQAB"),
		"RSA of 16384 bits":           rsaJWK(16384, "AQAB"),
		"RSA with an even modulus":    rsaJWK(2048, "AQAB").with("n", quoted(new(big.Int).Lsh(big.NewInt(3), 2046).Bytes())),
		"RSA with e = 1":              rsaJWK(2048, "AQ"),
		"RSA with an even e":          rsaJWK(2048, "AQAA"),
		"RSA with e over 2^31":        rsaJWK(2048, b64([]byte{1, 0, 0, 0, 1})),
		"RSA with e of 256 bytes":     rsaJWK(2048, b64(append(make([]byte, 0, 256), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 2040), big.NewInt(1)).Bytes()...))),
		"RSA with e padded with zero": rsaJWK(2048, b64([]byte{0, 1, 0, 1})),
	} {
		cases[name] = hostile{forge(goodHeader().with("jwk", jwk.String()).with("alg", algOf(jwk)).String(), goodClaims().String()), dpop.ErrProofKey}
	}
	for name, jwk := range map[string]part{
		"P-521 key with ES256":         p521,
		"alg of the jwk is another":    goodJWK().with("alg", `"ES384"`),
		"alg of the jwk is encryption": goodJWK().with("alg", `"ECDH-ES"`),
	} {
		rule := dpop.ErrProofAlgorithm
		if jwk["alg"] != "" {
			rule = dpop.ErrProofKey // already refused by package keys
		}
		cases[name] = hostile{forge(goodHeader().with("jwk", jwk.String()).String(), goodClaims().String()), rule}
	}
	cases["alg of the jwk is another of RSA"] = hostile{
		forge(goodHeader().with("alg", `"PS256"`).with("jwk", rsaJWK(2048, "AQAB").with("alg", `"RS256"`).String()).String(), goodClaims().String()), dpop.ErrProofAlgorithm,
	}
	return cases
}

func algOf(jwk part) string {
	if jwk["kty"] == `"RSA"` {
		return `"RS256"`
	}
	return `"ES256"`
}

// rsaJWK returns a key with an odd modulus of that many bits and no known weakness.
func rsaJWK(bits int, e string) part {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	n.Add(n, big.NewInt(0x1d3f5b7))
	return part{"kty": `"RSA"`, "n": quoted(n.Bytes()), "e": `"` + e + `"`}
}

func TestInvalidProofKey(t *testing.T) { runHostile(t, wrongKeys()) }

func wrongSignatures() map[string]hostile {
	good := forge(goodHeader().String(), goodClaims().String())
	signed := good[:strings.LastIndexByte(good, '.')]
	raw := rawES256(signed)
	der, _ := testKey().Signer().Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
	zero := make([]byte, 32)
	order := elliptic.P256().Params().N.Bytes()
	cases := make(map[string]hostile)
	for name, signature := range map[string][]byte{
		"r = 0":         append(append([]byte{}, zero...), raw[32:]...),
		"s = 0":         append(append([]byte{}, raw[:32]...), zero...),
		"both 0":        make([]byte, 64),
		"r = n":         append(append([]byte{}, order...), raw[32:]...),
		"in DER":        der,
		"a byte short":  raw[:63],
		"a byte longer": append(raw[:64:64], 0),
		"halves turned": append(append([]byte{}, raw[32:]...), raw[:32]...),
		"of P-521 size": make([]byte, 132),
	} {
		cases[name] = hostile{signed + "." + b64(signature), dpop.ErrProofSignature}
	}
	return cases
}

func TestInvalidProofSignature(t *testing.T) { runHostile(t, wrongSignatures()) }

// An ECDSA signature with s replaced by n-s is valid too. The proof with it is a
// replay.
func TestMalleatedSignatureIsAReplay(t *testing.T) {
	proof := forge(goodHeader().String(), goodClaims().String())
	dot := strings.LastIndexByte(proof, '.')
	raw, err := base64.RawURLEncoding.DecodeString(proof[dot+1:])
	require.NoError(t, err)
	s := new(big.Int).SetBytes(raw[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(raw[32:])
	v := &dpop.Verifier{Replay: &dpop.Memory{}}
	_, err = v.Verify(t.Context(), with(proof))
	require.NoError(t, err)
	_, err = v.Check(t.Context(), with(proof[:dot+1]+b64(raw)))
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), with(proof[:dot+1]+b64(raw)))
	require.ErrorIs(t, err, dpop.ErrReplayed)
}

// Members that refer to a key elsewhere are ignored in favor of "jwk".
func TestProofKeyIsNeverFetched(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	for _, name := range []string{"jku", "x5u"} {
		header := goodHeader().with(name, fmt.Sprintf("%q", server.URL))
		takes(t, with(forge(header.String(), goodClaims().String())))
		refuses(t, dpop.ErrProofKey, with(forge(header.with("jwk", "").String(), goodClaims().String())))
	}
	refuses(t, dpop.ErrProofKey, with(forge(goodHeader().with("jwk", "").with("x5c", `["AAAA"]`).String(), goodClaims().String())))
	refuses(t, dpop.ErrProofKey, with(forge(goodHeader().with("jwk", "").with("kid", `"`+testKey().Thumbprint()+`"`).String(), goodClaims().String())))
	assert.Zero(t, asked.Load())
}
