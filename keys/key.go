package keys

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"io"
)

// Key is a private signing key: key material or a handle to it, an algorithm
// and a key id. It is immutable and safe for concurrent use.
type Key struct {
	public  *PublicKey
	signer  crypto.Signer
	method  method
	headers headerCache
}

// Options are what a key has besides its material.
type Options struct {
	Algorithm    Algorithm           // zero: ES256, ES384 or ES512 by curve, EdDSA, and RS256 for RSA
	KeyID        string              // zero: the RFC 7638 thumbprint
	Certificates []*x509.Certificate // leaf first; the leaf must be for the key
}

// Source gives the key to sign with now. A *[Key] is one (always itself) and
// so is a selfservice.Rotator.
type Source interface {
	SigningKey(ctx context.Context) (*Key, error)
}

// ContextSigner is an optional interface of the crypto.Signer given to [New]:
// a signer that goes over a network (KMS) gets the caller's context.
type ContextSigner interface {
	SignContext(ctx context.Context, rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error)
}

// New returns the key of any signer with an RSA, EC or Ed25519 public key: an
// *rsa.PrivateKey, *ecdsa.PrivateKey or ed25519.PrivateKey, or an HSM's or
// KMS's handle. It does not try the signer.
func New(signer crypto.Signer, o Options) (*Key, error) {
	if signer == nil {
		return nil, refuse(ErrNoPrivateKey, "no signer")
	}
	if err := checkPrivate(signer); err != nil {
		return nil, err
	}
	public, err := NewPublicKey(signer.Public(), o)
	if err != nil {
		return nil, err
	}
	return &Key{public: public, signer: signer, method: public.alg.method()}, nil
}

// With returns a copy of the key with the non-zero fields of o in place.
func (k *Key) With(o Options) (*Key, error) {
	if o.Algorithm == "" {
		o.Algorithm = k.public.alg
	}
	if o.KeyID == "" {
		o.KeyID = k.public.kid
	}
	if o.Certificates == nil {
		o.Certificates = k.public.certs
	}
	return New(k.signer, o)
}

// SigningKey returns the key itself: a Key is a [Source] that never changes.
func (k *Key) SigningKey(context.Context) (*Key, error) { return k, nil }

// PublicKey returns the public part.
func (k *Key) PublicKey() *PublicKey { return k.public }

// Signer returns the private part as the standard library's interface, for
// TLS and certificates.
func (k *Key) Signer() crypto.Signer { return k.signer }

// Algorithm returns the JWS algorithm that the key signs with.
func (k *Key) Algorithm() Algorithm { return k.public.alg }

// KeyID returns the "kid" (RFC 7517 §4.5).
func (k *Key) KeyID() string { return k.public.kid }

// Thumbprint returns the RFC 7638 thumbprint with SHA-256 in base64url.
func (k *Key) Thumbprint() string { return k.public.Thumbprint() }

// Certificates returns the X.509 chain of the key, leaf first; nil when there
// is none.
func (k *Key) Certificates() []*x509.Certificate { return k.public.Certificates() }

// checkPrivate refuses key material that does not belong together. Handles
// (HSM, KMS) cannot be looked into.
func checkPrivate(signer crypto.Signer) error {
	switch k := signer.(type) {
	case *rsa.PrivateKey:
		if k == nil {
			return refuse(ErrNoPrivateKey, "nil RSA key")
		}
		// The limits come first: Validate is arithmetic on attacker's sizes.
		if err := checkPublic(&k.PublicKey); err != nil {
			return err
		}
		if k.Validate() != nil {
			return refuse(ErrInconsistent, "RSA private and public part do not match")
		}
	case *ecdsa.PrivateKey:
		if k == nil {
			return refuse(ErrNoPrivateKey, "nil EC key")
		}
		if err := checkPublic(&k.PublicKey); err != nil {
			return err
		}
		scalar, err := k.Bytes()
		if err != nil {
			return refuse(ErrInconsistent, "EC private part out of range")
		}
		derived, err := ecdsa.ParseRawPrivateKey(k.Curve, scalar)
		if err != nil || !derived.PublicKey.Equal(&k.PublicKey) {
			return refuse(ErrInconsistent, "EC private and public part do not match")
		}
	case ed25519.PrivateKey:
		if len(k) != ed25519.PrivateKeySize {
			return refuse(ErrMalformed, "an Ed25519 private key has 64 bytes")
		}
		if !k.Equal(ed25519.NewKeyFromSeed(k.Seed())) {
			return refuse(ErrInconsistent, "Ed25519 private and public part do not match")
		}
	}
	return nil
}
