package certs_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/internal/certstest"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// longChain returns n certificates, each issued by the next.
func longChain(t testing.TB, n int) (leaf *keys.Key, chain []*x509.Certificate) {
	t.Helper()
	leaf = keystest.Key(t, keys.ES256)
	pub := leaf.PublicKey().Public()
	for i := range n {
		authority := keystest.Key(t, keys.EdDSA)
		c := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i) + 1), Subject: pkix.Name{CommonName: fmt.Sprint(i)},
			NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
		}
		parent := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: fmt.Sprint(i + 1)}}
		der, err := x509.CreateCertificate(nil, c, parent, pub, authority.Signer())
		require.NoError(t, err)
		c, err = x509.ParseCertificate(der)
		require.NoError(t, err)
		chain = append(chain, c)
		pub = authority.PublicKey().Public()
	}
	return leaf, chain
}

// Duplicates of certificates are ignored.
func TestAttachLongChain(t *testing.T) {
	leaf, chain := longChain(t, 100)
	var twice []*x509.Certificate
	for _, c := range slices.Backward(chain) {
		again, err := x509.ParseCertificate(c.Raw)
		require.NoError(t, err)
		twice = append(twice, again, c)
	}
	key, err := certs.Attach(leaf, twice)
	require.NoError(t, err)
	require.Len(t, key.Certificates(), len(chain))
	for i, c := range key.Certificates() {
		require.True(t, c.Equal(chain[i]))
	}
}

// openssl issues a certificate for a request. The pool is not in order and holds
// another certificate.
func TestAttachIssuedCertificate(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	key := certstest.Keys()["ES256"]
	request, err := certs.Request(t.Context(), key, template)
	require.NoError(t, err)
	certstest.Tool(t, "openssl", "req", "-x509", "-newkey", "ed25519", "-noenc", "-keyout", in("root.key"), "-out", in("root.pem"), "-subj", "/CN=root")
	certstest.Tool(t, "openssl", "x509", "-req", "-in", certstest.File(t, request), "-CA", in("root.pem"), "-CAkey", in("root.key"), "-out", in("leaf.pem"), "-days", "30")

	pool, err := certs.Parse(append(append(certstest.Read(t, "testdata/ca.pem"), certstest.Read(t, in("root.pem"))...), certstest.Read(t, in("leaf.pem"))...))
	require.NoError(t, err)
	got, err := certs.Attach(key, pool)
	require.NoError(t, err)
	require.Len(t, got.Certificates(), 2, "leaf and root only")
	assert.Equal(t, "my client", got.Certificates()[0].Subject.CommonName)
	assert.Equal(t, "root", got.Certificates()[1].Subject.CommonName)
	require.NoError(t, got.Certificates()[0].CheckSignatureFrom(got.Certificates()[1]))
}

func TestAttach(t *testing.T) {
	key, other := certstest.Keys()["ES256"], certstest.Keys()["EdDSA"]
	renewed, err := certs.SelfSign(t.Context(), key, template)
	require.NoError(t, err)
	for rule, c := range map[string]struct {
		pool []*x509.Certificate
		want error
	}{
		"none":                             {nil, certs.ErrNoCertificate},
		"the certificate of another key":   {other.Certificates(), certs.ErrMismatch},
		"a certificate that is nil":        {append(key.Certificates(), nil), keys.ErrMalformed},
		"two certificates of the key":      {append(key.Certificates(), renewed.Certificates()...), keys.ErrAmbiguous},
		"one certificate twice, accepted":  {append(key.Certificates(), key.Certificates()...), nil},
		"other certificates too, accepted": {append(other.Certificates(), key.Certificates()...), nil},
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

// certify issues a certificate for holder, with key identifiers on both sides.
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

// An authority keeps its name when it gets a new key. The key identifier shows
// which key signed.
func TestAttachAuthoritiesOfTheSameName(t *testing.T) {
	key, old, renewed := certstest.Client(t, "testdata"), certstest.Keys()["ES256"], certstest.Keys()["EdDSA"]
	leaf := certify(t, "client", key, "root", renewed)
	before, after := certify(t, "root", old, "root", old), certify(t, "root", renewed, "root", renewed)
	for _, pool := range [][]*x509.Certificate{{leaf, before, after}, {after, before, leaf}} {
		got, err := certs.Attach(key, pool)
		require.NoError(t, err)
		assert.Equal(t, []*x509.Certificate{leaf, after}, got.Certificates())
	}
}

// An authority can be renewed with its key. The expired certificate would fail
// every verification, and so would one that is not valid yet.
func TestAttachRenewedAuthority(t *testing.T) {
	key, authority, root := certstest.Client(t, "testdata"), certstest.Keys()["ES256"], certstest.Keys()["EdDSA"]
	leaf := certify(t, "client", key, "authority", authority)
	valid := func(from, to time.Duration) *x509.Certificate {
		c := &x509.Certificate{Subject: pkix.Name{CommonName: "authority"}, SubjectKeyId: []byte(authority.Thumbprint()), NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to)}
		parent := &x509.Certificate{Subject: pkix.Name{CommonName: "root"}}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, authority.PublicKey().Public(), root.Signer())
		require.NoError(t, err)
		c, err = x509.ParseCertificate(der)
		require.NoError(t, err)
		return c
	}
	expired, renewed, next := valid(-48*time.Hour, -time.Hour), valid(-2*time.Hour, time.Hour), valid(24*time.Hour, 48*time.Hour)
	for _, pool := range [][]*x509.Certificate{{leaf, expired, renewed, next}, {next, renewed, expired, leaf}} {
		got, err := certs.Attach(key, pool)
		require.NoError(t, err)
		assert.Equal(t, []*x509.Certificate{leaf, renewed}, got.Certificates())
	}
	twin := valid(-2*time.Hour, time.Hour)
	one, err := certs.Attach(key, []*x509.Certificate{leaf, renewed, twin})
	require.NoError(t, err)
	other, err := certs.Attach(key, []*x509.Certificate{twin, renewed, leaf})
	require.NoError(t, err)
	assert.Equal(t, one.Certificates(), other.Certificates())
}

// Two authorities certified each other, so the chain has no root.
func TestAttachCrossCertifiedAuthorities(t *testing.T) {
	key, one, two := certstest.Client(t, "testdata"), certstest.Keys()["ES256"], certstest.Keys()["EdDSA"]
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
