package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"

	"github.com/nokkel/nokkel/keys"
)

// maxInput bounds what is read, in bytes.
const maxInput = 1 << 20

// Parse reads the certificates of a PEM text or of DER, at most 1 MiB, in
// their order there. PEM blocks of other types are skipped; one that does not
// decode is refused, since it may be a certificate of the chain. An input
// without a certificate is refused with [ErrNoCertificate]. A PKCS#12 or JKS
// keystore is refused with [keys.ErrUnsupported]: package certs/keystore reads
// those.
func Parse(data []byte) ([]*x509.Certificate, error) {
	if len(data) > maxInput {
		return nil, refuse(keys.ErrTooLarge, "input over 1 MiB")
	}
	if kind := keystoreKind(data); kind != "" {
		return nil, refuse(keys.ErrUnsupported, "a "+kind+" keystore; package certs/keystore reads it")
	}
	if len(data) > 0 && data[0] == 0x30 { // SEQUENCE
		all, err := x509.ParseCertificates(data)
		if err != nil { // it may show what it read
			return nil, refuse(keys.ErrMalformed, "certificate")
		}
		return all, nil
	}
	return parsePEM(bytes.TrimPrefix(data, []byte("\ufeff"))) // encoding/pem takes a block only where a line begins
}

func parsePEM(text []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	blocks := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		blocks++
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, refuse(keys.ErrMalformed, "certificate")
		}
		all = append(all, c)
	}
	switch {
	case blocks != bytes.Count(text, []byte("-----BEGIN ")):
		return nil, refuse(keys.ErrMalformed, "a PEM block is damaged")
	case len(all) == 0:
		return nil, refuse(ErrNoCertificate, "in the PEM text")
	}
	return all, nil
}

// keystoreKind names the format of a keystore; "" for anything else.
func keystoreKind(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte{0xfe, 0xed, 0xfe, 0xed}):
		return "JKS"
	case bytes.HasPrefix(data, []byte{0xce, 0xce, 0xce, 0xce}):
		return "JCEKS"
	}
	// A SEQUENCE that begins with the INTEGER 3 (RFC 7292 §4), its length in
	// one byte or more, or at the end.
	if len(data) < 2 || data[0] != 0x30 {
		return ""
	}
	header := 2
	if n := int(data[1]); n > 0x80 {
		header += n & 0x7f
	}
	if len(data) > header && bytes.HasPrefix(data[header:], []byte{0x02, 0x01, 0x03}) {
		return "PKCS#12"
	}
	return ""
}

// PEM returns the certificates as PEM (RFC 7468 §5), in the order given.
func PEM(chain []*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range chain {
		pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}) // a Buffer takes all
	}
	return b.Bytes()
}
