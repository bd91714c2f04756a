package keystore

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"path/filepath"
	"strings"
	"testing"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/internal/certstest"
	"github.com/nokkel/nokkel/keys"
)

// with returns the bag with one more attribute.
func with(t testing.TB, b safeBag, id string, value any) safeBag {
	t.Helper()
	b.Attributes = append(b.Attributes, attribute{oid(id), asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: der(t, value)}})
	return b
}

func named(t testing.TB, b safeBag, name string) safeBag {
	t.Helper()
	text, ok := ucs2(name)
	require.True(t, ok)
	return with(t, b, oidFriendlyName, asn1.RawValue{Tag: asn1.TagBMPString, Bytes: text})
}

// Certificates are entries if no key has them in its chain, or if Java's user
// made them entries.
func TestCertificateEntries(t *testing.T) {
	key := certstest.Client(t, "../testdata")
	chain := key.Certificates()
	bags := []safeBag{
		named(t, plainKey(t, key), "mine"),
		named(t, plainCert(t, chain[0]), "mine"),
		named(t, plainCert(t, chain[1]), "CN=test authority"),
		with(t, named(t, plainCert(t, chain[1]), "authority"), oidJavaTrusted, oid("2.5.29.37.0")),
		named(t, plainCert(t, chain[2]), "CN=test root"),
		named(t, plainCert(t, certified(t, 1)[0].Certificates()[0]), "other"),
	}
	for name, c := range map[string]struct {
		data []byte
		want []string
	}{
		"plain":     {forge(t, bagsOf(t, bags...)), []string{"mine", "authority", "other"}},
		"encrypted": {forge(t, encrypted(t, der(t, bags), 1)), []string{"mine", "authority", "other"}},
		"no key":    {forge(t, encrypted(t, der(t, bags[3:]), 1)), []string{"authority", "CN=test root", "other"}},
		"3DES":      {forge(t, bagsOf(t, bags[0]), in3DES(t, der(t, bags[1:]))), []string{"mine", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			entries, err := Parse(c.data, hostilePassword)
			require.NoError(t, err)
			var got []string
			for _, e := range entries {
				got = append(got, e.Alias)
				assert.Equal(t, e.Alias == "mine", e.Key != nil)
			}
			assert.Equal(t, c.want, got)
		})
	}
	_, err := ParseKey(forge(t, bagsOf(t, bags...)), "authority", hostilePassword)
	assert.ErrorIs(t, err, keys.ErrNoPrivateKey)
}

// A key that was certified again has two certificates. OpenSSL, Java and
// Windows mark the one that was stored with it.
func TestOwnCertificateOfAKey(t *testing.T) {
	key := certified(t, 1)[0]
	renewed, err := certs.SelfSign(t.Context(), key, certs.Template{Subject: pkix.Name{CommonName: "renewed"}})
	require.NoError(t, err)
	own, old := renewed.Certificates(), key.Certificates()
	check := func(t *testing.T, data []byte, entries int) {
		got, err := ParseKey(data, "", hostilePassword)
		require.NoError(t, err)
		assert.Equal(t, own, got.Certificates())
		all, err := Parse(data, hostilePassword)
		require.NoError(t, err)
		assert.Len(t, all, entries)
	}

	id := []byte("Time 1700000000000")
	t.Run("Java", func(t *testing.T) {
		check(t, forge(t, bagsOf(t, with(t, plainKey(t, key), oidLocalKeyID, id)),
			encrypted(t, der(t, []safeBag{plainCert(t, old[0]), with(t, plainCert(t, own[0]), oidLocalKeyID, id)}), 1)), 2)
	})
	pem, err := key.PrivatePEM()
	require.NoError(t, err)
	for _, options := range []string{"", "-legacy", "-legacy -descert"} {
		t.Run("OpenSSL "+options, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			certstest.Tool(t, "openssl", append([]string{"pkcs12", "-export", "-inkey", certstest.File(t, pem), "-in", certstest.File(t, certs.PEM(own)), "-certfile", certstest.File(t, certs.PEM(old)),
				"-passout", "pass:" + hostilePassword, "-out", out}, strings.Fields(options)...)...)
			check(t, certstest.Read(t, out), 2)
		})
	}
	t.Run("JKS", func(t *testing.T) {
		pkcs8, err := x509.MarshalPKCS8PrivateKey(key.Signer())
		require.NoError(t, err)
		entry := jks.PrivateKeyEntry{PrivateKey: pkcs8}
		for _, c := range [][]*x509.Certificate{own, old} {
			entry.CertificateChain = append(entry.CertificateChain, jks.Certificate{Type: "X.509", Content: c[0].Raw})
		}
		store := jks.New()
		require.NoError(t, store.SetPrivateKeyEntry("a", entry, []byte(hostilePassword)))
		var b bytes.Buffer
		require.NoError(t, store.Store(&b, []byte(hostilePassword)))
		check(t, b.Bytes(), 1)
	})
	t.Run("unmarked", func(t *testing.T) {
		_, err := ParseKey(forge(t, bagsOf(t, with(t, plainKey(t, key), oidLocalKeyID, id), plainCert(t, old[0]), plainCert(t, own[0]))), "", hostilePassword)
		assert.ErrorIs(t, err, keys.ErrAmbiguous)
	})
}
