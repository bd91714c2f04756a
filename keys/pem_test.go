package keys_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func openssl(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "openssl", name+".pem"))
	require.NoError(t, err)
	return data
}

func certificates(t testing.TB, name string) []*x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(openssl(t, name+"-certificate"))
	c, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return []*x509.Certificate{c}
}

// TestOpenSSLKeys reads every private form that openssl writes, as PEM and DER,
// and compares the public key with the one that openssl derived.
func TestOpenSSLKeys(t *testing.T) {
	for name, c := range map[string]struct {
		public string
		alg    keys.Algorithm
		certs  int
	}{
		"rsa-pkcs8":            {"rsa-public", keys.RS256, 0},
		"rsa-pkcs1":            {"rsa-public-pkcs1", keys.RS256, 0},
		"p256-pkcs8":           {"p256-public", keys.ES256, 0},
		"p256-sec1":            {"p256-public", keys.ES256, 0},
		"p256-sec1-parameters": {"p256-certificate", keys.ES256, 0},
		"p256-compressed":      {"p256-public", keys.ES256, 0},
		"p256-bag-attributes":  {"p256-public", keys.ES256, 1},
		"p384-pkcs8":           {"p384-public", keys.ES384, 0},
		"p384-sec1-parameters": {"p384-public", keys.ES384, 0},
		"p521-pkcs8":           {"p521-public", keys.ES512, 0},
		"p521-sec1-parameters": {"p521-public", keys.ES512, 0},
		"ed25519-pkcs8":        {"ed25519-public", keys.EdDSA, 0},
	} {
		text := openssl(t, name)
		key, err := keys.Parse(text, keys.Options{})
		require.NoError(t, err, name)
		public, err := keys.ParsePublic(openssl(t, c.public), keys.Options{})
		require.NoError(t, err, c.public)
		assert.True(t, public.Equal(key.PublicKey()), name)
		assert.Equal(t, c.alg, key.Algorithm(), name)
		assert.Len(t, key.Certificates(), c.certs, name)
		agreesWithGoJOSE(t, key)

		der := lastBlock(text)
		for _, form := range [][]byte{der, []byte(base64.StdEncoding.EncodeToString(der))} {
			if c.certs == 0 {
				again, err := keys.Parse(form, keys.Options{})
				require.NoError(t, err, name)
				assert.Equal(t, key.Thumbprint(), again.Thumbprint(), name)
				_, err = keys.ParsePublic(form, keys.Options{})
				assert.ErrorIs(t, err, keys.ErrPrivateKey, name)
			}
		}
		written, err := key.PrivatePEM()
		require.NoError(t, err)
		again, err := keys.Parse(written, keys.Options{})
		require.NoError(t, err)
		assert.Equal(t, key.Thumbprint(), again.Thumbprint(), name)
		_, err = keys.ParsePublic(text, keys.Options{})
		assert.ErrorIs(t, err, keys.ErrPrivateKey, name)
	}
	assert.Equal(t, openssl(t, "p256-public"), mustParse(t, openssl(t, "p256-pkcs8")).PublicKey().PEM(), "not byte for byte")
	assert.Equal(t, openssl(t, "ed25519-pkcs8"), mustPEM(t, mustParse(t, openssl(t, "ed25519-pkcs8"))), "not byte for byte")
}

func lastBlock(text []byte) []byte {
	var der []byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		der = block.Bytes
	}
	return der
}

func mustParse(t testing.TB, text []byte) *keys.Key {
	t.Helper()
	key, err := keys.Parse(text, keys.Options{})
	require.NoError(t, err)
	return key
}

func mustPEM(t testing.TB, key *keys.Key) []byte {
	t.Helper()
	text, err := key.PrivatePEM()
	require.NoError(t, err)
	return text
}

func TestPEMPublicForms(t *testing.T) {
	want := mustParse(t, openssl(t, "rsa-pkcs8")).Thumbprint()
	certificate := openssl(t, "rsa-certificate")
	for name, form := range map[string][]byte{
		"SubjectPublicKeyInfo":          openssl(t, "rsa-public"),
		"PKCS#1":                        openssl(t, "rsa-public-pkcs1"),
		"certificate":                   certificate,
		"public key and certificate":    concat(openssl(t, "rsa-public"), certificate),
		"DER of SubjectPublicKeyInfo":   lastBlock(openssl(t, "rsa-public")),
		"base64 of a certificate's DER": []byte(base64.StdEncoding.EncodeToString(lastBlock(certificate))),
	} {
		public, err := keys.ParsePublic(form, keys.Options{Algorithm: keys.PS512, KeyID: "k"})
		require.NoError(t, err, name)
		assert.Equal(t, want, public.Thumbprint(), name)
		assert.Equal(t, keys.PS512, public.Algorithm(), name)
		assert.Equal(t, "k", public.KeyID(), name)
	}
	public, err := keys.ParsePublic(certificate, keys.Options{})
	require.NoError(t, err)
	assert.Equal(t, certificates(t, "rsa"), public.Certificates())
}

func concat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// Certificates are read from PEM, written to x5c and read from it.
func TestCertificatesStayWithTheKey(t *testing.T) {
	key := mustParse(t, concat(openssl(t, "rsa-pkcs8"), openssl(t, "rsa-certificate")))
	require.Equal(t, certificates(t, "rsa"), key.Certificates())
	agreesWithGoJOSE(t, key)
	private, err := key.PrivateJWK()
	require.NoError(t, err)
	assert.Equal(t, certificates(t, "rsa"), mustParse(t, private).Certificates())
}

// certified returns the certificate of a key, issued by another.
func certified(t *testing.T, name string, key *keys.Key, by *keys.Key, parent *x509.Certificate) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Signer().Public(), by.Signer())
	require.NoError(t, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return c
}

// A PEM text has certificates in any order; a key has the leaf first.
func TestCertificatesInAnyOrder(t *testing.T) {
	rootKey, authorityKey, key := testKey(t, keys.RS256), testKey(t, keys.ES384), testKey(t, keys.ES256)
	root := certified(t, "root", rootKey, rootKey, nil)
	authority := certified(t, "authority", authorityKey, rootKey, root)
	leaf := certified(t, "leaf", key, authorityKey, authority)
	text := func(list ...*x509.Certificate) (text []byte) {
		for _, c := range list {
			text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
		}
		return text
	}
	private, err := key.PrivatePEM()
	require.NoError(t, err)
	want := []*x509.Certificate{leaf, authority, root}
	for _, order := range [][]*x509.Certificate{{leaf, authority, root}, {root, authority, leaf}, {authority, root, leaf}, {root, leaf, authority}} {
		public, err := keys.ParsePublic(text(order...), keys.Options{})
		require.NoError(t, err)
		assert.Equal(t, key.Thumbprint(), public.Thumbprint())
		assert.Equal(t, want, public.Certificates())
		public, err = keys.ParsePublic(concat(key.PublicKey().PEM(), text(order...)), keys.Options{})
		require.NoError(t, err)
		assert.Equal(t, want, public.Certificates())
		assert.Equal(t, want, mustParse(t, concat(private, text(order...))).Certificates())
	}
	again := certified(t, "root", rootKey, rootKey, nil) // self-signed twice: no one issued the other
	public, err := keys.ParsePublic(text(again, root), keys.Options{})
	require.NoError(t, err)
	assert.Equal(t, again, public.Certificates()[0])
	circle := certified(t, "authority", authorityKey, key, leaf)
	other := certified(t, "other", testKey(t, keys.EdDSA), authorityKey, authority)
	for _, list := range [][]*x509.Certificate{{circle, leaf}, {authority, leaf, other}} {
		_, err = keys.ParsePublic(text(list...), keys.Options{})
		assert.ErrorIs(t, err, keys.ErrAmbiguous)
	}
}

func TestCertificatesAreBounded(t *testing.T) {
	key := testKey(t, keys.ES256)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: make([]string, 2000)}
	for i := range template.DNSNames {
		template.DNSNames[i] = "host.of.a.long.name.example.no"
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Signer().Public(), key.Signer())
	require.NoError(t, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	_, err = key.With(keys.Options{Certificates: []*x509.Certificate{c}})
	assert.ErrorIs(t, err, keys.ErrTooLarge)
}

func TestCertificatesAreCopied(t *testing.T) {
	chain := certificates(t, "rsa")
	key, err := mustParse(t, openssl(t, "rsa-pkcs8")).With(keys.Options{Certificates: chain})
	require.NoError(t, err)
	chain[0] = nil
	key.Certificates()[0] = nil
	assert.Equal(t, certificates(t, "rsa"), key.Certificates())
}

func TestPEMErrors(t *testing.T) {
	rsa, p256, ed := openssl(t, "rsa-pkcs8"), openssl(t, "p256-sec1"), openssl(t, "ed25519-pkcs8")
	trailing := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: append(lastBlock(ed), 0)})
	for name, c := range map[string]struct {
		text []byte
		rule error
	}{
		"two private keys":                {concat(rsa, p256), keys.ErrAmbiguous},
		"the same key twice":              {concat(rsa, rsa), keys.ErrAmbiguous},
		"PKCS#1 encrypted":                {openssl(t, "rsa-pkcs1-encrypted"), keys.ErrUnsupported},
		"PKCS#8 encrypted":                {openssl(t, "rsa-pkcs8-encrypted"), keys.ErrUnsupported},
		"OpenSSH":                         {[]byte("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"), keys.ErrUnsupported},
		"a public key":                    {openssl(t, "rsa-public"), keys.ErrNoPrivateKey},
		"a certificate":                   {openssl(t, "rsa-certificate"), keys.ErrNoPrivateKey},
		"another key's certificate":       {concat(p256, openssl(t, "rsa-certificate")), keys.ErrInconsistent},
		"cut off in the middle":           {rsa[:len(rsa)/2], keys.ErrMalformed},
		"whole key, then one cut off":     {concat(p256, rsa[:len(rsa)/2]), keys.ErrMalformed},
		"damaged base64 before a key":     {concat(bytes.Replace(rsa, []byte("M"), []byte("*"), 1), p256), keys.ErrMalformed},
		"bytes after the key in a block":  {trailing, keys.ErrMalformed},
		"secp256k1, PKCS#8":               {openssl(t, "secp256k1-pkcs8"), keys.ErrUnsupported},
		"secp256k1, SEC 1":                {openssl(t, "secp256k1-sec1-parameters"), keys.ErrUnsupported},
		"explicit curve parameters":       {openssl(t, "p256-explicit"), keys.ErrUnsupported},
		"X25519":                          {openssl(t, "x25519-pkcs8"), keys.ErrUnsupported},
		"Ed448":                           {openssl(t, "ed448-pkcs8"), keys.ErrUnsupported},
		"RSA 1024":                        {openssl(t, "rsa1024-pkcs8"), keys.ErrWeak},
		"RSA 512":                         {openssl(t, "rsa512-pkcs1"), keys.ErrWeak},
		"broken certificate beside a key": {concat(p256, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")), keys.ErrMalformed},
	} {
		_, err := keys.Parse(c.text, keys.Options{})
		refused(t, err, c.rule, name, c.text)
	}
	for name, c := range map[string]struct {
		text []byte
		rule error
	}{
		"two public keys":     {concat(openssl(t, "rsa-public"), openssl(t, "p256-public")), keys.ErrAmbiguous},
		"secp256k1":           {openssl(t, "secp256k1-public"), keys.ErrUnsupported},
		"wrong label":         {bytes.ReplaceAll(openssl(t, "p256-public"), []byte("PUBLIC"), []byte("RSA PUBLIC")), keys.ErrMalformed},
		"no key at all":       {[]byte("-----BEGIN X-----\nAAAA\n-----END X-----\n"), keys.ErrMalformed},
		"encrypted private":   {openssl(t, "rsa-pkcs8-encrypted"), keys.ErrPrivateKey},
		"point off the curve": {offCurve(t), keys.ErrInvalidPoint},
	} {
		_, err := keys.ParsePublic(c.text, keys.Options{})
		refused(t, err, c.rule, name, c.text)
	}
}

func offCurve(t testing.TB) []byte {
	der := lastBlock(openssl(t, "p256-public"))
	der[len(der)-1] ^= 1
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// The label says PKCS#8 or RSA, but the key is EC.
func TestPEMLabelIsIgnored(t *testing.T) {
	want := mustParse(t, openssl(t, "p256-sec1")).Thumbprint()
	for _, label := range []string{"PRIVATE", "RSA PRIVATE"} {
		text := bytes.ReplaceAll(openssl(t, "p256-sec1"), []byte("EC PRIVATE"), []byte(label))
		assert.Equal(t, want, mustParse(t, text).Thumbprint())
	}
}

// A white space byte at the end of DER belongs to the key. One Ed25519 key in
// forty ends with one.
func TestDERKeepsItsLastByte(t *testing.T) {
	for range 300 {
		key := testKey(t, keys.EdDSA)
		again, err := keys.Parse(lastBlock(mustPEM(t, key)), keys.Options{})
		require.NoError(t, err)
		require.Equal(t, key.Thumbprint(), again.Thumbprint())
	}
}

// refused checks that err is an *Error of the rule and quotes none of the input.
func refused(t testing.TB, err, rule error, name string, input []byte) {
	t.Helper()
	require.ErrorIs(t, err, rule, name)
	var typed *keys.Error
	require.ErrorAs(t, err, &typed, name)
	for text := []byte(err.Error()); len(text) >= 12; text = text[1:] {
		require.False(t, bytes.Contains(input, text[:12]), name)
	}
}
