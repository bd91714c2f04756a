package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strconv"
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

// PublicKey is the public part of a signing key. It has no field that could
// hold a private member. It is immutable and safe for concurrent use.
type PublicKey struct {
	key   crypto.PublicKey
	alg   Algorithm
	kid   string
	certs []*x509.Certificate

	// The members that RFC 7638 §3.2 requires, in its order: at once the
	// thumbprint's input and the smallest JWK of this key.
	minimal    []byte
	thumbprint [sha256.Size]byte
}

// NewPublicKey returns the public key of an *rsa.PublicKey, *ecdsa.PublicKey
// or ed25519.PublicKey. Zero fields of o mean as in [New].
func NewPublicKey(pub crypto.PublicKey, o Options) (*PublicKey, error) {
	if err := checkPublic(pub); err != nil {
		return nil, err
	}
	if o.Algorithm == "" {
		o.Algorithm = naturalAlgorithm(pub)
	}
	if o.Algorithm.method().scheme == schemeNone {
		return nil, refuse(ErrUnsupported, "algorithm")
	}
	if !o.Algorithm.fits(pub) {
		return nil, refuse(ErrInconsistent, "the algorithm is not one of this type of key")
	}
	if err := checkKeyID(o.KeyID); err != nil {
		return nil, err
	}
	if len(o.Certificates) > 0 && !samePublic(o.Certificates[0].PublicKey, pub) {
		return nil, refuse(ErrInconsistent, "the certificate is for another key")
	}
	k := &PublicKey{key: pub, alg: o.Algorithm, certs: append([]*x509.Certificate(nil), o.Certificates...)}
	if err := k.fillMinimal(); err != nil {
		return nil, err
	}
	k.thumbprint = sha256.Sum256(k.minimal)
	k.kid = o.KeyID
	if k.kid == "" {
		k.kid = k.Thumbprint()
	}
	return k, nil
}

// Algorithm returns the JWS algorithm that the key is used with.
func (p *PublicKey) Algorithm() Algorithm { return p.alg }

// KeyID returns the "kid" (RFC 7517 §4.5); the RFC 7638 thumbprint unless
// another was given.
func (p *PublicKey) KeyID() string { return p.kid }

// Thumbprint returns the RFC 7638 thumbprint with SHA-256 in base64url: 43
// characters.
func (p *PublicKey) Thumbprint() string {
	return base64.RawURLEncoding.EncodeToString(p.thumbprint[:])
}

// Public returns the key in the form of the standard library:
// *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey. Do not change it.
func (p *PublicKey) Public() crypto.PublicKey { return p.key }

// Certificates returns the X.509 chain of the key, leaf first ("x5c",
// RFC 7517 §4.7); nil when there is none.
func (p *PublicKey) Certificates() []*x509.Certificate {
	return append([]*x509.Certificate(nil), p.certs...)
}

// Equal tells whether both hold the same key material. Key id, algorithm and
// certificates are not compared.
func (p *PublicKey) Equal(other *PublicKey) bool {
	return p != nil && other != nil && p.thumbprint == other.thumbprint
}

// fillMinimal builds the RFC 7638 members. They are all base64url or fixed
// names, so nothing needs JSON escaping.
func (p *PublicKey) fillMinimal() error {
	b := make([]byte, 0, 256)
	switch k := p.key.(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes() // 0x04 ‖ x ‖ y, refused when off the curve
		if err != nil {
			return refuse(ErrInvalidPoint, "the point is not on the curve")
		}
		size := (len(point) - 1) / 2
		b = append(b, `{"crv":"`...)
		b = append(b, k.Curve.Params().Name...)
		b = append(b, `","kty":"EC","x":"`...)
		b = base64.RawURLEncoding.AppendEncode(b, point[1:1+size])
		b = append(b, `","y":"`...)
		b = base64.RawURLEncoding.AppendEncode(b, point[1+size:])
	case *rsa.PublicKey:
		b = append(b, `{"e":"`...)
		b = base64.RawURLEncoding.AppendEncode(b, big.NewInt(int64(k.E)).Bytes())
		b = append(b, `","kty":"RSA","n":"`...)
		b = base64.RawURLEncoding.AppendEncode(b, k.N.Bytes())
	case ed25519.PublicKey:
		b = append(b, `{"crv":"Ed25519","kty":"OKP","x":"`...)
		b = base64.RawURLEncoding.AppendEncode(b, k)
	}
	p.minimal = append(b, `"}`...)
	return nil
}

// checkPublic refuses keys that this package does not sign with.
func checkPublic(pub crypto.PublicKey) error {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if k == nil || k.N == nil {
			return refuse(ErrMalformed, "RSA key without a modulus")
		}
		return checkRSA(k.N, int64(k.E))
	case *ecdsa.PublicKey:
		if k == nil || k.Curve == nil {
			return refuse(ErrMalformed, "EC key without a curve")
		}
		switch k.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return nil // the point is checked where it is encoded
		}
		return refuse(ErrUnsupported, "curve")
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return refuse(ErrInvalidPoint, "an Ed25519 key has 32 bytes")
		}
		return nil
	}
	return refuse(ErrUnsupported, "key type")
}

func checkRSA(n *big.Int, e int64) error {
	switch bits := n.BitLen(); {
	case bits < minRSABits:
		return refuse(ErrWeak, "RSA modulus of "+strconv.Itoa(bits)+" bits, at least 2048 are needed")
	case bits > maxRSABits:
		return refuse(ErrTooLarge, "RSA modulus of "+strconv.Itoa(bits)+" bits, at most 8192 are taken")
	case n.Sign() <= 0 || n.Bit(0) == 0:
		return refuse(ErrWeak, "RSA modulus is even or negative")
	case e < 3 || e&1 == 0 || e > maxRSAExponent:
		return refuse(ErrWeak, "RSA exponent must be odd, at least 3 and at most 2^31-1")
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
	for _, r := range kid {
		if r < 0x20 || r == 0x7f {
			return refuse(ErrMalformed, "kid holds a control character")
		}
	}
	return nil
}

// samePublic compares two public keys of the standard library's types.
func samePublic(a, b crypto.PublicKey) bool {
	x, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && x.Equal(b)
}
