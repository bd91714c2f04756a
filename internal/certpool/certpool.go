// Package certpool joins keys to their certificates.
package certpool

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/nokkel/nokkel/keys"
)

// Why [Pool.Chain] finds no chain; [keys.ErrAmbiguous] is the third reason.
var (
	ErrNoCertificate = errors.New("no certificate")
	ErrMismatch      = errors.New("key and certificate do not match")
)

// Pool holds certificates, each once, indexed by public key and by name: to
// join the keys of a keystore to their certificates takes a time that grows
// with both numbers and not with their product.
type Pool struct {
	byKey, bySubject map[string][]*x509.Certificate
}

// New returns a Pool of the certificates, of which none may be nil.
func New(certificates []*x509.Certificate) Pool {
	p := Pool{make(map[string][]*x509.Certificate), make(map[string][]*x509.Certificate)}
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

// keyID is the same for equal keys. It is false for types that nobody signs
// with here.
func keyID(pub crypto.PublicKey) (string, bool) {
	spki, err := x509.MarshalPKIXPublicKey(pub)
	return string(spki), err == nil
}

// Chain returns the certificate of pub, then each issuer. Of several for pub it
// takes own, which may be nil. Signatures are not checked: whoever trusts the
// chain does that.
func (p Pool) Chain(pub crypto.PublicKey, own *x509.Certificate) ([]*x509.Certificate, error) {
	if len(p.bySubject) == 0 {
		return nil, ErrNoCertificate
	}
	id, _ := keyID(pub)
	leaves := p.byKey[id]
	if i := slices.IndexFunc(leaves, own.Equal); i >= 0 {
		leaves = leaves[i : i+1]
	}
	switch {
	case len(leaves) == 0:
		return nil, ErrMismatch
	case len(leaves) > 1:
		return nil, keys.ErrAmbiguous
	}
	var chain []*x509.Certificate
	// Authorities that certified each other lead around in a circle.
	passed := make(map[*x509.Certificate]bool)
	now := time.Now()
	for c := leaves[0]; c != nil && !passed[c]; c = p.issuer(c, now) {
		passed[c] = true
		chain = append(chain, c)
	}
	return chain, nil
}

// issuer finds the certificate above c by name and, where both sides have
// one, by key identifier: a renewed authority keeps its name. It may keep its
// key too; of such certificates the best is taken.
func (p Pool) issuer(c *x509.Certificate, now time.Time) (best *x509.Certificate) {
	if bytes.Equal(c.RawIssuer, c.RawSubject) {
		return nil
	}
	for _, up := range p.bySubject[string(c.RawIssuer)] {
		if len(c.AuthorityKeyId) > 0 && len(up.SubjectKeyId) > 0 && !bytes.Equal(c.AuthorityKeyId, up.SubjectKeyId) {
			continue
		}
		if best == nil || better(up, best, now) {
			best = up
		}
	}
	return best
}

// better reports whether a goes before b: it is valid already, or expires
// later. Of two alike it is always the same one, in whatever order they came.
func better(a, b *x509.Certificate, now time.Time) bool {
	if begun := !a.NotBefore.After(now); begun == b.NotBefore.After(now) {
		return begun
	}
	return cmp.Or(a.NotAfter.Compare(b.NotAfter), bytes.Compare(a.Raw, b.Raw)) > 0
}
