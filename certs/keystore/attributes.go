package keystore

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"unicode/utf16"
)

// certificate is one of a PKCS#12 archive, with what its bag says of it.
type certificate struct {
	*x509.Certificate
	alias   string
	keyID   []byte // the same as that of its private key; nil for other certificates
	trusted bool   // an entry of Java's, even where it is part of a chain too
}

// ownCertificate returns the certificate that was stored with a private key:
// a key may have several, of which this is the current one. It is nil when
// the archive does not tell.
func (a *archive) ownCertificate(key safeBag) *x509.Certificate {
	id := key.attribute(oidLocalKeyID)
	for _, c := range a.certs {
		if id != nil && bytes.Equal(id, c.keyID) {
			return c.Certificate
		}
	}
	return nil
}

func (b safeBag) has(id string) bool {
	return slices.ContainsFunc(b.Attributes, func(a attribute) bool { return a.ID.String() == id })
}

// attribute returns the content of an attribute's only value; nil when there
// is none.
func (b safeBag) attribute(id string) []byte {
	for _, a := range b.Attributes {
		var value asn1.RawValue
		if a.ID.String() == id && unmarshal(a.Values.Bytes, &value) == nil {
			return value.Bytes
		}
	}
	return nil
}

// friendlyName is "" when there is none.
func (b safeBag) friendlyName() string {
	name := b.attribute(oidFriendlyName) // a BMPString
	units := make([]uint16, len(name)/2)
	for i := range units {
		units[i] = uint16(name[2*i])<<8 | uint16(name[2*i+1])
	}
	return string(utf16.Decode(units))
}
