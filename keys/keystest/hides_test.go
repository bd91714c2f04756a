package keystest

import (
	"crypto/ed25519"
	"encoding/json"
	"math/big"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
)

// recorder is a testing.TB that remembers whether a test would have failed.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

// TestHidesFindsLeaks proves that the check can fail: values that are known
// to print what they hold.
func TestHidesFindsLeaks(t *testing.T) {
	key := Key(t, keys.EdDSA)
	secrets := Secrets(t, key)
	private, _ := key.PrivateJWK()
	pem, _ := key.PrivatePEM()
	rsa := Key(t, keys.RS256)
	leaks := map[string]struct {
		value   any
		secrets [][]byte
	}{
		"bytes":                   {[]byte(secrets[0]), secrets},
		"Ed25519 key":             {key.Signer(), secrets},
		"pointer to Ed25519 key":  {new(key.Signer().(ed25519.PrivateKey)), secrets},
		"RSA key":                 {rsa.Signer(), Secrets(t, rsa)},
		"big integer":             {new(big.Int).SetBytes(secrets[0]), secrets},
		"JWK":                     {string(private), secrets},
		"raw JSON":                {json.RawMessage(private), secrets},
		"PEM, at a base64 offset": {string(pem), secrets},
		"struct that leaks":       {struct{ key ed25519.PrivateKey }{key.Signer().(ed25519.PrivateKey)}, secrets},
	}
	for name, leak := range leaks {
		r := &recorder{TB: t}
		Hides(r, leak.value, leak.secrets...)
		assert.True(t, r.failed, name)
	}
	Hides(t, key.PublicKey(), secrets...)
}

func TestExportedTypesListsThisPackage(t *testing.T) {
	assert.Contains(t, ExportedTypes(t, ".."), "Key")
	assert.NotContains(t, ExportedTypes(t, ".."), "members")
	assert.Empty(t, ExportedTypes(t, "."))
}
