package keys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
)

// maxDER bounds a private key in DER. An RSA key of 8192 bits has 4.7 KB;
// what crypto/x509 does with one of 64 KB takes a quarter of a second.
const maxDER = 8 << 10

// What has to be seen before crypto/x509 may calculate with a key, and what
// its errors do not tell apart. encoding/asn1 ignores the fields that follow.
type (
	pkcs8 struct { // RFC 5958 §2
		Version    int
		Algorithm  pkix.AlgorithmIdentifier
		Key        []byte
		Attributes asn1.RawValue  `asn1:"optional,tag:0"`
		Public     asn1.BitString `asn1:"optional,tag:1"`
	}
	pkcs1 struct { // RFC 8017 §A.1.2
		Version int
		N, E    *big.Int
	}
	sec1 struct { // RFC 5915 §3
		Version int
		Key     []byte
		Curve   asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
		Public  asn1.BitString        `asn1:"optional,explicit,tag:1"`
	}
	spki struct { // RFC 5280 §4.1
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
)

func parseDER(der []byte, o Options) (*Key, error) {
	signer, err := signerFromDER(der)
	if err != nil {
		return nil, err
	}
	return New(signer, o)
}

// signerFromDER reads PKCS#8, PKCS#1 or SEC 1 by its shape: a wrong PEM label
// over right bytes is common enough to be no error.
func signerFromDER(der []byte) (crypto.Signer, error) {
	if len(der) > maxDER {
		return nil, refuse(ErrTooLarge, "private key of more than 8 KiB")
	}
	var (
		p8  pkcs8
		p1  pkcs1
		sec sec1
		k   any
		err error
	)
	switch {
	case whole(der, &p8):
		if err := checkAlgorithm(p8.Algorithm); err != nil {
			return nil, err
		}
		if p8.Algorithm.Algorithm.Equal(oidRSA()) && whole(p8.Key, &p1) {
			if err := checkRSADER(p1); err != nil {
				return nil, err
			}
		}
		k, err = x509.ParsePKCS8PrivateKey(der)
	case whole(der, &p1):
		if err := checkRSADER(p1); err != nil {
			return nil, err
		}
		k, err = x509.ParsePKCS1PrivateKey(der)
	case whole(der, &sec):
		if !knownCurve(sec.Curve) {
			return nil, refuse(ErrUnsupported, "curve")
		}
		k, err = x509.ParseECPrivateKey(der)
	default:
		return nil, refuse(ErrMalformed, "neither PKCS#8, PKCS#1 nor SEC 1; package certs/keystore reads PKCS#12")
	}
	signer, ok := k.(crypto.Signer)
	if err != nil || !ok {
		return nil, refuse(ErrInconsistent, "the parts of the private key are damaged or do not belong together")
	}
	if p8.Key != nil && whole(p8.Key, &sec) && sec.Curve != nil { // SEC 1 in PKCS#8: x509 goes by the curve outside
		if curve, err := asn1.Marshal(sec.Curve); err != nil || !bytes.Equal(curve, p8.Algorithm.Parameters.FullBytes) {
			return nil, refuse(ErrInconsistent, "a private key that names two curves")
		}
	}
	if !isPublicOf(signer, p8.Public) || !isPublicOf(signer, sec.Public) {
		return nil, refuse(ErrInconsistent, "the public key stored with the private one belongs to another")
	}
	return signer, nil
}

// isPublicOf reports whether b, which crypto/x509 ignores, is absent
// or the public key of signer (RFC 5958 §2, RFC 5915 §3).
func isPublicOf(signer crypto.Signer, b asn1.BitString) bool {
	if b.Bytes == nil {
		return true
	}
	var want []byte
	switch k := signer.Public().(type) {
	case *rsa.PublicKey:
		want = x509.MarshalPKCS1PublicKey(k)
	case *ecdsa.PublicKey:
		want, _ = k.Bytes()                                // x509 made it
		if size := len(want) / 2; len(b.Bytes) == 1+size { // compressed (SEC 1 §2.3.3)
			want[0] = 2 | want[2*size]&1
			want = want[:1+size]
		}
	case ed25519.PublicKey:
		want = k
	}
	return b.BitLength == 8*len(b.Bytes) && bytes.Equal(b.Bytes, want)
}

// whole reads der into v and refuses bytes after it.
func whole(der []byte, v any) bool {
	rest, err := asn1.Unmarshal(der, v)
	return err == nil && len(rest) == 0
}

func checkRSADER(k pkcs1) error {
	if !k.E.IsInt64() {
		return refuse(ErrWeak, "RSA exponent over 2^31-1")
	}
	return checkRSA(k.N, k.E.Int64())
}

// checkAlgorithm refuses keys of types and curves that do not sign here.
func checkAlgorithm(id pkix.AlgorithmIdentifier) error {
	switch oid := id.Algorithm; {
	case oid.Equal(oidRSA()), oid.Equal(asn1.ObjectIdentifier{1, 3, 101, 112}): // Ed25519, RFC 8410 §3
		return nil
	case oid.Equal(asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}): // EC, RFC 5480 §2.1.1
		var curve asn1.ObjectIdentifier
		if whole(id.Parameters.FullBytes, &curve) && knownCurve(curve) {
			return nil
		}
		return refuse(ErrUnsupported, "curve")
	}
	return refuse(ErrUnsupported, "key type")
}

func oidRSA() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1} }

// knownCurve reports whether oid is P-256, P-384 or P-521 (RFC 5480 §2.1.1.1).
func knownCurve(oid asn1.ObjectIdentifier) bool {
	return slices.ContainsFunc([]asn1.ObjectIdentifier{
		{1, 2, 840, 10045, 3, 1, 7}, {1, 3, 132, 0, 34}, {1, 3, 132, 0, 35},
	}, oid.Equal)
}

// parsePublicDER reads SubjectPublicKeyInfo or a certificate: base64 of one is
// how Keycloak shows keys.
func parsePublicDER(der []byte, o Options) (*PublicKey, error) {
	if c, err := x509.ParseCertificate(der); err == nil {
		if o.Certificates == nil {
			o.Certificates = []*x509.Certificate{c}
		}
		return NewPublicKey(c.PublicKey, o)
	}
	var p8 pkcs8
	if whole(der, &p8) || whole(der, &pkcs1{}) || whole(der, &sec1{}) {
		return nil, refuse(ErrPrivateKey, "the DER holds a private key")
	}
	pub, err := publicFromDER(der)
	if err != nil {
		return nil, err
	}
	return NewPublicKey(pub, o)
}

// publicFromDER reads a SubjectPublicKeyInfo.
func publicFromDER(der []byte) (crypto.PublicKey, error) {
	var info spki
	if !whole(der, &info) {
		return nil, refuse(ErrMalformed, "not a SubjectPublicKeyInfo")
	}
	if err := checkAlgorithm(info.Algorithm); err != nil {
		return nil, err
	}
	pub, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, refuse(ErrInvalidPoint, "the key inside the SubjectPublicKeyInfo")
	}
	return pub, nil
}
