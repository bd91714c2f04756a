package certs

import (
	"crypto/tls"

	"github.com/nokkel/nokkel/keys"
)

// TLS returns the key and its chain for mutual TLS (RFC 8705 §2). A key
// without a certificate is refused with [ErrNoCertificate].
func TLS(key *keys.Key) (tls.Certificate, error) {
	if key == nil { // a panic in a handshake would end the program
		return tls.Certificate{}, refuse(keys.ErrNoPrivateKey, "no key")
	}
	chain := key.Certificates()
	if len(chain) == 0 {
		return tls.Certificate{}, refuse(ErrNoCertificate, "the key has none")
	}
	c := tls.Certificate{PrivateKey: key.Signer(), Leaf: chain[0]}
	for _, x := range chain {
		c.Certificate = append(c.Certificate, x.Raw)
	}
	return c, nil
}

// ClientCertificate returns a function for GetClientCertificate of a
// tls.Config. Each handshake presents the key that the source returns at that
// time, so that mutual TLS follows a rotation.
func ClientCertificate(source keys.Source) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		key, err := source.SigningKey(info.Context())
		if err != nil {
			return nil, err
		}
		c, err := TLS(key)
		return &c, err
	}
}
