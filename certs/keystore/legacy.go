package keystore

import (
	"context"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/keys"
)

// What is encrypted as before PBES2, with 3DES or RC2, go-pkcs12 decrypts one
// piece at a time, each wrapped as an archive of its own. A filler stands in
// for what it insists on finding besides.

// addLegacy decrypts the certificates of a content. The filler's private key
// goes first: then go-pkcs12 refuses any other private key before it decrypts
// it, so that it runs no iteration count that was not checked here. Their
// attributes stay hidden; the key identifier that OpenSSL writes is the
// certificate's SHA-1.
func (a *archive) addLegacy(c contentInfo) error {
	bags, err := fillerBags()
	if err != nil {
		return err
	}
	_, found, err := a.unwrap(bags, c)
	for _, c := range found {
		id := sha1.Sum(c.Raw)
		a.certs = append(a.certs, certificate{Certificate: c, keyID: id[:]})
	}
	return err
}

// decryptLegacy returns the private key of a bag.
func (a *archive) decryptLegacy(bag safeBag) (any, error) {
	bags, err := fillerBags()
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

// fillerBags returns a filler as a private key and a certificate.
func fillerBags() ([]safeBag, error) {
	filler, err := newFiller()
	if err != nil {
		return nil, err
	}
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
