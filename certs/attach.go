package certs

import (
	"crypto/x509"
	"slices"

	"github.com/nokkel/nokkel/internal/certpool"
	"github.com/nokkel/nokkel/keys"
)

// Attach returns a copy of the key with those of the certificates that lead
// from it upwards, leaf first: what a certificate authority answers to a
// [Request] goes in here, in whatever order it came. It fails with
// [ErrMismatch] when no certificate is for the key, and with
// [keys.ErrAmbiguous] when several are.
func Attach(key *keys.Key, certificates []*x509.Certificate) (*keys.Key, error) {
	if slices.Contains(certificates, nil) {
		return nil, refuse(keys.ErrMalformed, "a certificate is nil")
	}
	chain, err := certpool.New(certificates).Chain(key.PublicKey().Public())
	if err != nil {
		return nil, refuse(err, "")
	}
	return key.With(keys.Options{Certificates: chain})
}
