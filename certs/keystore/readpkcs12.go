package keystore

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"unicode/utf16"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/internal/certpool"
	"github.com/nokkel/nokkel/keys"
)

// archive is an opened PKCS#12 archive.
//
// By hand because software.sslmate.com/src/go-pkcs12 v0.7.4 opens an archive
// whole or not at all: it refuses one of several keys, of none, or of more
// than two contents, drops the friendly names (all but the deprecated ToPEM,
// which takes no Ed25519 key), and runs as many iterations as the file asks
// for. So the archive is taken apart here, where names and iteration counts
// can be seen, and go-pkcs12 decrypts one piece at a time, each wrapped as an
// archive of its own. A filler stands in for what it insists on finding
// besides.
type archive struct {
	password password
	filler   *keys.Key
	certs    []*x509.Certificate
	keys     []safeBag
}

func openPKCS12(der []byte, text string) ([]sealed, error) {
	a, err := newArchive(der, text)
	if err != nil {
		return nil, err
	}
	var all []sealed
	near := certpool.New(a.certs)
	for _, bag := range a.keys {
		alias := friendlyName(bag)
		all = append(all, sealed{alias, true, func() (Entry, error) {
			key, err := a.decrypt(bag)
			if err != nil {
				return Entry{}, err
			}
			return privateEntry(alias, key, near)
		}})
	}
	if len(all) > 0 {
		return all, nil
	}
	for _, c := range a.certs {
		all = append(all, sealed{open: func() (Entry, error) { return publicEntry("", c) }})
	}
	return all, nil
}

// newArchive verifies the MAC, decrypts the certificates and lists the keys.
func newArchive(der []byte, text string) (*archive, error) {
	pw, err := newPassword(text)
	if err != nil {
		return nil, err
	}
	var p pfx
	if err := unmarshal(der, &p); err != nil {
		return nil, err
	}
	if p.MacData.Mac.Algorithm.Algorithm == nil {
		return nil, refuse(keys.ErrUnsupported, "PKCS#12 without a MAC")
	}
	left := budget(maxHashes)
	if pw, err = p.MacData.verify(pw, p.AuthSafe.Content, &left); err != nil {
		return nil, err
	}
	filler, err := newFiller()
	if err != nil {
		return nil, err
	}
	a := &archive{password: pw, filler: filler}
	contents, err := p.contents()
	if err != nil {
		return nil, err
	}
	if len(contents) > maxContents {
		return nil, refuse(keys.ErrTooLarge, "more than 100 contents of a PKCS#12 archive")
	}
	for _, c := range contents {
		if err := a.add(c, &left); err != nil {
			return nil, err
		}
		if err := (tally{len(a.keys), len(a.certs)}).check(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// add takes up one content of the archive.
func (a *archive) add(c contentInfo, left *budget) error {
	switch c.ContentType.String() {
	case oidData:
		bags, err := c.bags()
		if err != nil {
			return err
		}
		for _, bag := range bags {
			if err := a.addBag(bag, left); err != nil {
				return err
			}
		}
		return nil
	case oidEncryptedData:
		var e encryptedData
		if err := unmarshal(c.Content.Bytes, &e); err != nil {
			return err
		}
		if err := left.spendPBE(e.Content.Algorithm); err != nil {
			return err
		}
		return a.addEncrypted(c)
	}
	return refuse(keys.ErrUnsupported, "PKCS#12 content that is not protected by a password")
}

func (a *archive) addBag(bag safeBag, left *budget) error {
	switch bag.ID.String() {
	case oidShroudedBag:
		var e encryptedKey
		if err := unmarshal(bag.Value.Bytes, &e); err != nil {
			return err
		}
		if len(e.Encrypted) > maxPrivateKey {
			return refuse(keys.ErrTooLarge, "private key over 5 KiB")
		}
		if err := left.spendPBE(e.Algorithm); err != nil {
			return err
		}
		a.keys = append(a.keys, bag)
	case oidKeyBag:
		a.keys = append(a.keys, bag)
	case oidCertBag:
		var b certBag
		if err := unmarshal(bag.Value.Bytes, &b); err != nil {
			return err
		}
		c, err := x509.ParseCertificate(b.Cert)
		if err != nil {
			return refuse(keys.ErrMalformed, "certificate")
		}
		a.certs = append(a.certs, c)
	}
	return nil
}

// addEncrypted decrypts the certificates of a content. The filler's private
// key goes first: then go-pkcs12 refuses any other private key before it
// decrypts it, so that it runs no iteration count that was not checked here.
func (a *archive) addEncrypted(c contentInfo) error {
	bags, err := fillerBags(a.filler)
	if err != nil {
		return err
	}
	_, found, err := a.unwrap(bags, c)
	a.certs = append(a.certs, found...)
	return err
}

// decrypt returns the private key of a bag.
func (a *archive) decrypt(bag safeBag) (any, error) {
	if bag.ID.String() == oidKeyBag {
		return parsePKCS8(bag.Value.Bytes)
	}
	bags, err := fillerBags(a.filler)
	if err != nil {
		return nil, err
	}
	bags[0] = bag
	key, _, err := a.unwrap(bags)
	return key, err
}

// unwrap hands bags, and possibly an encrypted content, to go-pkcs12. The
// filler's certificate is not among those that it returns.
func (a *archive) unwrap(bags []safeBag, encrypted ...contentInfo) (any, []*x509.Certificate, error) {
	first, err := dataContent(bags)
	if err != nil {
		return nil, nil, err
	}
	var p pfx
	p.Version = pfxVersion
	p.AuthSafe.ContentType = oid(oidData)
	p.MacData.Mac.Algorithm = pkix.AlgorithmIdentifier{Algorithm: oid(oidSHA256), Parameters: asn1.NullRawValue}
	p.MacData.Iterations = 1 // the MAC was checked; this one never leaves the function
	der, err := p.seal(append([]contentInfo{first}, encrypted...), a.password)
	if err != nil {
		return nil, nil, err
	}
	key, _, found, err := pkcs12.DecodeChain(der, a.password.text)
	if err != nil {
		var not pkcs12.NotImplementedError
		if errors.As(err, &not) {
			return nil, nil, refuse(keys.ErrUnsupported, "encryption of a PKCS#12 content")
		}
		return nil, nil, refuse(keys.ErrMalformed, "a PKCS#12 content decrypts to garbage or to a private key of an unknown type")
	}
	return key, found, nil
}

// newFiller makes a throw-away key with certificate.
func newFiller() (*keys.Key, error) {
	key, err := keys.Generate(keys.EdDSA)
	if err != nil {
		return nil, err
	}
	return certs.SelfSign(context.Background(), key, certs.Template{Subject: pkix.Name{CommonName: "filler"}})
}

// fillerBags returns the filler as a private key and a certificate.
func fillerBags(filler *keys.Key) ([]safeBag, error) {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(filler.Signer())
	if err != nil {
		return nil, err
	}
	cert, err := asn1.Marshal(certBag{oid(oidX509), filler.Certificates()[0].Raw})
	if err != nil {
		return nil, err
	}
	return []safeBag{
		{ID: oid(oidKeyBag), Value: explicit(pkcs8)},
		{ID: oid(oidCertBag), Value: explicit(cert)},
	}, nil
}

func parsePKCS8(der []byte) (any, error) {
	if len(der) > maxPrivateKey {
		return nil, refuse(keys.ErrTooLarge, "private key over 5 KiB")
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, refuse(keys.ErrMalformed, "private key, or one of an unknown type")
	}
	return key, nil
}

// friendlyName is the BMPString of that attribute; "" when there is none.
func friendlyName(bag safeBag) string {
	for _, attr := range bag.Attributes {
		var value asn1.RawValue
		if attr.ID.String() != oidFriendlyName || unmarshal(attr.Values.Bytes, &value) != nil {
			continue
		}
		units := make([]uint16, len(value.Bytes)/2)
		for i := range units {
			units[i] = uint16(value.Bytes[2*i])<<8 | uint16(value.Bytes[2*i+1])
		}
		return string(utf16.Decode(units))
	}
	return ""
}
