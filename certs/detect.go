package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"

	"github.com/nokkel/nokkel/keys"
)

// What keystores of Java begin with.
const (
	magicJKS   = "\xfe\xed\xfe\xed"
	magicJCEKS = "\xce\xce\xce\xce"
)

// open tells the forms apart.
func open(data []byte, password string) ([]sealed, error) {
	if err := checkSize(data); err != nil {
		return nil, err
	}
	if der, ok := binaryInBase64(data); ok {
		data = der
	}
	switch {
	case bytes.HasPrefix(data, []byte(magicJKS)):
		return openJKS(data, password)
	case bytes.HasPrefix(data, []byte(magicJCEKS)):
		return nil, refuse(keys.ErrUnsupported, "a JCEKS keystore; keytool -importkeystore converts it to PKCS12")
	case isDER(data):
		der, err := toDER(data)
		if err != nil {
			return nil, err
		}
		return openDER(der, password)
	}
	return openText(data)
}

// isDER tells a SEQUENCE from text: 0x30 is a digit, and no form of text that
// is read here, base64 of one included, begins with a digit 0.
func isDER(data []byte) bool { return len(data) > 1 && data[0] == 0x30 }

func openDER(der []byte, password string) ([]sealed, error) {
	var outer asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 {
		return nil, refuse(keys.ErrMalformed, "broken DER")
	}
	if bytes.HasPrefix(outer.Bytes, []byte{asn1.TagInteger, 1, pfxVersion}) {
		return openPKCS12(der, password)
	}
	if c, err := x509.ParseCertificate(der); err == nil {
		return opened(publicEntry("", c))
	}
	if pub, err := x509.ParsePKIXPublicKey(der); err == nil {
		public, err := keys.NewPublicKey(pub, keys.Options{})
		return opened(Entry{Public: public}, err)
	}
	return openPrivate(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})) // whichever kind it is
}

// openText reads what package keys reads: public forms first, because those
// readers say for sure when there is a private key.
func openText(data []byte) ([]sealed, error) {
	set, err := keys.ParseSet(data)
	if err != nil && !errors.Is(err, keys.ErrPrivateKey) {
		var public *keys.PublicKey
		public, err = keys.ParsePublic(data, keys.Options{})
		set.Keys = []*keys.PublicKey{public}
	}
	if errors.Is(err, keys.ErrPrivateKey) {
		return openPrivate(data)
	}
	if err != nil {
		return nil, err
	}
	var all []sealed
	for _, p := range set.Keys {
		one, _ := opened(Entry{Alias: aliasOf(p, data), Public: p}, nil)
		all = append(all, one...)
	}
	return all, nil
}

func openPrivate(data []byte) ([]sealed, error) {
	key, err := keys.Parse(data, keys.Options{})
	if err != nil {
		return nil, err
	}
	return opened(Entry{Alias: aliasOf(key.PublicKey(), data), Key: key, Public: key.PublicKey()}, nil)
}

// opened wraps an entry that needed no password.
func opened(e Entry, err error) ([]sealed, error) {
	if err != nil {
		return nil, err
	}
	return []sealed{{alias: e.Alias, private: e.Key != nil, open: func() (Entry, error) { return e, nil }}}, nil
}

// aliasOf is the kid of a JWK; PEM has no names.
func aliasOf(p *keys.PublicKey, data []byte) string {
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		return ""
	}
	return p.KeyID()
}

// binaryInBase64 undoes the base64 in which keystores lie in environment
// variables and Keycloak keeps certificates. Base64 of text is left to
// package keys.
func binaryInBase64(data []byte) ([]byte, bool) {
	text := bytes.Join(bytes.Fields(data), nil)
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(out, text)
	if err != nil {
		return nil, false
	}
	out = out[:n]
	return out, isDER(out) || bytes.HasPrefix(out, []byte(magicJKS))
}
