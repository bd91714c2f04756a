package helseidtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4/json" // strict: case-sensitive, no duplicate members
)

// publicKey is a JWK that verifies assertions or proofs.
type publicKey struct {
	key        crypto.PublicKey // *ecdsa.PublicKey or *rsa.PublicKey
	kid, alg   string           // of the JWK; may be empty
	thumbprint string           // RFC 7638
	text       string           // the JWK as received
}

// parseJWK reads a public RSA or EC signing key.
func parseJWK(text []byte) (*publicKey, Refusal) {
	var m struct {
		Kty    string          `json:"kty"`
		Kid    string          `json:"kid"`
		Alg    string          `json:"alg"`
		Use    string          `json:"use"`
		KeyOps []string        `json:"key_ops"`
		Crv    string          `json:"crv"`
		X      string          `json:"x"`
		Y      string          `json:"y"`
		N      string          `json:"n"`
		E      string          `json:"e"`
		D      json.RawMessage `json:"d"`
		P      json.RawMessage `json:"p"`
		Q      json.RawMessage `json:"q"`
		Dp     json.RawMessage `json:"dp"`
		Dq     json.RawMessage `json:"dq"`
		Qi     json.RawMessage `json:"qi"`
		Oth    json.RawMessage `json:"oth"`
		K      json.RawMessage `json:"k"`
	}
	if json.Unmarshal(text, &m) != nil {
		return nil, KeyMalformed
	}
	for _, private := range []json.RawMessage{m.D, m.P, m.Q, m.Dp, m.Dq, m.Qi, m.Oth, m.K} {
		if private != nil {
			return nil, KeyPrivate
		}
	}
	if m.KeyOps != nil && !slices.Contains(m.KeyOps, "verify") {
		return nil, KeyRefused
	}
	if m.Use != "" && m.Use != "sig" {
		return nil, KeyRefused
	}
	k := &publicKey{kid: m.Kid, alg: m.Alg, text: string(text)}
	var refusal Refusal
	var minimal string
	switch m.Kty {
	case "EC":
		k.key, refusal = parseEC(m.Crv, m.X, m.Y)
		minimal = `{"crv":"` + m.Crv + `","kty":"EC","x":"` + m.X + `","y":"` + m.Y + `"}`
	case "RSA":
		k.key, refusal = parseRSA(m.N, m.E)
		minimal = `{"e":"` + m.E + `","kty":"RSA","n":"` + m.N + `"}`
	default:
		refusal = KeyRefused
	}
	if refusal == "" && k.alg != "" && !fits(k.alg, k.key) {
		refusal = KeyRefused
	}
	if refusal != "" {
		return nil, refusal
	}
	sum := sha256.Sum256([]byte(minimal))
	k.thumbprint = base64.RawURLEncoding.EncodeToString(sum[:])
	return k, ""
}

func parseEC(crv, x, y string) (crypto.PublicKey, Refusal) {
	var curve elliptic.Curve
	switch crv {
	case "P-256":
		curve = elliptic.P256()
	case "P-384":
		curve = elliptic.P384()
	case "P-521":
		curve = elliptic.P521()
	default:
		return nil, KeyRefused
	}
	size := (curve.Params().BitSize + 7) / 8
	xb, okX := decode(x)
	yb, okY := decode(y)
	if !okX || !okY || len(xb) != size || len(yb) != size {
		return nil, KeyMalformed
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, xb, yb))
	if err != nil {
		return nil, KeyMalformed
	}
	return key, ""
}

func parseRSA(n, e string) (crypto.PublicKey, Refusal) {
	nb, okN := decode(n)
	eb, okE := decode(e)
	if !okN || !okE || len(nb) == 0 || len(eb) == 0 || nb[0] == 0 || eb[0] == 0 {
		return nil, KeyMalformed
	}
	if len(nb) < 256 || len(nb) > 1024 || len(eb) > 4 {
		return nil, KeyWeak
	}
	modulus, exponent := new(big.Int).SetBytes(nb), new(big.Int).SetBytes(eb).Int64()
	if modulus.BitLen() < 2048 || modulus.Bit(0) == 0 || exponent < 3 || exponent&1 == 0 || exponent > 1<<31-1 {
		return nil, KeyWeak
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent)}, ""
}

// decode accepts only canonical base64url (RFC 7515 §2).
func decode(s string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return b, err == nil && !strings.ContainsAny(s, "\r\n") // which the decoder skips
}
