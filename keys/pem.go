package keys

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
)

// readPEM calls f for every block of the text. Text around the blocks is
// ignored (RFC 7468 §2); a block that does not decode is not, since the key
// that was meant may be in it.
func readPEM(text []byte, f func(*pem.Block) error) error {
	blocks := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if err := f(block); err != nil {
			return err
		}
		blocks++
	}
	if blocks != bytes.Count(text, []byte("-----BEGIN ")) {
		return refuse(ErrMalformed, "a PEM block is damaged")
	}
	return nil
}

// parsePEM reads the one private key of a PEM text, and its certificates.
func parsePEM(text []byte, o Options) (*Key, error) {
	var (
		signer crypto.Signer
		certs  []*x509.Certificate
	)
	err := readPEM(text, func(block *pem.Block) (err error) {
		switch {
		case block.Type == "CERTIFICATE":
			certs, err = appendPEMCertificate(certs, block)
			return err
		case !strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return nil // EC PARAMETERS, PUBLIC KEY and the like
		case signer != nil:
			return refuse(ErrAmbiguous, "the PEM text holds several private keys")
		}
		signer, err = signerFromPEM(block)
		return err
	})
	if err != nil {
		return nil, err
	}
	if signer == nil {
		return nil, refuse(ErrNoPrivateKey, "the PEM text holds none")
	}
	if o.Certificates == nil {
		mine := func(c *x509.Certificate) bool { return samePublic(c.PublicKey, signer.Public()) }
		o.Certificates = chainFrom(slices.IndexFunc(certs, mine), certs)
	}
	return New(signer, o)
}

func signerFromPEM(block *pem.Block) (crypto.Signer, error) {
	switch block.Type {
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" || block.Headers["Proc-Type"] != "" {
			return nil, refuse(ErrUnsupported, "encrypted PEM")
		}
		return signerFromDER(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, refuse(ErrUnsupported, "encrypted PEM")
	}
	return nil, refuse(ErrUnsupported, "private key in a PEM form other than PKCS#8, PKCS#1 or SEC 1")
}

// parsePublicPEM reads the one public key, or the certificates, of a PEM text.
func parsePublicPEM(text []byte, o Options) (*PublicKey, error) {
	var (
		public crypto.PublicKey
		certs  []*x509.Certificate
	)
	err := readPEM(text, func(block *pem.Block) (err error) {
		var k crypto.PublicKey
		switch {
		case block.Type == "CERTIFICATE":
			certs, err = appendPEMCertificate(certs, block)
			return err
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return refuse(ErrPrivateKey, "the PEM text holds a private key")
		case block.Type == "PUBLIC KEY":
			k, err = publicFromDER(block.Bytes)
		case block.Type == "RSA PUBLIC KEY":
			if k, err = x509.ParsePKCS1PublicKey(block.Bytes); err != nil {
				err = refuse(ErrMalformed, "not a PKCS#1 public key")
			}
		default:
			return nil
		}
		if err == nil && public != nil {
			err = refuse(ErrAmbiguous, "the PEM text holds several public keys")
		}
		public = k
		return err
	})
	if err != nil {
		return nil, err
	}
	isLeaf := func(c *x509.Certificate) bool { return !issuedAny(c, certs) }
	if public != nil {
		isLeaf = func(c *x509.Certificate) bool { return samePublic(c.PublicKey, public) }
	}
	leaf := slices.IndexFunc(certs, isLeaf)
	switch {
	case public != nil:
	case len(certs) == 0:
		return nil, refuse(ErrMalformed, "no public key in the PEM text")
	case leaf < 0, leaf > 0 && slices.ContainsFunc(certs[leaf+1:], isLeaf): // the first is the leaf by custom
		return nil, refuse(ErrAmbiguous, "certificates of several keys")
	default:
		public = certs[leaf].PublicKey
	}
	if o.Certificates == nil {
		o.Certificates = chainFrom(leaf, certs)
	}
	return NewPublicKey(public, o)
}

// chainFrom returns the certificates as they are if the leaf comes first. A PEM
// text may have them in any order: then it returns the leaf, its issuer, and so
// on (RFC 7517 §4.7).
func chainFrom(leaf int, certs []*x509.Certificate) []*x509.Certificate {
	if leaf <= 0 {
		return certs
	}
	var chain []*x509.Certificate
	for i := leaf; i >= 0 && !slices.Contains(chain, certs[i]); {
		chain = append(chain, certs[i])
		i = slices.IndexFunc(certs, func(up *x509.Certificate) bool { return issued(up, chain[len(chain)-1]) })
	}
	return chain
}

func issuedAny(c *x509.Certificate, certs []*x509.Certificate) bool {
	return slices.ContainsFunc(certs, func(other *x509.Certificate) bool { return issued(c, other) })
}

// issued reports whether up issued c, by their names and key identifiers. Nobody
// issued a self-signed one.
func issued(up, c *x509.Certificate) bool {
	return !bytes.Equal(c.RawSubject, c.RawIssuer) && bytes.Equal(up.RawSubject, c.RawIssuer) &&
		(len(up.SubjectKeyId) == 0 || len(c.AuthorityKeyId) == 0 || bytes.Equal(up.SubjectKeyId, c.AuthorityKeyId))
}

func appendPEMCertificate(certs []*x509.Certificate, block *pem.Block) ([]*x509.Certificate, error) {
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, refuse(ErrMalformed, "certificate")
	}
	return append(certs, c), nil
}

// PrivatePEM returns the private key as PKCS#8 PEM (RFC 5208, RFC 7468): the
// secret itself, without kid and algorithm: an RSA key that is read back is
// RS256 unless its Options name another. A key that lives in an HSM or KMS has
// none: [ErrNoPrivateKey].
func (k *Key) PrivatePEM() ([]byte, error) {
	signer := k.Signer()
	if signer == nil || k.foreign {
		return nil, refuse(ErrNoPrivateKey, noExport)
	}
	der, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		return nil, refuse(ErrInconsistent, "the private key does not encode")
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// PEM returns the public key as SubjectPublicKeyInfo PEM (RFC 7468 §13); nil
// for the zero PublicKey.
func (p *PublicKey) PEM() []byte {
	if p.key == nil {
		return nil
	}
	der, _ := x509.MarshalPKIXPublicKey(p.key) // its type was checked when p was made
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}
