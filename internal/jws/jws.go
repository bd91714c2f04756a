// Package jws takes compact JWS apart (RFC 7515 §7.1) and verifies signatures.
// What is inside is neither read nor believed here.
package jws

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"strings"

	"github.com/nokkel/nokkel/keys"
)

// Token is the three parts of a compact JWS.
type Token struct {
	Header, Payload, Signature []byte
	Signed                     string // the first two parts as they came
}

// Parse takes three parts, each in the one canonical spelling of base64url: no
// padding, no line ends, no other alphabet, no bits left over. A caller bounds
// the length before.
func Parse(compact string) (t Token, ok bool) {
	last := strings.LastIndexByte(compact, '.')
	if last < 0 {
		return t, false
	}
	t.Signed = compact[:last]
	first, second, ok := strings.Cut(t.Signed, ".")
	if !ok {
		return t, false
	}
	// One buffer for all. The dots make it large enough.
	buf := make([]byte, 0, len(compact)*3/4+1)
	for _, part := range [...]struct {
		text string
		to   *[]byte
	}{{first, &t.Header}, {second, &t.Payload}, {compact[last+1:], &t.Signature}} {
		start := len(buf)
		if buf, ok = decode(buf, part.text); !ok {
			return t, false
		}
		*part.to = buf[start:len(buf):len(buf)]
	}
	return t, true
}

// decode appends what text says. The decoder skips line ends and leftover bits;
// both show when the end is encoded again. Its Strict variant copies its tables.
func decode(buf []byte, text string) ([]byte, bool) {
	enc := base64.RawURLEncoding
	start := len(buf)
	buf, err := enc.AppendDecode(buf, []byte(text))
	n := len(buf) - start
	if err != nil || enc.EncodedLen(n) != len(text) {
		return buf, false
	}
	var tail [4]byte
	return buf, strings.HasSuffix(text, string(enc.AppendEncode(tail[:0], buf[len(buf)-n%3:])))
}

// Verify reports whether signature is one of signed by key with alg (RFC 7518
// §3.3 to §3.5, RFC 8037 §3.1). An alg that is not one of this kind of key
// verifies nothing.
func Verify(key crypto.PublicKey, alg keys.Algorithm, signed string, signature []byte) bool {
	if !Fits(alg, key) {
		return false
	}
	message := append(make([]byte, 0, 2048), signed...) // most stay off the heap
	if k, ok := key.(ed25519.PublicKey); ok {
		return len(k) == ed25519.PublicKeySize && ed25519.Verify(k, message, signature)
	}
	hash := map[byte]crypto.Hash{'2': crypto.SHA256, '3': crypto.SHA384, '5': crypto.SHA512}[alg[2]]
	h := hash.New()
	h.Write(message)
	digest := h.Sum(make([]byte, 0, 64))
	switch k := key.(type) {
	case *rsa.PublicKey:
		if alg[0] == 'P' {
			return rsa.VerifyPSS(k, hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(k, hash, digest, signature) == nil
	case *ecdsa.PublicKey:
		size := (k.Curve.Params().BitSize + 7) / 8
		if len(signature) != 2*size {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		return ecdsa.Verify(k, digest, r, s)
	}
	return false
}

// Fits reports whether alg is one of this kind of key and, for ECDSA, of its
// curve (RFC 7518 §3.4).
func Fits(alg keys.Algorithm, key crypto.PublicKey) bool {
	switch alg {
	case keys.RS256, keys.RS384, keys.RS512, keys.PS256, keys.PS384, keys.PS512:
		_, ok := key.(*rsa.PublicKey)
		return ok
	case keys.ES256, keys.ES384, keys.ES512:
		bits := map[keys.Algorithm]int{keys.ES256: 256, keys.ES384: 384, keys.ES512: 521}[alg]
		k, ok := key.(*ecdsa.PublicKey)
		return ok && k.Curve.Params().BitSize == bits
	case keys.EdDSA, keys.Ed25519:
		_, ok := key.(ed25519.PublicKey)
		return ok
	}
	return false
}
