package keystore

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"time"
	"unicode"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/keys"
)

// iterations of a new archive, as keytool writes. They slow a guesser down by
// a constant; what protects the key is a random password.
const iterations = 10_000

// maxAlias bounds an alias, in bytes.
const maxAlias = 255

// MarshalPKCS12 returns a PKCS#12 archive of the key and its certificates.
// The alias becomes the key's friendly name. The archive is encrypted with
// AES-256 (PBES2) under an HMAC-SHA-256: OpenSSL 1.1.1, Java 12, Windows
// Server 2019 and their successors open it. Java opens no PKCS#12 archive
// whose password is not ASCII.
//
// No keystore holds the JWS algorithm: an RSA key is read as RS256, and for
// another one the reader says so with [keys.Key.With].
func MarshalPKCS12(key *keys.Key, alias, password string) ([]byte, error) {
	return marshalPKCS12(pkcs12.Modern2023.WithIterations(iterations), key, alias, password)
}

// MarshalLegacyPKCS12 is [MarshalPKCS12] with 3DES and SHA-1, for older
// Windows and Java. The key is only as safe as the place where the archive is
// kept.
func MarshalLegacyPKCS12(key *keys.Key, alias, password string) ([]byte, error) {
	return marshalPKCS12(pkcs12.LegacyDES.WithIterations(iterations), key, alias, password)
}

func marshalPKCS12(enc *pkcs12.Encoder, key *keys.Key, alias, text string) ([]byte, error) {
	chain, _, err := exportable(key, alias, text)
	if err != nil {
		return nil, err
	}
	pw, err := newPassword(text)
	if err != nil {
		return nil, err
	}
	der, err := enc.Encode(key.Signer(), chain[0], chain[1:], text)
	if err != nil {
		return nil, err
	}
	return nameKey(der, alias, pw)
}

// nameKey writes the friendly name on the key: without one Java lists the entry
// as "1". By hand because go-pkcs12 v0.7.4 names only the certificates of a
// trust store. The key's bag is encrypted but its attributes are not: they lie
// in the clear under the archive's MAC, so adding one takes no more than
// computing that MAC again.
func nameKey(der []byte, alias string, pw password) ([]byte, error) {
	var p pfx
	if err := unmarshal(der, &p); err != nil {
		return nil, err
	}
	contents, err := p.contents()
	if err != nil {
		return nil, err
	}
	name, _ := ucs2(alias)
	value, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagBMPString, Bytes: name})
	if err != nil {
		return nil, err
	}
	for i, c := range contents {
		if c.ContentType.String() != oidData {
			continue
		}
		bags, err := c.bags()
		if err != nil {
			return nil, err
		}
		for j := range bags {
			bags[j].Attributes = append(bags[j].Attributes, attribute{
				ID:     oid(oidFriendlyName),
				Values: asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: value},
			})
		}
		if contents[i], err = dataContent(bags); err != nil {
			return nil, err
		}
	}
	return p.seal(contents, pw)
}

// MarshalJKS returns a JKS keystore of the key and its certificates; the
// password protects the store and the key. Java sees the alias in lower case.
// The format's protection is weak (SHA-1, no iterations): prefer
// [MarshalPKCS12] if the reader can choose.
func MarshalJKS(key *keys.Key, alias, password string) ([]byte, error) {
	chain, pkcs8, err := exportable(key, alias, password)
	if err != nil {
		return nil, err
	}
	pw, err := latin1(password)
	if err != nil {
		return nil, err
	}
	entry := jks.PrivateKeyEntry{CreationTime: time.Now(), PrivateKey: pkcs8}
	for _, c := range chain {
		entry.CertificateChain = append(entry.CertificateChain, jks.Certificate{Type: "X.509", Content: c.Raw})
	}
	store := jks.New()
	if err := store.SetPrivateKeyEntry(alias, entry, pw); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := store.Store(&b, pw); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// exportable checks what goes into a keystore and returns the chain and the
// PKCS#8 form of the key.
func exportable(key *keys.Key, alias, password string) ([]*x509.Certificate, []byte, error) {
	if key == nil {
		return nil, nil, refuse(keys.ErrNoPrivateKey, "no key")
	}
	chain := key.Certificates()
	if len(chain) == 0 {
		return nil, nil, refuse(certs.ErrNoCertificate, "the key has none")
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key.Signer())
	if err != nil {
		return nil, nil, refuse(keys.ErrNoPrivateKey, "the key does not leave its device")
	}
	if password == "" {
		return nil, nil, refuse(ErrPassword, "empty")
	}
	if alias == "" || len(alias) > maxAlias {
		return nil, nil, refuse(keys.ErrMalformed, "alias must have 1 to 255 bytes")
	}
	for _, r := range alias {
		if r > 0xffff || r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return nil, nil, refuse(keys.ErrMalformed, "alias must be of printable characters of the Basic Multilingual Plane")
		}
	}
	return chain, pkcs8, nil
}
