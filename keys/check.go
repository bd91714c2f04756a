package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits on RSA keys. A modulus over maxRSABits costs a server or this
// process more than 10 ms for one operation, an exponent over 2³¹−1 likewise.
const (
	minRSABits     = 2048
	maxRSABits     = 8192
	maxRSAExponent = 1<<31 - 1
	maxKeyID       = 1024
)

// maxChain bounds the certificates of a key, in bytes of DER: with them in
// base64 its private JWK stays below maxInput, so that it can be read again.
const maxChain = 32 << 10

// checkPrivate refuses key material that does not belong together. A foreign
// signer (HSM, KMS) is opaque.
func checkPrivate(signer crypto.Signer) (foreign bool, err error) {
	switch k := signer.(type) {
	case *rsa.PrivateKey:
		return false, checkPrivateRSA(k)
	case *ecdsa.PrivateKey:
		return false, checkPrivateEC(k)
	case ed25519.PrivateKey:
		if len(k) != ed25519.PrivateKeySize {
			return false, refuse(ErrMalformed, "an Ed25519 private key has 64 bytes")
		}
		if !k.Equal(ed25519.NewKeyFromSeed(k.Seed())) {
			return false, refuse(ErrInconsistent, "Ed25519 private and public part do not match")
		}
		return false, nil
	}
	return true, nil
}

func checkPrivateRSA(k *rsa.PrivateKey) error {
	// The limits come first: Validate is arithmetic on attacker's sizes.
	if err := checkPublic(&k.PublicKey); err != nil {
		return err
	}
	if len(k.Primes) != 2 {
		return refuse(ErrUnsupported, "RSA private key without exactly two primes")
	}
	for _, number := range []*big.Int{k.D, k.Primes[0], k.Primes[1]} {
		if number == nil || number.Sign() <= 0 { // Validate takes some of them
			return refuse(ErrInconsistent, "a number of an RSA private key is missing or negative")
		}
	}
	if k.Validate() != nil {
		return refuse(ErrInconsistent, "RSA private and public part do not match")
	}
	return nil
}

func checkPrivateEC(k *ecdsa.PrivateKey) error {
	if err := checkPublic(&k.PublicKey); err != nil {
		return err
	}
	//lint:ignore SA1019 Bytes panics without it
	if k.D == nil {
		return refuse(ErrNoPrivateKey, "EC key without a private part")
	}
	scalar, err := k.Bytes()
	if err != nil {
		return refuse(ErrInconsistent, "EC private part out of range")
	}
	derived, err := ecdsa.ParseRawPrivateKey(k.Curve, scalar)
	if err != nil || !derived.PublicKey.Equal(&k.PublicKey) {
		return refuse(ErrInconsistent, "EC private and public part do not match")
	}
	return nil
}

// checkPublic refuses keys that this package does not sign with. The point of
// an EC key is checked where it is encoded.
func checkPublic(pub crypto.PublicKey) error {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if k == nil || k.N == nil {
			return refuse(ErrMalformed, "RSA key without a modulus")
		}
		return checkRSA(k.N, int64(k.E))
	case *ecdsa.PublicKey:
		//lint:ignore SA1019 Bytes panics without them
		if k == nil || k.X == nil || k.Y == nil {
			return refuse(ErrMalformed, "EC key without a point")
		}
		if naturalAlgorithm(k) == "" {
			return refuse(ErrUnsupported, "curve")
		}
		return nil
	case ed25519.PublicKey:
		return checkEdwards(k)
	}
	return refuse(ErrUnsupported, "key type")
}

func checkRSA(n *big.Int, e int64) error {
	switch bits := n.BitLen(); {
	case bits < minRSABits:
		return refuse(ErrWeak, "RSA modulus of "+strconv.Itoa(bits)+" bits, at least 2048 are needed")
	case bits > maxRSABits:
		return refuse(ErrTooLarge, "RSA modulus of "+strconv.Itoa(bits)+" bits, at most 8192 are accepted")
	case n.Sign() < 0 || n.Bit(0) == 0:
		return refuse(ErrWeak, "RSA modulus is even or negative")
	case e < 3 || e&1 == 0 || e > maxRSAExponent:
		return refuse(ErrWeak, "RSA exponent must be odd, at least 3 and at most 2^31-1")
	case isROCA(n):
		return refuse(ErrWeak, "RSA modulus made by a library whose keys can be factored (CVE-2017-15361)")
	}
	return nil
}

func checkKeyID(kid string) error {
	if len(kid) > maxKeyID {
		return refuse(ErrTooLarge, "kid over 1024 bytes")
	}
	if !utf8.ValidString(kid) {
		return refuse(ErrMalformed, "kid is not UTF-8")
	}
	if strings.ContainsRune(kid, utf8.RuneError) { // no JSON of that is read again
		return refuse(ErrMalformed, "kid holds U+FFFD, which stands for a broken character")
	}
	for _, r := range kid { // it is shown to people: nothing that moves, hides or turns around what they read
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return refuse(ErrMalformed, "kid holds a control or format character")
		}
	}
	return nil
}

// samePublic compares two public keys of the standard library's types.
func samePublic(a, b crypto.PublicKey) bool {
	x, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && x.Equal(b)
}

// curveOf returns the curve of a "crv" (RFC 7518 §6.2.1.1), or nil.
func curveOf(crv string) elliptic.Curve {
	for _, c := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		if c.Params().Name == crv {
			return c
		}
	}
	return nil
}
