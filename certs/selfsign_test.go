package certs_test

import (
	"context"
	"crypto"
	"crypto/x509/pkix"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/internal/certstest"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
)

var template = certs.Template{Subject: pkix.Name{CommonName: "my client", Organization: []string{"Sykehuset Østfold"}}}

// opensslNames are openssl's names of the signature algorithms.
var opensslNames = map[keys.Algorithm]string{
	keys.RS256:   "sha256WithRSAEncryption",
	keys.RS384:   "sha384WithRSAEncryption",
	keys.RS512:   "sha512WithRSAEncryption",
	keys.PS256:   "rsassaPss",
	keys.PS384:   "rsassaPss",
	keys.PS512:   "rsassaPss",
	keys.ES256:   "ecdsa-with-SHA256",
	keys.ES384:   "ecdsa-with-SHA384",
	keys.ES512:   "ecdsa-with-SHA512",
	keys.EdDSA:   "ED25519",
	keys.Ed25519: "ED25519",
}

// keyFor returns a key for alg. All RSA keys have the same material.
func keyFor(t *testing.T, alg keys.Algorithm) *keys.Key {
	t.Helper()
	if strings.HasPrefix(string(alg), "RS") || strings.HasPrefix(string(alg), "PS") {
		key, err := certstest.Keys()["RS512"].With(keys.Options{Algorithm: alg})
		require.NoError(t, err)
		return key
	}
	key, err := keys.Generate(alg)
	require.NoError(t, err)
	return key
}

func TestSelfSignedCertificatesPassOpenSSL(t *testing.T) {
	for alg, name := range opensslNames {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			key, err := certs.SelfSign(t.Context(), keyFor(t, alg), template)
			require.NoError(t, err)
			require.Len(t, key.Certificates(), 1)
			assert.Equal(t, alg, key.Algorithm())

			pem := certstest.File(t, certs.PEM(key.Certificates()))
			text := certstest.Tool(t, "openssl", "x509", "-in", pem, "-noout", "-text")
			assert.Contains(t, text, "Signature Algorithm: "+name)
			assert.Contains(t, text, "CN = my client")
			assert.Contains(t, text, "Digital Signature")
			assert.Contains(t, text, "TLS Web Client Authentication")
			certstest.Tool(t, "openssl", "verify", "-check_ss_sig", "-x509_strict", "-purpose", "sslclient", "-CAfile", pem, pem)
		})
	}
}

func TestRequestsPassOpenSSL(t *testing.T) {
	for alg, name := range opensslNames {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			key := keyFor(t, alg)
			request, err := certs.Request(t.Context(), key, certs.Template{Subject: template.Subject, DNSNames: []string{"client.example.no"}})
			require.NoError(t, err)
			text := certstest.Tool(t, "openssl", "req", "-in", certstest.File(t, request), "-verify", "-noout", "-text")
			assert.Contains(t, text, "verify OK")
			assert.Contains(t, text, "Signature Algorithm: "+name)
			assert.Contains(t, text, "DNS:client.example.no")

			public := certstest.Tool(t, "openssl", "req", "-in", certstest.File(t, request), "-noout", "-pubkey")
			assert.Equal(t, string(key.PublicKey().PEM()), public)
		})
	}
}

func TestValidity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // starts at 2000-01-01
		for months, end := range map[int]time.Time{
			0:  time.Date(2002, 1, 1, 0, 0, 0, 0, time.UTC),
			1:  time.Date(2000, 2, 1, 0, 0, 0, 0, time.UTC),
			30: time.Date(2002, 7, 1, 0, 0, 0, 0, time.UTC),
		} {
			key, err := certs.SelfSign(t.Context(), certstest.Client(t, "testdata"), certs.Template{Subject: template.Subject, Months: months})
			require.NoError(t, err)
			c := key.Certificates()[0]
			assert.Equal(t, end, c.NotAfter)
			assert.Equal(t, time.Date(1999, 12, 31, 23, 55, 0, 0, time.UTC), c.NotBefore, "for verifiers whose clocks are behind")
		}
	})
}

func TestZeroKeysAreRefused(t *testing.T) {
	_, err := certs.SelfSign(t.Context(), new(keys.Key), template)
	require.ErrorIs(t, err, keys.ErrNoPrivateKey)
	_, err = certs.Request(t.Context(), new(keys.Key), template)
	require.ErrorIs(t, err, keys.ErrNoPrivateKey)
	_, err = certs.Attach(new(keys.Key), certstest.Client(t, "testdata").Certificates())
	require.ErrorIs(t, err, certs.ErrMismatch)
	_, err = certs.TLS(new(keys.Key))
	require.ErrorIs(t, err, certs.ErrNoCertificate)
}

func TestTemplateErrors(t *testing.T) {
	for rule, c := range map[string]struct {
		cn     string
		months int
		want   error
	}{
		"no common name":          {"", 0, keys.ErrMalformed},
		"common name not UTF-8":   {"\xff", 0, keys.ErrMalformed},
		"common name too long":    {strings.Repeat("ø", 65), 0, keys.ErrTooLarge},
		"negative validity":       {"cn", -1, keys.ErrUnsupported},
		"validity over 100 years": {"cn", 1201, keys.ErrUnsupported},
	} {
		t.Run(rule, func(t *testing.T) {
			bad := certs.Template{Subject: pkix.Name{CommonName: c.cn}, Months: c.months}
			_, err := certs.SelfSign(t.Context(), certstest.Client(t, "testdata"), bad)
			require.ErrorIs(t, err, c.want)
			_, err = certs.Request(t.Context(), certstest.Client(t, "testdata"), bad)
			require.ErrorIs(t, err, c.want)
		})
	}
	_, err := certs.Request(t.Context(), certstest.Client(t, "testdata"), certs.Template{Subject: pkix.Name{CommonName: strings.Repeat("ø", 64)}})
	require.NoError(t, err, "64 characters in 128 bytes")
}

// device is a key that cannot be exported, as in an HSM or KMS.
type device struct {
	crypto.Signer
	calls *int
	err   error
}

type traceKey struct{}

func (d device) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("called without a context")
}

func (d device) SignContext(ctx context.Context, rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if d.err != nil {
		return nil, d.err
	}
	if ctx.Value(traceKey{}) != "trace" {
		return nil, errors.New("called with another context")
	}
	*d.calls++
	return d.Signer.Sign(rand, digest, opts)
}

func TestDeviceKeysSign(t *testing.T) {
	var calls int
	for _, inside := range certstest.Keys() {
		key, err := keys.New(device{Signer: inside.Signer(), calls: &calls}, keys.Options{})
		require.NoError(t, err)
		ctx := context.WithValue(t.Context(), traceKey{}, "trace")
		key, err = certs.SelfSign(ctx, key, template)
		require.NoError(t, err)
		_, err = certs.Request(ctx, key, template)
		require.NoError(t, err)
		_, err = certs.TLS(key)
		require.NoError(t, err)
	}
	assert.Equal(t, 6, calls, "one signature for each certificate and request")
}

func TestDeviceErrorsAreWrappedButNotPrinted(t *testing.T) {
	rejected := errors.New("rejected pin 123456")
	key, err := keys.New(device{Signer: certstest.Client(t, "testdata").Signer(), err: rejected}, keys.Options{})
	require.NoError(t, err)
	_, selfSign := certs.SelfSign(t.Context(), key, template)
	_, request := certs.Request(t.Context(), key, template)
	for _, err := range []error{selfSign, request} {
		require.ErrorIs(t, err, rejected)
		require.ErrorIs(t, err, keys.ErrSigner)
		require.EqualError(t, err, "certs: signer failed: it returned an error")
		keystest.Redacted(t, err, []byte(rejected.Error()))
	}

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = certs.SelfSign(cancelled, certstest.Client(t, "testdata"), template)
	require.ErrorIs(t, err, context.Canceled)
}
