package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"strconv"
)

// defaultRSABits is what HelseID's own tools make.
const defaultRSABits = 4096

// Generate makes a new key for alg. RSA keys have 4096 bits; see
// [GenerateRSA] for others. An RSA key of that size takes seconds.
func Generate(alg Algorithm) (*Key, error) {
	var (
		signer crypto.Signer
		err    error
	)
	switch m := alg.method(); m.scheme {
	case schemePKCS1, schemePSS:
		return GenerateRSA(alg, defaultRSABits)
	case schemeECDSA:
		signer, err = ecdsa.GenerateKey(m.curve, rand.Reader)
	case schemeEdDSA:
		_, signer, err = ed25519.GenerateKey(rand.Reader)
	default:
		return nil, refuse(ErrUnsupported, "algorithm")
	}
	if err != nil {
		return nil, err
	}
	// Not New: checking that the parts belong together costs as much as making them.
	return newKey(signer, false, Options{Algorithm: alg})
}

// GenerateRSA makes a new RSA key of 2048 to 8192 bits for alg, one of
// RS256 to PS512.
func GenerateRSA(alg Algorithm, bits int) (*Key, error) {
	if s := alg.method().scheme; s != schemePKCS1 && s != schemePSS {
		return nil, refuse(ErrUnsupported, "not an RSA algorithm")
	}
	if bits < minRSABits || bits > maxRSABits {
		return nil, refuse(ErrUnsupported, "RSA keys of "+strconv.Itoa(bits)+" bits, from 2048 to 8192 are made")
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, err
	}
	return New(key, Options{Algorithm: alg})
}
