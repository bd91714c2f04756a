package certs_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
)

var template = certs.Template{Subject: pkix.Name{CommonName: "my client", Organization: []string{"Sykehuset Østfold"}}}

// opensslNames are what openssl calls the signature of each algorithm.
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

// keyFor makes a key, or gives the one RSA key of the tests another algorithm.
func keyFor(t *testing.T, alg keys.Algorithm) *keys.Key {
	t.Helper()
	if strings.HasPrefix(string(alg), "RS") || strings.HasPrefix(string(alg), "PS") {
		key, err := signingKeys()["RS512"].With(keys.Options{Algorithm: alg})
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

			pem := file(t, certs.PEM(key.Certificates()))
			text := tool(t, "openssl", "x509", "-in", pem, "-noout", "-text")
			assert.Contains(t, text, "Signature Algorithm: "+name)
			assert.Contains(t, text, "CN = my client")
			assert.Contains(t, text, "Digital Signature")
			assert.Contains(t, text, "TLS Web Client Authentication")
			tool(t, "openssl", "verify", "-check_ss_sig", "-x509_strict", "-purpose", "sslclient", "-CAfile", pem, pem)
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
			text := tool(t, "openssl", "req", "-in", file(t, request), "-verify", "-noout", "-text")
			assert.Contains(t, text, "verify OK")
			assert.Contains(t, text, "Signature Algorithm: "+name)
			assert.Contains(t, text, "DNS:client.example.no")

			public := tool(t, "openssl", "req", "-in", file(t, request), "-noout", "-pubkey")
			assert.Equal(t, string(key.PublicKey().PEM()), public)
		})
	}
}

func TestValidityIsInMonthsFromNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the clock stands at 2000-01-01
		for months, end := range map[int]time.Time{
			0:  time.Date(2002, 1, 1, 0, 0, 0, 0, time.UTC),
			1:  time.Date(2000, 2, 1, 0, 0, 0, 0, time.UTC),
			30: time.Date(2002, 7, 1, 0, 0, 0, 0, time.UTC),
		} {
			key, err := certs.SelfSign(t.Context(), client(t), certs.Template{Subject: template.Subject, Months: months})
			require.NoError(t, err)
			c := key.Certificates()[0]
			assert.Equal(t, end, c.NotAfter)
			assert.Equal(t, time.Date(1999, 12, 31, 23, 55, 0, 0, time.UTC), c.NotBefore, "for clocks that are behind")
		}
	})
}

func TestZeroKeysAreRefused(t *testing.T) {
	_, err := certs.SelfSign(t.Context(), new(keys.Key), template)
	require.ErrorIs(t, err, keys.ErrNoPrivateKey)
	_, err = certs.Request(t.Context(), new(keys.Key), template)
	require.ErrorIs(t, err, keys.ErrNoPrivateKey)
	_, err = certs.Attach(new(keys.Key), client(t).Certificates())
	require.ErrorIs(t, err, certs.ErrMismatch)
	_, err = certs.TLS(new(keys.Key))
	require.ErrorIs(t, err, certs.ErrNoCertificate)
}

func TestTemplatesAreRefused(t *testing.T) {
	for rule, c := range map[string]struct {
		cn     string
		months int
		want   error
	}{
		"no common name":         {"", 0, keys.ErrMalformed},
		"common name not UTF-8":  {"\xff", 0, keys.ErrMalformed},
		"common name too long":   {strings.Repeat("ø", 65), 0, keys.ErrTooLarge},
		"negative validity":      {"cn", -1, keys.ErrUnsupported},
		"validity of a lifetime": {"cn", 1201, keys.ErrUnsupported},
	} {
		t.Run(rule, func(t *testing.T) {
			bad := certs.Template{Subject: pkix.Name{CommonName: c.cn}, Months: c.months}
			_, err := certs.SelfSign(t.Context(), client(t), bad)
			require.ErrorIs(t, err, c.want)
			_, err = certs.Request(t.Context(), client(t), bad)
			require.ErrorIs(t, err, c.want)
		})
	}
	_, err := certs.Request(t.Context(), client(t), certs.Template{Subject: pkix.Name{CommonName: strings.Repeat("ø", 64)}})
	require.NoError(t, err, "64 characters, whatever their bytes")
}

// device is a key that does not leave its place, as in an HSM or KMS.
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

func TestDeviceKeysSignButDoNotLeave(t *testing.T) {
	var calls int
	for _, inside := range signingKeys() {
		key, err := keys.New(device{Signer: inside.Signer(), calls: &calls}, keys.Options{})
		require.NoError(t, err)
		ctx := context.WithValue(t.Context(), traceKey{}, "trace")
		key, err = certs.SelfSign(ctx, key, template)
		require.NoError(t, err)
		_, err = certs.Request(ctx, key, template)
		require.NoError(t, err)
		_, err = certs.TLS(key)
		require.NoError(t, err)
		for format, marshal := range writers {
			_, err = marshal(key, alias, password)
			require.ErrorIs(t, err, keys.ErrNoPrivateKey, format)
		}
	}
	assert.Equal(t, 6, calls, "one signature for each certificate and request")
}

func TestFailuresOfADeviceAreHandedOnUnseen(t *testing.T) {
	rejected := errors.New("rejected pin 123456")
	key, err := keys.New(device{Signer: client(t).Signer(), err: rejected}, keys.Options{})
	require.NoError(t, err)
	_, selfSign := certs.SelfSign(t.Context(), key, template)
	_, request := certs.Request(t.Context(), key, template)
	for _, err := range []error{selfSign, request} {
		require.ErrorIs(t, err, rejected)
		require.ErrorIs(t, err, keys.ErrSigner)
		require.EqualError(t, err, "certs: signer failed: it returned an error")
		keystest.Hides(t, err, []byte(rejected.Error()))
	}

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = certs.SelfSign(cancelled, client(t), template)
	require.ErrorIs(t, err, context.Canceled)
}

// A certificate authority (openssl) answers a request; the answer and the
// authorities above it come back in an order of their own.
func TestAnswerOfAnAuthorityIsAttached(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	key := signingKeys()["ES256"]
	request, err := certs.Request(t.Context(), key, template)
	require.NoError(t, err)
	tool(t, "openssl", "req", "-x509", "-newkey", "ed25519", "-noenc", "-keyout", in("root.key"), "-out", in("root.pem"), "-subj", "/CN=root")
	tool(t, "openssl", "x509", "-req", "-in", file(t, request), "-CA", in("root.pem"), "-CAkey", in("root.key"), "-out", in("leaf.pem"), "-days", "30")

	pool, err := certs.ParsePEM(append(append(testdata(t, "ca.pem"), read(t, in("root.pem"))...), read(t, in("leaf.pem"))...))
	require.NoError(t, err)
	got, err := certs.Attach(key, pool)
	require.NoError(t, err)
	require.Len(t, got.Certificates(), 2, "leaf and root, without the stranger")
	assert.Equal(t, "my client", got.Certificates()[0].Subject.CommonName)
	assert.Equal(t, "root", got.Certificates()[1].Subject.CommonName)
	require.NoError(t, got.Certificates()[0].CheckSignatureFrom(got.Certificates()[1]))
}

func TestAttachRefuses(t *testing.T) {
	key, other := signingKeys()["ES256"], signingKeys()["EdDSA"]
	renewed, err := certs.SelfSign(t.Context(), key, template)
	require.NoError(t, err)
	for rule, c := range map[string]struct {
		pool []*x509.Certificate
		want error
	}{
		"none":                                {nil, certs.ErrNoCertificate},
		"the certificate of another key":      {other.Certificates(), certs.ErrMismatch},
		"a certificate that is nil":           {append(key.Certificates(), nil), keys.ErrMalformed},
		"two certificates of the key":         {append(key.Certificates(), renewed.Certificates()...), keys.ErrAmbiguous},
		"but takes one certificate twice":     {append(key.Certificates(), key.Certificates()...), nil},
		"but takes strangers besides its own": {append(other.Certificates(), key.Certificates()...), nil},
	} {
		t.Run(rule, func(t *testing.T) {
			got, err := certs.Attach(key, c.pool)
			require.ErrorIs(t, err, c.want)
			if c.want == nil {
				assert.Equal(t, key.Certificates(), got.Certificates())
			}
		})
	}
}

// certify makes a certificate that issuer has signed for the holder; both sides
// carry key identifiers.
func certify(t *testing.T, subject string, holder *keys.Key, issuer string, signer *keys.Key) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{Subject: pkix.Name{CommonName: subject}, SubjectKeyId: []byte(holder.Thumbprint()), NotAfter: time.Now().Add(time.Hour)}
	parent := &x509.Certificate{Subject: pkix.Name{CommonName: issuer}, SubjectKeyId: []byte(signer.Thumbprint())}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, holder.PublicKey().Public(), signer.Signer())
	require.NoError(t, err)
	c, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return c
}

// A renewed authority keeps its name: the key identifier tells which of the two
// has signed.
func TestAttachTellsAuthoritiesOfOneNameApart(t *testing.T) {
	key, old, renewed := client(t), signingKeys()["ES256"], signingKeys()["EdDSA"]
	leaf := certify(t, "client", key, "root", renewed)
	before, after := certify(t, "root", old, "root", old), certify(t, "root", renewed, "root", renewed)
	for _, pool := range [][]*x509.Certificate{{leaf, before, after}, {after, before, leaf}} {
		got, err := certs.Attach(key, pool)
		require.NoError(t, err)
		assert.Equal(t, []*x509.Certificate{leaf, after}, got.Certificates())
	}
}

// Two authorities that certified each other stand above the client: the way
// upwards has no end.
func TestAttachStopsWhereAuthoritiesCertifiedEachOther(t *testing.T) {
	key, one, two := client(t), signingKeys()["ES256"], signingKeys()["EdDSA"]
	leaf := certify(t, "client", key, "one", one)
	oneByTwo, twoByOne := certify(t, "one", one, "two", two), certify(t, "two", two, "one", one)
	for _, pool := range [][]*x509.Certificate{{twoByOne, oneByTwo, leaf}, {leaf, oneByTwo, twoByOne}} {
		got, err := certs.Attach(key, pool)
		require.NoError(t, err)
		assert.Equal(t, []*x509.Certificate{leaf, oneByTwo, twoByOne}, got.Certificates())
	}
	got, err := certs.Attach(one, []*x509.Certificate{twoByOne, oneByTwo})
	require.NoError(t, err)
	assert.Equal(t, []*x509.Certificate{oneByTwo, twoByOne}, got.Certificates())
}

func TestParsePEMRefuses(t *testing.T) {
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{0x30, 0}})
	for rule, c := range map[string]struct {
		data []byte
		want error
	}{
		"no certificate":     {testdata(t, "client.pub"), certs.ErrNoCertificate},
		"broken certificate": {broken, keys.ErrMalformed},
		"over 1 MiB":         {make([]byte, 1<<20+1), keys.ErrTooLarge},
	} {
		t.Run(rule, func(t *testing.T) {
			_, err := certs.ParsePEM(c.data)
			require.ErrorIs(t, err, c.want)
		})
	}
}
