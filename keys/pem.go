package keys

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
)

// parsePEM reads the one private key of a PEM text, and its certificates.
func parsePEM(data []byte, o Options) (*Key, error) {
	var (
		signer crypto.Signer
		certs  []*x509.Certificate
	)
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
			if block.Headers["DEK-Info"] != "" {
				return nil, refuse(ErrUnsupported, "encrypted PEM")
			}
			s, err := signerFromDER(block.Bytes)
			if err != nil {
				return nil, err
			}
			if signer != nil {
				return nil, refuse(ErrAmbiguous, "the PEM text holds several private keys")
			}
			signer = s
		case "CERTIFICATE":
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, refuse(ErrMalformed, "certificate")
			}
			certs = append(certs, c)
		case "ENCRYPTED PRIVATE KEY":
			return nil, refuse(ErrUnsupported, "encrypted PEM")
		}
	}
	if signer == nil {
		return nil, refuse(ErrNoPrivateKey, "the PEM text holds none")
	}
	if o.Certificates == nil {
		o.Certificates = certs
	}
	return New(signer, o)
}

func parseDER(data []byte, o Options) (*Key, error) {
	signer, err := signerFromDER(data)
	if err != nil {
		return nil, err
	}
	return New(signer, o)
}

// signerFromDER reads PKCS#8, PKCS#1 or SEC 1. A wrong label over right bytes
// is common enough to be no error.
func signerFromDER(der []byte) (crypto.Signer, error) {
	if k, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if s, ok := k.(crypto.Signer); ok {
			return s, nil
		}
		return nil, refuse(ErrUnsupported, "key type")
	}
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return k, nil
	}
	if k, err := x509.ParseECPrivateKey(der); err == nil {
		return k, nil
	}
	return nil, refuse(ErrMalformed, "neither PKCS#8, PKCS#1 nor SEC 1, or a key with parts that do not belong together")
}

// parsePublicPEM reads the one public key, or the certificates, of a PEM text.
func parsePublicPEM(data []byte, o Options) (*PublicKey, error) {
	var (
		public crypto.PublicKey
		certs  []*x509.Certificate
	)
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		var k crypto.PublicKey
		var err error
		switch block.Type {
		case "PUBLIC KEY":
			k, err = x509.ParsePKIXPublicKey(block.Bytes)
		case "RSA PUBLIC KEY":
			k, err = x509.ParsePKCS1PublicKey(block.Bytes)
		case "CERTIFICATE":
			var c *x509.Certificate
			if c, err = x509.ParseCertificate(block.Bytes); err == nil {
				certs = append(certs, c)
				continue
			}
		case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY":
			return nil, refuse(ErrPrivateKey, "the PEM text holds a private key")
		default:
			continue
		}
		if err != nil {
			return nil, refuse(ErrMalformed, "a PEM block is not what its label says")
		}
		if public != nil {
			return nil, refuse(ErrAmbiguous, "the PEM text holds several public keys")
		}
		public = k
	}
	if public == nil && len(certs) > 0 {
		public = certs[0].PublicKey
	}
	if public == nil {
		return nil, refuse(ErrMalformed, "no public key in the PEM text")
	}
	if o.Certificates == nil {
		o.Certificates = certs
	}
	return NewPublicKey(public, o)
}

// PrivatePEM returns the private key as PKCS#8 PEM (RFC 5208, RFC 7468): the
// secret itself. A key that lives in an HSM or KMS has none: [ErrNoPrivateKey].
func (k *Key) PrivatePEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.signer)
	if err != nil {
		return nil, refuse(ErrNoPrivateKey, "the key does not leave its device")
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// PEM returns the public key as SubjectPublicKeyInfo PEM (RFC 7468 §13).
func (p *PublicKey) PEM() []byte {
	der, _ := x509.MarshalPKIXPublicKey(p.key) // its type was checked when p was made
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}
