package certs

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"slices"

	"github.com/nokkel/nokkel/keys"
)

// PEM returns the certificates as PEM (RFC 7468 §5), in the order given.
func PEM(chain []*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range chain {
		pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}) // a Buffer takes all
	}
	return b.Bytes()
}

// ParsePEM reads the certificates of a PEM text of at most 1 MiB, in the
// order of the text. Blocks of other types are passed over; a text without
// any certificate is refused with [ErrNoCertificate].
func ParsePEM(data []byte) ([]*x509.Certificate, error) {
	if err := checkSize(data); err != nil {
		return nil, err
	}
	var chain []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, refuse(keys.ErrMalformed, "certificate")
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return nil, refuse(ErrNoCertificate, "the PEM text holds none")
	}
	return chain, nil
}

// Attach returns a copy of the key with those of the certificates that lead
// from it upwards, in order: what a certificate authority answers to a
// [Request] goes in here, in whichever order it came. It fails with
// [ErrMismatch] when no certificate is for the key, and with
// [keys.ErrAmbiguous] when several are.
func Attach(key *keys.Key, certificates []*x509.Certificate) (*keys.Key, error) {
	if slices.Contains(certificates, nil) {
		return nil, refuse(keys.ErrMalformed, "a certificate is nil")
	}
	chain, err := newPool(certificates).chain(key.PublicKey().Public())
	if err != nil {
		return nil, err
	}
	return key.With(keys.Options{Certificates: chain})
}
