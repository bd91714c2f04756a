package keystore_test

import (
	"crypto/x509"
	"encoding/base64"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/internal/certstest"
	"github.com/nokkel/nokkel/keys"
)

// The archives are made by OpenSSL and keytool; see testdata/make.sh.

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	return certstest.Read(t, filepath.Join("testdata", name))
}

func TestParseOpenSSLArchives(t *testing.T) {
	for name, alias := range map[string]string{
		"openssl-aes256.p12":  "My Client",
		"openssl-rc2.p12":     "My Client",
		"openssl-3des.p12":    "My Client",
		"openssl-sha512.p12":  "My Client",
		"openssl-plain.p12":   "My Client",
		"openssl-unicode.p12": "Blåbærsyltetøy",
		"openssl-unnamed.p12": "",
	} {
		t.Run(name, func(t *testing.T) {
			entries, err := keystore.Parse(testdata(t, name), "changeit")
			require.NoError(t, err)
			require.Len(t, entries, 1)
			assert.Equal(t, alias, entries[0].Alias)
			requireSame(t, certstest.Client(t, "../testdata"), entries[0].Key)
			assert.Len(t, entries[0].Public.Certificates(), 3)

			key, err := keystore.ParseKey(testdata(t, name), strings.ToUpper(alias), "changeit")
			require.NoError(t, err)
			requireSame(t, certstest.Client(t, "../testdata"), key)
		})
	}
}

func TestParseKeytoolArchives(t *testing.T) {
	for name, aliases := range map[string][]string{
		"keytool-two.PKCS12":     {"authority", "one", "two"},
		"keytool-two.JKS":        {"authority", "one", "two"},
		"keytool-old.PKCS12":     {"one"},
		"keytool-ed25519.PKCS12": {"one"},
		"keytool-rsa.JKS":        {"one"},
		"keytool-trusted.JKS":    {"authority"},
	} {
		t.Run(name, func(t *testing.T) {
			entries, err := keystore.Parse(testdata(t, name), "changeit")
			require.NoError(t, err)
			var got []string
			for _, e := range entries {
				got = append(got, e.Alias)
				if e.Alias == "authority" {
					assert.Nil(t, e.Key)
					assert.Len(t, e.Public.Certificates(), 1)
					continue
				}
				assert.Equal(t, "test "+e.Alias, e.Key.Certificates()[0].Subject.CommonName)
				key, err := keystore.ParseKey(testdata(t, name), e.Alias, "changeit")
				require.NoError(t, err)
				requireSame(t, e.Key, key)
			}
			assert.ElementsMatch(t, aliases, got)
		})
	}
}

func TestEmptyPassword(t *testing.T) {
	key, err := keystore.ParseKey(testdata(t, "openssl-empty.p12"), "", "")
	require.NoError(t, err)
	assert.True(t, key.PublicKey().Equal(certstest.Client(t, "../testdata").PublicKey()))
}

func TestParsePublicForms(t *testing.T) {
	public := certstest.Client(t, "../testdata").PublicKey()
	jwks, err := keys.Set{Keys: []*keys.PublicKey{public}}.MarshalJSON()
	require.NoError(t, err)
	leaf := public.Certificates()[0].Raw
	for name, c := range map[string]struct {
		data         []byte
		alias        string
		certificates int
	}{
		"certificate PEM":                          {certstest.Read(t, "../testdata/client.pem"), public.KeyID(), 1},
		"certificate DER":                          {leaf, public.KeyID(), 1},
		"certificate in base64 without PEM header": {[]byte(base64.StdEncoding.EncodeToString(leaf)), public.KeyID(), 1},
		"public key PEM":                           {certstest.Read(t, "../testdata/client.pub"), public.KeyID(), 0},
		"public key in base64 without PEM header":  {bare(certstest.Read(t, "../testdata/client.pub")), public.KeyID(), 0},
		"JWKS":                                   {jwks, public.KeyID(), 3},
		"JWK":                                    {public.JWK(), public.KeyID(), 3},
		"PKCS#12 of a certificate without a key": {testdata(t, "openssl-certificate.p12"), "", 1},
		"JKS of a trusted certificate":           {testdata(t, "keytool-trusted.JKS"), "authority", 1},
	} {
		t.Run(name, func(t *testing.T) {
			entries, err := keystore.Parse(c.data, "changeit")
			require.NoError(t, err)
			require.Len(t, entries, 1)
			assert.Equal(t, c.alias, entries[0].Alias)
			assert.Nil(t, entries[0].Key)
			assert.True(t, public.Equal(entries[0].Public))
			assert.Len(t, entries[0].Public.Certificates(), c.certificates)

			_, err = keystore.ParseKey(c.data, "", "changeit")
			assert.ErrorIs(t, err, keys.ErrNoPrivateKey)
		})
	}
}

// bare strips the first and last line of a PEM text.
func bare(pem []byte) []byte {
	lines := strings.Split(strings.TrimSpace(string(pem)), "\n")
	return []byte(strings.Join(lines[1:len(lines)-1], "\n"))
}

func TestParseKeyForms(t *testing.T) {
	want := certstest.Client(t, "../testdata")
	jwk, err := want.PrivateJWK()
	require.NoError(t, err)
	pem, err := want.PrivatePEM()
	require.NoError(t, err)
	for name, data := range map[string][]byte{
		"private JWK":                   jwk,
		"PEM of key and chain":          append(pem, certs.PEM(want.Certificates())...),
		"PKCS#12 in base64":             []byte(base64.StdEncoding.EncodeToString(testdata(t, "openssl-rc2.p12"))),
		"PKCS#12 in base64 with breaks": []byte(strings.ReplaceAll(base64.StdEncoding.EncodeToString(testdata(t, "openssl-rc2.p12")), "A", "A\r\n")),
	} {
		t.Run(name, func(t *testing.T) {
			key, err := keystore.ParseKey(data, "", "changeit")
			require.NoError(t, err)
			requireSame(t, want, key)
		})
	}
}

// Outside a keystore a key has no alias but its key ID.
func TestKeyIDIsTheAliasOutsideAKeystore(t *testing.T) {
	for alg, want := range certstest.Keys() {
		jwk, err := want.PrivateJWK()
		require.NoError(t, err)
		pem, err := want.PrivatePEM()
		require.NoError(t, err)
		der, err := x509.MarshalPKCS8PrivateKey(want.Signer())
		require.NoError(t, err)
		for form, data := range map[string][]byte{"JWK": jwk, "PEM": pem, "DER": der} {
			for _, data := range [][]byte{data, []byte(base64.StdEncoding.EncodeToString(data))} {
				entries, err := keystore.Parse(data, "")
				require.NoError(t, err, "%s %s", alg, form)
				require.Len(t, entries, 1)
				assert.Equal(t, want.KeyID(), entries[0].Alias, form)
				assert.True(t, want.PublicKey().Equal(entries[0].Key.PublicKey()))
				_, err = keystore.ParseKey(data, want.KeyID(), "")
				assert.NoError(t, err, form)
				_, err = keystore.ParseKey(data, "my client", "")
				assert.ErrorIs(t, err, keystore.ErrNotFound, form)
			}
		}
	}
}

func TestParseJWKS(t *testing.T) {
	var set keys.Set
	for _, key := range certstest.Keys() {
		set.Keys = append(set.Keys, key.PublicKey())
	}
	data, err := set.MarshalJSON()
	require.NoError(t, err)
	entries, err := keystore.Parse(data, "")
	require.NoError(t, err)
	require.Len(t, entries, len(set.Keys))
	for i, e := range entries {
		assert.Equal(t, set.Keys[i].KeyID(), e.Alias)
		assert.True(t, set.Keys[i].Equal(e.Public))
	}
}

// A private JWKS is listed like a keystore, with the key IDs for aliases. Keys
// that cannot sign and public ones are left out.
func TestParsePrivateJWKS(t *testing.T) {
	var members []string
	want := map[string]*keys.Key{}
	for kid, key := range map[string]*keys.Key{"prod": certstest.Keys()["ES256"], "Prod": certstest.Keys()["EdDSA"], "test": certstest.Keys()["RS512"]} {
		key, err := key.With(keys.Options{KeyID: kid})
		require.NoError(t, err)
		jwk, err := key.PrivateJWK()
		require.NoError(t, err)
		members, want[kid] = append(members, string(jwk)), key
	}
	members = append(members, `{"kty":"oct","k":"c2VjcmV0"}`, string(certstest.Client(t, "../testdata").PublicKey().JWK()))
	set := []byte("\ufeff" + `{"keys":[` + strings.Join(members, ",") + `]}`)

	entries, err := keystore.Parse(set, "")
	require.NoError(t, err)
	require.Len(t, entries, len(want))
	for _, e := range entries {
		requireSame(t, want[e.Alias], e.Key)
		key, err := keystore.ParseKey(set, e.Alias, "")
		require.NoError(t, err, "an exact alias goes before one in another case")
		requireSame(t, e.Key, key)
	}
	key, err := keystore.ParseKey(set, "TEST", "")
	require.NoError(t, err)
	requireSame(t, want["test"], key)
	for _, ambiguous := range []string{"", "PROD"} {
		_, err = keystore.ParseKey(set, ambiguous, "")
		require.ErrorIs(t, err, keys.ErrAmbiguous)
	}
	_, err = keystore.ParseKey([]byte(base64.StdEncoding.EncodeToString(set)), "test", "")
	require.ErrorIs(t, err, keys.ErrAmbiguous, "in base64")
}

func TestParseErrors(t *testing.T) {
	big := make([]byte, 1<<20+1)
	replaced, err := keystore.MarshalPKCS12(certstest.Keys()["ES256"], alias, "bl\ufffdb\ufffdr")
	require.NoError(t, err)
	for _, c := range []struct {
		rule            string
		data            []byte
		alias, password string
		want            error
	}{
		{"PKCS#12: wrong password", testdata(t, "openssl-aes256.p12"), "", "wrong", keystore.ErrPassword},
		{"PKCS#12: empty password", testdata(t, "openssl-aes256.p12"), "", "", keystore.ErrPassword},
		{"PKCS#12: password not encodable as BMPString", testdata(t, "openssl-aes256.p12"), "", "🔑", keystore.ErrPassword},
		{"PKCS#12: password that is not UTF-8", replaced, "", "bl\xe5b\xe6r", keystore.ErrPassword},
		{"PKCS#12: damaged", damaged(testdata(t, "openssl-aes256.p12")), "", "changeit", keystore.ErrPassword},
		{"PKCS#12: unknown alias", testdata(t, "openssl-aes256.p12"), "other", "changeit", keystore.ErrNotFound},
		{"PKCS#12: two keys and no alias", testdata(t, "keytool-two.PKCS12"), "", "changeit", keys.ErrAmbiguous},
		{"PKCS#12: no certificate", testdata(t, "openssl-nocert.p12"), "", "changeit", certs.ErrNoCertificate},
		{"PKCS#12: no MAC", testdata(t, "openssl-nomac.p12"), "", "changeit", keys.ErrUnsupported},
		{"PKCS#12: DSA key", testdata(t, "keytool-dsa.PKCS12"), "", "changeit", keys.ErrMalformed},
		{"PKCS#12: trailing bytes", append(testdata(t, "openssl-aes256.p12"), 0), "", "changeit", keys.ErrMalformed},
		{"PKCS#12: unterminated BER", []byte{0x30, 0x80, 0x02, 0x01, 0x03}, "", "changeit", keys.ErrMalformed},
		{"JKS: wrong password", testdata(t, "keytool-two.JKS"), "one", "wrong", keystore.ErrPassword},
		{"JKS: password outside Latin-1", testdata(t, "keytool-two.JKS"), "one", "пароль", keystore.ErrPassword},
		{"JKS: damaged", damaged(testdata(t, "keytool-two.JKS")), "one", "changeit", keystore.ErrPassword},
		{"JKS: unknown alias", testdata(t, "keytool-two.JKS"), "other", "changeit", keystore.ErrNotFound},
		{"JKS: alias of a trusted certificate", testdata(t, "keytool-two.JKS"), "authority", "changeit", keys.ErrNoPrivateKey},
		{"JKS: two keys and no alias", testdata(t, "keytool-two.JKS"), "", "changeit", keys.ErrAmbiguous},
		{"JKS: key with another password", testdata(t, "keytool-keypass.JKS"), "", "changeit", keystore.ErrPassword},
		{"JCEKS", testdata(t, "keytool.JCEKS"), "one", "changeit", keys.ErrUnsupported},
		{"over 1 MiB", big, "", "", keys.ErrTooLarge},
		{"empty", nil, "", "", keys.ErrMalformed},
		{"text", []byte("hello"), "", "", keys.ErrMalformed},
		{"encrypted PEM", []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"), "", "", keys.ErrUnsupported},
	} {
		t.Run(c.rule, func(t *testing.T) {
			key, err := keystore.ParseKey(c.data, c.alias, c.password)
			require.ErrorIs(t, err, c.want)
			assert.Nil(t, key)
			if c.password != "" {
				assert.NotContains(t, err.Error(), c.password)
			}
		})
	}
}

// damaged flips a bit of an encrypted part.
func damaged(data []byte) []byte {
	data[len(data)/2] ^= 1
	return data
}

func TestTruncatedArchives(t *testing.T) {
	for _, name := range []string{"openssl-aes256.p12", "keytool-two.JKS", "keytool-trusted.JKS"} {
		data := testdata(t, name)
		for n := range data {
			_, err := keystore.Parse(data[:n], "changeit")
			require.Error(t, err, "%s, %d bytes", name, n)
		}
	}
}
