package certs

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/nokkel/nokkel/keys"
)

// Template says what a certificate or a request states about its holder.
type Template struct {
	Subject  pkix.Name // CommonName is required, 64 characters at most (RFC 5280 appendix A.1)
	DNSNames []string  // subject alternative names; a client seldom has any
	Months   int       // validity of a self-signed certificate from now, up to 1200; zero: 24
}

const (
	defaultMonths = 24
	maxMonths     = 1200
	maxCommonName = 64

	// backdate makes a fresh certificate valid for servers whose clock is a
	// little behind.
	backdate = 5 * time.Minute
)

func (t Template) months() int {
	if t.Months == 0 {
		return defaultMonths
	}
	return t.Months
}

func (t Template) check() error {
	switch cn := t.Subject.CommonName; {
	case cn == "":
		return refuse(keys.ErrMalformed, "subject without a common name")
	case !utf8.ValidString(cn):
		return refuse(keys.ErrMalformed, "common name is not UTF-8")
	case utf8.RuneCountInString(cn) > maxCommonName:
		return refuse(keys.ErrTooLarge, "common name over 64 characters")
	case t.months() < 1 || t.months() > maxMonths:
		return refuse(keys.ErrUnsupported, "validity must be 1 to 1200 months")
	}
	return nil
}

// SelfSign returns a copy of the key with a new self-signed client
// certificate in place of any it had. The certificate is signed with the
// key's own algorithm: an RS512 key makes a SHA-512 one. The context reaches
// signers that implement [keys.ContextSigner]; their errors are returned as
// [keys.ErrSigner].
func SelfSign(ctx context.Context, key *keys.Key, t Template) (*keys.Key, error) {
	signer, err := t.signer(ctx, key)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:               t.Subject,
		DNSNames:              t.DNSNames,
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.AddDate(0, t.months(), 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		SignatureAlgorithm:    signatureAlgorithm(key.Algorithm()),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		return nil, notMade("certificate", err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, notMade("certificate", err)
	}
	return key.With(keys.Options{Certificates: []*x509.Certificate{c}})
}

// Request returns a certificate request (PKCS#10, RFC 2986) as PEM, signed
// with the key's own algorithm. It ignores Months: the authority decides.
// Pass its answer through [Parse] to [Attach].
func Request(ctx context.Context, key *keys.Key, t Template) ([]byte, error) {
	signer, err := t.signer(ctx, key)
	if err != nil {
		return nil, err
	}
	template := &x509.CertificateRequest{
		Subject:            t.Subject,
		DNSNames:           t.DNSNames,
		SignatureAlgorithm: signatureAlgorithm(key.Algorithm()),
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, signer)
	if err != nil {
		return nil, notMade("request", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}

func signatureAlgorithm(a keys.Algorithm) x509.SignatureAlgorithm {
	switch a {
	case keys.RS256:
		return x509.SHA256WithRSA
	case keys.RS384:
		return x509.SHA384WithRSA
	case keys.RS512:
		return x509.SHA512WithRSA
	case keys.PS256:
		return x509.SHA256WithRSAPSS
	case keys.PS384:
		return x509.SHA384WithRSAPSS
	case keys.PS512:
		return x509.SHA512WithRSAPSS
	case keys.ES256:
		return x509.ECDSAWithSHA256
	case keys.ES384:
		return x509.ECDSAWithSHA384
	case keys.ES512:
		return x509.ECDSAWithSHA512
	case keys.EdDSA, keys.Ed25519:
		return x509.PureEd25519
	}
	return x509.UnknownSignatureAlgorithm
}

// signer returns what signs a certificate or request of the key, once t is
// fit for one.
func (t Template) signer(ctx context.Context, key *keys.Key) (contextSigner, error) {
	s := contextSigner{key.Signer(), ctx}
	if s.Signer == nil {
		return s, refuse(keys.ErrNoPrivateKey, "the zero Key")
	}
	return s, t.check()
}

// notMade gives an error of crypto/x509 the package's prefix, once.
func notMade(what string, err error) error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	return fmt.Errorf("certs: making the %s: %w", what, err)
}

// contextSigner carries the caller's context through crypto/x509, which has
// no place for one, to a signer that waits on a network.
type contextSigner struct {
	crypto.Signer
	ctx context.Context
}

func (s contextSigner) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	var sig []byte
	var err error
	if c, ok := s.Signer.(keys.ContextSigner); ok {
		sig, err = c.SignContext(s.ctx, rand, digest, opts)
	} else {
		sig, err = s.Signer.Sign(rand, digest, opts)
	}
	if err != nil {
		return nil, &Error{Rule: keys.ErrSigner, Detail: "it returned an error", cause: func() error { return err }}
	}
	return sig, nil
}
