package certs

import (
	"bytes"
	"crypto"
	"crypto/x509"

	"github.com/nokkel/nokkel/keys"
)

// pool holds certificates, each once, where they are found by public key and
// by name: joining the keys of an archive to their certificates takes a time
// that grows with both numbers and not with their product.
type pool struct {
	byKey, bySubject map[string][]*x509.Certificate
}

func newPool(certificates []*x509.Certificate) pool {
	p := pool{make(map[string][]*x509.Certificate), make(map[string][]*x509.Certificate)}
	seen := make(map[string]bool)
	for _, c := range certificates {
		if seen[string(c.Raw)] {
			continue
		}
		seen[string(c.Raw)] = true
		p.bySubject[string(c.RawSubject)] = append(p.bySubject[string(c.RawSubject)], c)
		if id, ok := keyID(c.PublicKey); ok {
			p.byKey[id] = append(p.byKey[id], c)
		}
	}
	return p
}

// keyID is the same for keys that are equal. It is false for those of a type
// that nobody signs with here.
func keyID(pub crypto.PublicKey) (string, bool) {
	spki, err := x509.MarshalPKIXPublicKey(pub)
	return string(spki), err == nil
}

// chain returns the certificate of pub and then each issuer.
func (p pool) chain(pub crypto.PublicKey) ([]*x509.Certificate, error) {
	if len(p.bySubject) == 0 {
		return nil, refuse(ErrNoCertificate, "")
	}
	id, _ := keyID(pub)
	leaves := p.byKey[id]
	switch {
	case len(leaves) == 0:
		return nil, refuse(ErrMismatch, "")
	case len(leaves) > 1:
		return nil, refuse(keys.ErrAmbiguous, "several certificates are for the key")
	}
	var chain []*x509.Certificate
	// Authorities that certified each other lead around in a circle.
	passed := make(map[*x509.Certificate]bool)
	for c := leaves[0]; c != nil && !passed[c]; c = p.issuer(c) {
		passed[c] = true
		chain = append(chain, c)
	}
	return chain, nil
}

// issuer finds the certificate above c by name and, where both sides have
// one, by key identifier: a renewed authority keeps its name. Signatures are
// not checked here; whoever trusts the chain does that.
func (p pool) issuer(c *x509.Certificate) *x509.Certificate {
	if bytes.Equal(c.RawIssuer, c.RawSubject) {
		return nil
	}
	for _, up := range p.bySubject[string(c.RawIssuer)] {
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
