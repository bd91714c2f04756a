package certs

import (
	"bytes"
	"crypto"
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
	chain, err := order(key.PublicKey().Public(), certificates)
	if err != nil {
		return nil, err
	}
	return key.With(keys.Options{Certificates: chain})
}

// order picks the certificate of pub and then each issuer.
func order(pub crypto.PublicKey, pool []*x509.Certificate) ([]*x509.Certificate, error) {
	if len(pool) == 0 {
		return nil, refuse(ErrNoCertificate, "")
	}
	if slices.Contains(pool, nil) {
		return nil, refuse(keys.ErrMalformed, "a certificate is nil")
	}
	var leaf *x509.Certificate
	for _, c := range pool {
		if !isFor(c, pub) || c.Equal(leaf) {
			continue
		}
		if leaf != nil {
			return nil, refuse(keys.ErrAmbiguous, "several certificates are for the key")
		}
		leaf = c
	}
	if leaf == nil {
		return nil, refuse(ErrMismatch, "")
	}
	chain := []*x509.Certificate{leaf}
	// Authorities that certified each other lead around in a circle.
	for c := issuer(leaf, pool); c != nil && !slices.ContainsFunc(chain, c.Equal); c = issuer(c, pool) {
		chain = append(chain, c)
	}
	return chain, nil
}

// issuer finds the certificate above c by name and, where both sides have
// one, by key identifier: a renewed authority keeps its name. Signatures are
// not checked here; whoever trusts the chain does that.
func issuer(c *x509.Certificate, pool []*x509.Certificate) *x509.Certificate {
	if bytes.Equal(c.RawIssuer, c.RawSubject) {
		return nil
	}
	for _, up := range pool {
		if !bytes.Equal(up.RawSubject, c.RawIssuer) {
			continue
		}
		if len(c.AuthorityKeyId) == 0 || len(up.SubjectKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, up.SubjectKeyId) {
			return up
		}
	}
	return nil
}

func isFor(c *x509.Certificate, pub crypto.PublicKey) bool {
	k, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(pub)
}
