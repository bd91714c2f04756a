package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"

	_ "crypto/sha256" // the hashes that the algorithms name
	_ "crypto/sha512"
)

// Algorithm is a JWS "alg" value (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864). Only
// asymmetric signatures exist here: no "none", no HMAC.
type Algorithm string

// The signature algorithms.
const (
	RS256 Algorithm = "RS256" // RSASSA-PKCS1-v1_5, SHA-256
	RS384 Algorithm = "RS384"
	RS512 Algorithm = "RS512"
	PS256 Algorithm = "PS256" // RSASSA-PSS, SHA-256, salt as long as the hash
	PS384 Algorithm = "PS384"
	PS512 Algorithm = "PS512"
	ES256 Algorithm = "ES256" // ECDSA on P-256
	ES384 Algorithm = "ES384" // ECDSA on P-384
	ES512 Algorithm = "ES512" // ECDSA on P-521
	EdDSA Algorithm = "EdDSA" // Ed25519

	// Ed25519 is EdDSA under its name of RFC 9864 §2.2, which fewer servers
	// know. A key signs under it only when [Options] ask for it; a JWK that has
	// it as "alg", as WebCrypto exports every one, is read as one of EdDSA.
	Ed25519 Algorithm = "Ed25519"
)

type scheme int

const (
	schemeNone scheme = iota
	schemePKCS1
	schemePSS
	schemeECDSA
	schemeEdDSA
)

// method is what signing needs to know of an algorithm.
type method struct {
	scheme scheme
	hash   crypto.Hash
	curve  elliptic.Curve // ECDSA only
	opts   crypto.SignerOpts
}

func (a Algorithm) method() method {
	switch a {
	case RS256:
		return method{schemePKCS1, crypto.SHA256, nil, crypto.SHA256}
	case RS384:
		return method{schemePKCS1, crypto.SHA384, nil, crypto.SHA384}
	case RS512:
		return method{schemePKCS1, crypto.SHA512, nil, crypto.SHA512}
	case PS256:
		return method{schemePSS, crypto.SHA256, nil, pss(crypto.SHA256)}
	case PS384:
		return method{schemePSS, crypto.SHA384, nil, pss(crypto.SHA384)}
	case PS512:
		return method{schemePSS, crypto.SHA512, nil, pss(crypto.SHA512)}
	case ES256:
		return method{schemeECDSA, crypto.SHA256, elliptic.P256(), crypto.SHA256}
	case ES384:
		return method{schemeECDSA, crypto.SHA384, elliptic.P384(), crypto.SHA384}
	case ES512:
		return method{schemeECDSA, crypto.SHA512, elliptic.P521(), crypto.SHA512}
	case EdDSA, Ed25519:
		return method{schemeEdDSA, 0, nil, crypto.Hash(0)}
	}
	return method{}
}

func pss(h crypto.Hash) *rsa.PSSOptions {
	return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
}

// algorithmOf reads an "alg" of a JWK.
func algorithmOf(alg string) Algorithm {
	if a := Algorithm(alg); a != Ed25519 {
		return a
	}
	return EdDSA
}

// fits reports whether a key of this public part can sign with a.
func (a Algorithm) fits(pub crypto.PublicKey) bool {
	m := a.method()
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return m.scheme == schemePKCS1 || m.scheme == schemePSS
	case *ecdsa.PublicKey:
		return m.scheme == schemeECDSA && m.curve == k.Curve
	case ed25519.PublicKey:
		return m.scheme == schemeEdDSA
	}
	return false
}

// naturalAlgorithm is what a key signs with when nobody says: the only
// possible one for EC and Ed25519, RS256 (which every server takes) for RSA.
func naturalAlgorithm(pub crypto.PublicKey) Algorithm {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return RS256
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return ES256
		case elliptic.P384():
			return ES384
		case elliptic.P521():
			return ES512
		}
	case ed25519.PublicKey:
		return EdDSA
	}
	return ""
}
