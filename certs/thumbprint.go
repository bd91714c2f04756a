package certs

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/nokkel/nokkel/keys"
)

// Thumbprint is a hash over the DER of a certificate.
type Thumbprint []byte

// SHA1 returns the 20-byte thumbprint that .NET and Windows show, and that
// "x5t" carries. It names a certificate; it protects nothing.
func SHA1(c *x509.Certificate) Thumbprint {
	sum := sha1.Sum(c.Raw)
	return sum[:]
}

// SHA256 returns the 32-byte thumbprint of "x5t#S256".
func SHA256(c *x509.Certificate) Thumbprint {
	sum := sha256.Sum256(c.Raw)
	return sum[:]
}

// Hex returns upper-case hex without separators, as .NET and Windows show it.
func (t Thumbprint) Hex() string { return strings.ToUpper(hex.EncodeToString(t)) }

// Base64URL returns the value of "x5t" (RFC 7515 §4.1.7), "x5t#S256" (§4.1.8)
// or of the confirmation of a certificate-bound token (RFC 8705 §3.1).
func (t Thumbprint) Base64URL() string { return base64.RawURLEncoding.EncodeToString(t) }

// String returns Hex.
func (t Thumbprint) String() string { return t.Hex() }

// KeyID returns base64url(SHA-256(DER SubjectPublicKeyInfo)), 43 characters.
// It is the "kid" that Keycloak gives to a key that was uploaded as a
// certificate or as public key PEM; it refuses assertions with any other, the
// RFC 7638 thumbprint included.
func KeyID(p *keys.PublicKey) string {
	der, _ := x509.MarshalPKIXPublicKey(p.Public()) // its type was checked when p was made
	sum := sha256.Sum256(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
