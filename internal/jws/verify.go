package jws

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"

	"github.com/nokkel/nokkel/keys"
)

// Verify reports whether signature is one of signed by key with alg (RFC 7518
// §3.3 to §3.5, RFC 8037 §3.1). An alg that is not one of this kind of key
// verifies nothing.
func Verify(key crypto.PublicKey, alg keys.Algorithm, signed string, signature []byte) bool {
	if !Fits(alg, key) {
		return false
	}
	message := append(make([]byte, 0, 2048), signed...) // most stay off the heap
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		size := (k.Curve.Params().BitSize + 7) / 8
		if len(signature) != 2*size {
			return false
		}
		_, digest := hashed(alg, message)
		return ecdsa.VerifyASN1(k, digest, appendDER(make([]byte, 0, 160), signature[:size], signature[size:]))
	case *rsa.PublicKey:
		hash, digest := hashed(alg, message)
		if alg[0] == 'P' {
			return rsa.VerifyPSS(k, hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
		return rsa.VerifyPKCS1v15(k, hash, digest, signature) == nil
	case ed25519.PublicKey:
		return len(k) == ed25519.PublicKeySize && ed25519.Verify(k, message, signature)
	}
	return false
}

// hashed is by the hash of an algorithm that is not EdDSA.
func hashed(alg keys.Algorithm, message []byte) (crypto.Hash, []byte) {
	switch alg[2] {
	case '2':
		sum := sha256.Sum256(message)
		return crypto.SHA256, sum[:]
	case '3':
		sum := sha512.Sum384(message)
		return crypto.SHA384, sum[:]
	}
	sum := sha512.Sum512(message)
	return crypto.SHA512, sum[:]
}

// appendDER appends the Ecdsa-Sig-Value of RFC 3279 §2.2.3, which is what the
// standard library verifies, of two numbers of at most 66 bytes.
func appendDER(b, r, s []byte) []byte {
	r, s = minimal(r), minimal(s)
	b = append(b, 0x30)
	length := 4 + len(r) + len(s)
	if length > 127 {
		b = append(b, 0x81)
	}
	b = append(b, byte(length), 2, byte(len(r)))
	b = append(b, r...)
	b = append(b, 2, byte(len(s)))
	return append(b, s...)
}

// minimal is a number without the zeros that DER does not have, and with the
// one that keeps it positive.
func minimal(n []byte) []byte {
	n = bytes.TrimLeft(n, "\x00")
	if len(n) == 0 || n[0] >= 0x80 {
		n = append(make([]byte, 1, 67), n...)
	}
	return n
}

// Fits reports whether alg is one of this kind of key and, for ECDSA, of its
// curve (RFC 7518 §3.4).
func Fits(alg keys.Algorithm, key crypto.PublicKey) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		switch alg {
		case keys.RS256, keys.RS384, keys.RS512, keys.PS256, keys.PS384, keys.PS512:
			return true
		}
	case *ecdsa.PublicKey:
		switch k.Curve.Params().BitSize {
		case 256:
			return alg == keys.ES256
		case 384:
			return alg == keys.ES384
		case 521:
			return alg == keys.ES512
		}
	case ed25519.PublicKey:
		return alg == keys.EdDSA || alg == keys.Ed25519
	}
	return false
}
