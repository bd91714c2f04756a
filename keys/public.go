package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"slices"
)

// PublicKey is the public part of a signing key. It has no field that could
// hold a private member. It is immutable and safe for concurrent use. The
// zero PublicKey holds nothing.
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
	if slices.Contains(o.Certificates, nil) {
		return nil, refuse(ErrMalformed, "a certificate is nil")
	}
	chain := 0
	for _, c := range o.Certificates {
		chain += len(c.Raw)
	}
	if chain > maxChain {
		return nil, refuse(ErrTooLarge, "certificates over 32 KiB")
	}
	if len(o.Certificates) > 0 && !samePublic(o.Certificates[0].PublicKey, pub) {
		return nil, refuse(ErrInconsistent, "the certificate is for another key")
	}
	k := &PublicKey{key: pub, alg: o.Algorithm, certs: slices.Clone(o.Certificates)}
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
	if p.minimal == nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(p.thumbprint[:])
}

// Public returns the key in the form of the standard library:
// *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey. Do not change it.
func (p *PublicKey) Public() crypto.PublicKey { return p.key }

// Certificates returns the X.509 chain of the key, leaf first ("x5c",
// RFC 7517 §4.7); nil when there is none.
func (p *PublicKey) Certificates() []*x509.Certificate {
	return slices.Clone(p.certs)
}

// Equal reports whether both hold the same key material. Key id, algorithm and
// certificates are not compared.
func (p *PublicKey) Equal(other *PublicKey) bool {
	return p != nil && other != nil && p.key != nil && p.thumbprint == other.thumbprint
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
