package keystore_test

import (
	"crypto"
	"maps"
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

const (
	alias    = "my client"
	password = "changeit" // keytool wants at least 6 characters
)

// writers are the package's keystore formats.
var writers = map[string]func(key *keys.Key, alias, password string) ([]byte, error){
	"modern PKCS12": keystore.MarshalPKCS12,
	"legacy PKCS12": keystore.MarshalLegacyPKCS12,
	"JKS":           keystore.MarshalJKS,
}

// conversions are keytool's options for converting each of them to another
// format, so that the tests read every format that keytool writes.
var conversions = map[string]string{
	"modern PKCS12": "-deststoretype PKCS12 -J-Dkeystore.pkcs12.legacy",
	"legacy PKCS12": "-deststoretype JKS",
	"JKS":           "-deststoretype PKCS12",
}

func TestKeystoresOpenInKeytoolAndOpenSSL(t *testing.T) {
	all := maps.Clone(certstest.Keys())
	all["ES256"] = certstest.Client(t, "../testdata") // has a chain
	for format, marshal := range writers {
		for alg, key := range all {
			t.Run(format+"/"+alg, func(t *testing.T) {
				t.Parallel()
				store, err := marshal(key, alias, password)
				require.NoError(t, err)
				own, err := keystore.ParseKey(store, alias, password)
				require.NoError(t, err)
				requireSame(t, key, own)

				name, other := certstest.File(t, store), filepath.Join(t.TempDir(), "other")
				certstest.Tool(t, "keytool", append([]string{"-importkeystore", "-srckeystore", name, "-srcstorepass", password, "-srcalias", alias,
					"-destkeystore", other, "-deststorepass", password, "-noprompt"}, strings.Fields(conversions[format])...)...)
				back, err := keystore.ParseKey(certstest.Read(t, other), alias, password)
				require.NoError(t, err)
				requireSame(t, key, back)

				if format != "JKS" {
					out := certstest.Tool(t, "openssl", "pkcs12", "-in", name, "-passin", "pass:"+password, "-nodes")
					assert.Contains(t, out, "friendlyName: my client")
					back, err := keystore.ParseKey([]byte(out), "", "")
					require.NoError(t, err)
					requireSame(t, key, back)
				}
			})
		}
	}
}

func TestReadsWhatOpenSSLWrites(t *testing.T) {
	for alg, key := range certstest.Keys() {
		private, err := key.PrivatePEM()
		require.NoError(t, err)
		pem := append(private, certs.PEM(key.Certificates())...)
		for _, options := range []string{"", "-legacy", "-legacy -descert", "-macalg sha384 -iter 5000"} {
			t.Run(alg+options, func(t *testing.T) {
				t.Parallel()
				out := filepath.Join(t.TempDir(), "out")
				certstest.Tool(t, "openssl", append([]string{"pkcs12", "-export", "-in", certstest.File(t, pem), "-name", alias, "-passout", "pass:" + password, "-out", out}, strings.Fields(options)...)...)
				got, err := keystore.ParseKey(certstest.Read(t, out), alias, password)
				require.NoError(t, err)
				requireSame(t, key, got)
			})
		}
	}
}

// keytool adds a key of a type that this module does not support to a keystore.
func TestKeyBesideAnUnsupportedOne(t *testing.T) {
	key := certstest.Keys()["ES256"]
	for format, marshal := range writers {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			store, err := marshal(key, alias, password)
			require.NoError(t, err)
			name := certstest.File(t, store)
			certstest.Tool(t, "keytool", "-genkeypair", "-keystore", name, "-storepass", password, "-alias", "dsa", "-keyalg", "DSA", "-keysize", "1024", "-dname", "CN=dsa")
			got, err := keystore.ParseKey(certstest.Read(t, name), alias, password)
			require.NoError(t, err)
			requireSame(t, key, got)
			_, err = keystore.Parse(certstest.Read(t, name), password)
			require.ErrorIs(t, err, keys.ErrMalformed)
		})
	}
}

func TestUnusualAliasesAndPasswords(t *testing.T) {
	key := certstest.Keys()["ES256"]
	for _, c := range []struct{ alias, password string }{
		{"Blåbærsyltetøy №1", password},
		{"a", `p"ss' w\rd`},
		{"latin", "blåbærsyltetøy"},
	} {
		for format, marshal := range writers {
			t.Run(format+"/"+c.alias, func(t *testing.T) {
				t.Parallel()
				store, err := marshal(key, c.alias, c.password)
				require.NoError(t, err)
				own, err := keystore.ParseKey(store, c.alias, c.password)
				require.NoError(t, err)
				requireSame(t, key, own)
				if format == "JKS" {
					certstest.Tool(t, "keytool", "-certreq", "-keystore", certstest.File(t, store), "-storepass", c.password, "-alias", c.alias)
				} else {
					certstest.Tool(t, "openssl", "pkcs12", "-in", certstest.File(t, store), "-passin", "pass:"+c.password, "-noout")
				}
			})
		}
	}
}

// A JKS holds aliases in lower case, where this letter is another one without
// being the same in upper case.
func TestAliasWithoutCaseFolding(t *testing.T) {
	store, err := keystore.MarshalJKS(certstest.Keys()["ES256"], "İstanbul", password)
	require.NoError(t, err)
	_, err = keystore.ParseKey(store, "İstanbul", password)
	require.NoError(t, err)
}

// device is a key that cannot be exported, as in an HSM or KMS.
type device struct{ crypto.Signer }

func TestDeviceKeysAreNotExported(t *testing.T) {
	for _, inside := range certstest.Keys() {
		key, err := keys.New(device{inside.Signer()}, keys.Options{Certificates: inside.Certificates()})
		require.NoError(t, err)
		for format, marshal := range writers {
			_, err = marshal(key, alias, password)
			require.ErrorIs(t, err, keys.ErrNoPrivateKey, format)
		}
	}
}

func TestWritersRefuse(t *testing.T) {
	with := certstest.Keys()["ES256"]
	without, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	for _, c := range []struct {
		rule            string
		key             *keys.Key
		alias, password string
		want            error
	}{
		{"no key", nil, alias, password, keys.ErrNoPrivateKey},
		{"key without certificate", without, alias, password, certs.ErrNoCertificate},
		{"empty password", with, alias, "", keystore.ErrPassword},
		{"password that the format cannot hold", with, alias, "🔑🔑🔑🔑🔑🔑", keystore.ErrPassword},
		{"password that is not UTF-8", with, alias, "bl\xe5b\xe6r", keystore.ErrPassword},
		{"empty alias", with, "", password, keys.ErrMalformed},
		{"alias over 255 bytes", with, strings.Repeat("a", 256), password, keys.ErrMalformed},
		{"alias with a line break", with, "a\nb", password, keys.ErrMalformed},
		{"alias that is not UTF-8", with, "a\xff", password, keys.ErrMalformed},
		{"alias outside the BMP", with, "🔑", password, keys.ErrMalformed},
	} {
		for format, marshal := range writers {
			t.Run(format+"/"+c.rule, func(t *testing.T) {
				store, err := marshal(c.key, c.alias, c.password)
				require.ErrorIs(t, err, c.want)
				assert.Nil(t, store)
			})
		}
	}
}

// requireSame compares the private keys and the chains.
func requireSame(t *testing.T, want, got *keys.Key) {
	t.Helper()
	w, err := want.PrivatePEM()
	require.NoError(t, err)
	g, err := got.PrivatePEM()
	require.NoError(t, err)
	require.Equal(t, string(w), string(g))
	require.Len(t, got.Certificates(), len(want.Certificates()))
	for i, c := range want.Certificates() {
		require.True(t, c.Equal(got.Certificates()[i]))
	}
}
