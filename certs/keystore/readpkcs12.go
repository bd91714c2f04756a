package keystore

import (
	"crypto/x509"
	"errors"

	"github.com/nokkel/nokkel/internal/certpool"
	"github.com/nokkel/nokkel/keys"
)

// archive is an opened PKCS#12 archive.
//
// By hand because software.sslmate.com/src/go-pkcs12 v0.7.4 opens an archive
// whole or not at all: it refuses one of several keys, of none, or of more
// than two contents, drops the attributes (all but the deprecated ToPEM,
// which takes neither an Ed25519 key nor Java's attributes), and runs as many
// iterations as the file asks for. So the archive is taken apart here, where
// attributes and iteration counts can be seen.
type archive struct {
	password password
	certs    []certificate
	keys     []safeBag
}

func openPKCS12(der []byte, text string) ([]sealed, error) {
	a, err := newArchive(der, text)
	if err != nil {
		return nil, err
	}
	var all []sealed
	var pool []*x509.Certificate
	for _, c := range a.certs {
		pool = append(pool, c.Certificate)
	}
	near := certpool.New(pool)
	for _, bag := range a.keys {
		alias := bag.friendlyName()
		all = append(all, sealed{alias: alias, private: true, open: func() (Entry, error) {
			key, err := a.decrypt(bag)
			if err != nil {
				return Entry{}, err
			}
			return privateEntry(alias, key, near, a.ownCertificate(bag))
		}})
	}
	for _, c := range a.certs {
		all = append(all, sealed{alias: c.alias, unlessInChain: !c.trusted, open: func() (Entry, error) { return publicEntry(c.alias, c.Certificate) }})
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
	a := &archive{password: pw}
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
		return a.addBags(bags, left)
	case oidEncryptedData:
		var e encryptedData
		if err := unmarshal(c.Content.Bytes, &e); err != nil {
			return err
		}
		if err := left.spendPBE(e.Content.Algorithm); err != nil {
			return err
		}
		if e.Content.Algorithm.Algorithm.String() != oidPBES2 {
			return a.addLegacy(c)
		}
		octets, err := decryptPBES2(e.Content.Algorithm, e.Content.Encrypted, a.password)
		if err != nil {
			return err
		}
		bags, err := parseBags(octets)
		if err != nil {
			return err
		}
		return a.addBags(bags, left)
	}
	return refuse(keys.ErrUnsupported, "PKCS#12 content that is not protected by a password")
}

func (a *archive) addBags(bags []safeBag, left *budget) error {
	for _, bag := range bags {
		if err := a.addBag(bag, left); err != nil {
			return err
		}
	}
	return nil
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
		a.certs = append(a.certs, certificate{c, bag.friendlyName(), bag.attribute(oidLocalKeyID), bag.has(oidJavaTrusted)})
	}
	return nil
}

// decrypt returns the private key of a bag.
func (a *archive) decrypt(bag safeBag) (any, error) {
	if bag.ID.String() == oidKeyBag {
		return parsePKCS8(bag.Value.Bytes)
	}
	var e encryptedKey
	if err := unmarshal(bag.Value.Bytes, &e); err != nil {
		return nil, err
	}
	if e.Algorithm.Algorithm.String() == oidPBES2 {
		pkcs8, err := decryptPBES2(e.Algorithm, e.Encrypted, a.password)
		if err != nil {
			return nil, err
		}
		return parsePKCS8(pkcs8)
	}
	return a.decryptLegacy(bag)
}

func parsePKCS8(der []byte) (any, error) {
	if len(der) > maxPrivateKey {
		return nil, refuse(keys.ErrTooLarge, "private key over 5 KiB")
	}
	checked, refused := keys.Parse(der, keys.Options{}) // which looks at more than crypto/x509
	if refused == nil {
		return checked.Signer(), nil
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	switch {
	case err != nil:
		return nil, refuse(keys.ErrMalformed, "private key, or one of an unknown type")
	case errors.Is(refused, keys.ErrInconsistent):
		return nil, refuse(keys.ErrInconsistent, "the public key stored with a private one belongs to another")
	}
	return key, nil // of a type or size that privateEntry refuses
}
