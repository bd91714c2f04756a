package certs

import (
	"crypto/x509"
	"slices"

	"github.com/nokkel/nokkel/internal/certpool"
	"github.com/nokkel/nokkel/keys"
)

// Attach returns a copy of the key with its certificate chain, leaf first,
// picked from the certificates in any order: those that a certificate
// authority returned for a [Request]. Certificates that do not belong to the
// chain are ignored; of an authority that was renewed with its key, the one
// that is valid the longest is taken. It fails with [ErrMismatch] if none is
// for the key, and with [keys.ErrAmbiguous] if several are.
func Attach(key *keys.Key, certificates []*x509.Certificate) (*keys.Key, error) {
	if slices.Contains(certificates, nil) {
		return nil, refuse(keys.ErrMalformed, "a certificate is nil")
	}
	chain, err := certpool.New(certificates).Chain(key.PublicKey().Public(), nil)
	if err != nil {
		return nil, refuse(err, "")
	}
	return key.With(keys.Options{Certificates: chain})
}
