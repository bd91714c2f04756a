package certs_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/internal/certstest"
)

func TestThumbprintsAgreeWithOpenSSLAndKeytool(t *testing.T) {
	c := certstest.Client(t, "testdata").Certificates()[0]
	name := filepath.Join("testdata", "client.pem")
	java := certstest.Tool(t, "keytool", "-printcert", "-file", name)
	for algorithm, thumbprint := range map[string]certs.Thumbprint{"-sha1": certs.SHA1(c), "-sha256": certs.SHA256(c)} {
		out := certstest.Tool(t, "openssl", "x509", "-in", name, "-noout", "-fingerprint", algorithm)
		_, shown, _ := strings.Cut(strings.TrimSpace(out), "=")
		assert.Equal(t, strings.ReplaceAll(shown, ":", ""), thumbprint.Hex())
		assert.Contains(t, java, shown)

		raw, err := hex.DecodeString(thumbprint.Hex())
		require.NoError(t, err)
		assert.Equal(t, base64.RawURLEncoding.EncodeToString(raw), thumbprint.Base64URL())
		assert.Equal(t, thumbprint.Hex(), thumbprint.String())
	}
}

func TestThumbprintAgreesWithTheJWK(t *testing.T) {
	key := certstest.Client(t, "testdata")
	assert.Contains(t, string(key.PublicKey().JWK()), `"x5t#S256":"`+certs.SHA256(key.Certificates()[0]).Base64URL()+`"`)
}

func TestKeyIDHashesThePublicKeyOfOpenSSL(t *testing.T) {
	for alg, key := range certstest.Keys() {
		out := filepath.Join(t.TempDir(), "spki")
		certstest.Tool(t, "openssl", "pkey", "-pubin", "-in", certstest.File(t, key.PublicKey().PEM()), "-pubout", "-outform", "DER", "-out", out)
		der, err := os.ReadFile(out)
		require.NoError(t, err)
		sum := sha256.Sum256(der)
		assert.Equal(t, base64.RawURLEncoding.EncodeToString(sum[:]), certs.KeyID(key.PublicKey()), alg)
	}
}
