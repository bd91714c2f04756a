package keystore

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/keys"
)

// TestEmbeddedPublicKeyMustMatch has a private key whose own certificate is there,
// while the public key inside it belongs to another (RFC 5915 §3). crypto/x509 does
// not look at that.
func TestEmbeddedPublicKeyMustMatch(t *testing.T) {
	for _, alg := range []keys.Algorithm{keys.ES256, keys.ES384, keys.ES512} {
		key, err := keys.Generate(alg)
		require.NoError(t, err)
		key, err = certs.SelfSign(t.Context(), key, certs.Template{Subject: pkix.Name{CommonName: "app"}})
		require.NoError(t, err)
		other, err := keys.Generate(alg)
		require.NoError(t, err)
		right, err := x509.MarshalPKCS8PrivateKey(key.Signer())
		require.NoError(t, err)
		wrong := bytes.Replace(right, point(t, key), point(t, other), 1)
		require.NotEqual(t, right, wrong)

		for want, pkcs8 := range map[error][]byte{nil: right, keys.ErrInconsistent: wrong} {
			_, err = parsePKCS8(pkcs8)
			require.ErrorIs(t, err, want)
			store := jks.New()
			require.NoError(t, store.SetPrivateKeyEntry("a", jks.PrivateKeyEntry{PrivateKey: pkcs8, CertificateChain: []jks.Certificate{
				{Type: "X.509", Content: key.Certificates()[0].Raw},
			}}, []byte(hostilePassword)))
			var b bytes.Buffer
			require.NoError(t, store.Store(&b, []byte(hostilePassword)))
			_, err = ParseKey(b.Bytes(), "a", hostilePassword)
			assert.ErrorIs(t, err, want)
		}
	}
}

func point(t *testing.T, k *keys.Key) []byte {
	t.Helper()
	b, err := k.PublicKey().Public().(*ecdsa.PublicKey).Bytes()
	require.NoError(t, err)
	return b
}
