package keys

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"reflect"
)

// Key is a private signing key: key material or a handle to it, an algorithm
// and a key id. It is immutable and safe for concurrent use. The zero Key
// holds nothing and signs nothing ([ErrNoPrivateKey]).
type Key struct {
	public  *PublicKey
	private func() crypto.Signer // a func, for no printer, encoder or reflection can look into one
	method  method
	foreign bool         // the signer is not the standard library's: what it returns is verified
	headers *headerCache // a pointer, so that a Key may be copied
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

// New returns the key of any signer with an RSA, EC or Ed25519 public key: an
// *rsa.PrivateKey, *ecdsa.PrivateKey or ed25519.PrivateKey, or an HSM's or
// KMS's handle. It keeps the signer, which must not change any more. It does not
// try it; see [ContextSigner] for what handles can do and what happens to their
// errors.
func New(signer crypto.Signer, o Options) (*Key, error) {
	if v := reflect.ValueOf(signer); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, refuse(ErrNoPrivateKey, "no signer")
	}
	if p, ok := signer.(*ed25519.PrivateKey); ok { // as x/crypto/ssh returns it
		signer = *p
	}
	foreign, err := checkPrivate(signer)
	if err != nil {
		return nil, err
	}
	return newKey(signer, foreign, o)
}

// newKey is New for a signer that needs no checks.
func newKey(signer crypto.Signer, foreign bool, o Options) (*Key, error) {
	public, err := NewPublicKey(signer.Public(), o)
	if err != nil {
		return nil, err
	}
	private := func() crypto.Signer { return signer }
	return &Key{public: public, private: private, method: public.alg.method(), foreign: foreign, headers: new(headerCache)}, nil
}

// With returns a copy of the key with the non-zero fields of o in place.
func (k *Key) With(o Options) (*Key, error) {
	public := k.PublicKey()
	if o.Algorithm == "" {
		o.Algorithm = public.alg
	}
	if o.KeyID == "" {
		o.KeyID = public.kid
	}
	if o.Certificates == nil {
		o.Certificates = public.certs
	}
	return New(k.Signer(), o)
}

// SigningKey returns the key itself: a Key is a [Source] that never changes.
func (k *Key) SigningKey(context.Context) (*Key, error) { return k, nil }

// PublicKey returns the public part; never nil.
func (k *Key) PublicKey() *PublicKey {
	if k.public == nil {
		return &PublicKey{}
	}
	return k.public
}

// Signer returns the private part as the standard library's interface, for
// TLS and certificates; nil for the zero Key.
func (k *Key) Signer() crypto.Signer {
	if k.private == nil {
		return nil
	}
	return k.private()
}

// Algorithm returns the JWS algorithm that the key signs with.
func (k *Key) Algorithm() Algorithm { return k.PublicKey().alg }

// KeyID returns the "kid" (RFC 7517 §4.5).
func (k *Key) KeyID() string { return k.PublicKey().kid }

// Thumbprint returns the RFC 7638 thumbprint with SHA-256 in base64url.
func (k *Key) Thumbprint() string { return k.PublicKey().Thumbprint() }

// Certificates returns the X.509 chain of the key, leaf first; nil when there
// is none.
func (k *Key) Certificates() []*x509.Certificate { return k.PublicKey().Certificates() }
