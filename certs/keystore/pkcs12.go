package keystore

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"strconv"
	"strings"

	"github.com/nokkel/nokkel/keys"
)

// The outer shape of a PKCS#12 archive, with the names of RFC 7292 §4. What is
// encrypted inside is left to go-pkcs12.

const pfxVersion = 3

const (
	oidData          = "1.2.840.113549.1.7.1"
	oidEncryptedData = "1.2.840.113549.1.7.6"
	oidKeyBag        = "1.2.840.113549.1.12.10.1.1"
	oidShroudedBag   = "1.2.840.113549.1.12.10.1.2"
	oidCertBag       = "1.2.840.113549.1.12.10.1.3"
	oidX509          = "1.2.840.113549.1.9.22.1"
	oidFriendlyName  = "1.2.840.113549.1.9.20"
	oidLocalKeyID    = "1.2.840.113549.1.9.21"
	oidJavaTrusted   = "2.16.840.1.113894.746875.1.1" // on keytool's trusted certificates
	oidLegacyPBE     = "1.2.840.113549.1.12.1."       // 3DES and RC2 (RFC 7292 appendix C)
	oidPBES2         = "1.2.840.113549.1.5.13"
	oidPBKDF2        = "1.2.840.113549.1.5.12"
	oidPBMAC1        = "1.2.840.113549.1.5.14"
	oidAES128        = "2.16.840.1.101.3.4.1.2"
	oidAES192        = "2.16.840.1.101.3.4.1.22"
	oidAES256        = "2.16.840.1.101.3.4.1.42"
	oidSHA1          = "1.3.14.3.2.26"
	oidSHA256        = "2.16.840.1.101.3.4.2.1"
	oidSHA384        = "2.16.840.1.101.3.4.2.2"
	oidSHA512        = "2.16.840.1.101.3.4.2.3"
	oidHMACSHA1      = "1.2.840.113549.2.7"
	oidHMACSHA256    = "1.2.840.113549.2.9"
	oidHMACSHA384    = "1.2.840.113549.2.10"
	oidHMACSHA512    = "1.2.840.113549.2.11"
)

type pfx struct {
	Version  int
	AuthSafe struct {
		ContentType asn1.ObjectIdentifier
		Content     []byte `asn1:"tag:0,explicit"` // DER of []contentInfo
	}
	MacData macData `asn1:"optional"`
}

type contentInfo struct {
	ContentType asn1.ObjectIdentifier
	Content     asn1.RawValue `asn1:"tag:0,explicit"`
}

type encryptedData struct {
	Version int
	Content struct {
		ContentType asn1.ObjectIdentifier
		Algorithm   pkix.AlgorithmIdentifier
		Encrypted   []byte `asn1:"tag:0,optional"`
	}
}

type safeBag struct {
	ID         asn1.ObjectIdentifier
	Value      asn1.RawValue `asn1:"tag:0,explicit"`
	Attributes []attribute   `asn1:"set,optional"`
}

type attribute struct {
	ID     asn1.ObjectIdentifier
	Values asn1.RawValue `asn1:"set"`
}

type certBag struct {
	ID   asn1.ObjectIdentifier
	Cert []byte `asn1:"tag:0,explicit"`
}

type encryptedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Encrypted []byte
}

// contents splits the archive. The MAC is over the content as it stands; only
// then may BER in it be rewritten.
func (p *pfx) contents() (list []contentInfo, err error) {
	der, err := toDER(p.AuthSafe.Content)
	if err != nil {
		return nil, err
	}
	return list, unmarshal(der, &list)
}

// bags splits a content that is not encrypted.
func (c contentInfo) bags() ([]safeBag, error) {
	var octets []byte
	if err := unmarshal(c.Content.Bytes, &octets); err != nil {
		return nil, err
	}
	return parseBags(octets)
}

func parseBags(octets []byte) (list []safeBag, err error) {
	if octets, err = toDER(octets); err != nil {
		return nil, err
	}
	return list, unmarshal(octets, &list)
}

// dataContent is the reverse of bags.
func dataContent(list []safeBag) (contentInfo, error) {
	octets, err := asn1.Marshal(list)
	if err != nil {
		return contentInfo{}, err
	}
	inner, err := asn1.Marshal(octets)
	return contentInfo{oid(oidData), explicit(inner)}, err
}

// seal puts the contents into the archive and renews its MAC.
func (p *pfx) seal(list []contentInfo, pw password) (der []byte, err error) {
	if p.AuthSafe.Content, err = asn1.Marshal(list); err != nil {
		return nil, err
	}
	if p.MacData.Mac.Digest, err = p.MacData.sum(pw, p.AuthSafe.Content); err != nil {
		return nil, err
	}
	return asn1.Marshal(*p)
}

func explicit(der []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: der}
}

// unmarshal takes DER without anything behind it. The errors of asn1 may show
// what they read and are dropped.
func unmarshal(der []byte, v any) error {
	if rest, err := asn1.Unmarshal(der, v); err != nil || len(rest) > 0 {
		return refuse(keys.ErrMalformed, "PKCS#12 structure")
	}
	return nil
}

func oid(dotted string) (id asn1.ObjectIdentifier) {
	for part := range strings.SplitSeq(dotted, ".") {
		n, _ := strconv.Atoi(part) // constants of this file
		id = append(id, n)
	}
	return id
}
