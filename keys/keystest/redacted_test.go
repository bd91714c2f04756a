package keystest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recorder is a testing.TB that remembers whether a test would have failed.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

// TestRedactedFindsLeaks proves that the check can fail: values that are known
// to print what they hold.
func TestRedactedFindsLeaks(t *testing.T) {
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
		"text behind pointers":    {&struct{ text **string }{new(new(string(private)))}, secrets},
		"map behind a pointer":    {&struct{ m *map[any][]any }{&map[any][]any{"k": {string(private)}}}, secrets},
		"bytes in an interface":   {&struct{ v any }{&struct{ b *[]byte }{&secrets[0]}}, secrets},
	}
	for name, leak := range leaks {
		r := &recorder{TB: t}
		Redacted(r, leak.value, leak.secrets...)
		assert.True(t, r.failed, name)
	}
	Redacted(t, key.PublicKey(), secrets...)
	type ring struct{ next *ring }
	loop := new(ring)
	loop.next = loop
	Redacted(t, loop, secrets...)
	Redacted(t, &struct{ reveal func() []byte }{func() []byte { return secrets[0] }}, secrets...)
}

func TestExportedTypesListsThisPackage(t *testing.T) {
	assert.Contains(t, exportedTypes(t, ".."), "Key")
	assert.NotContains(t, exportedTypes(t, ".."), "members")
	assert.NotContains(t, exportedTypes(t, ".."), "Source", "an interface")
	assert.Empty(t, exportedTypes(t, "."))
}

// TestEveryPackageHidesItsSecrets looks for a call of PackageRedacted in the tests
// of every package of the module that has types to check.
func TestEveryPackageHidesItsSecrets(t *testing.T) {
	const module = "../.."
	checked := 0
	require.NoError(t, filepath.WalkDir(module, func(dir string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if name := entry.Name(); name == "internal" || name == "examples" || name == "testdata" || strings.HasPrefix(name, ".") && dir != module {
			return filepath.SkipDir
		}
		if source, _ := filepath.Glob(dir + "/*.go"); len(source) == 0 || len(exportedTypes(t, dir)) == 0 {
			return nil
		}
		checked++
		tests, err := filepath.Glob(dir + "/*_test.go")
		assert.True(t, slices.ContainsFunc(tests, func(file string) bool {
			text, err := os.ReadFile(file)
			return err == nil && bytes.Contains(text, []byte("keystest.PackageRedacted(t, "))
		}), "no test in %s calls keystest.PackageRedacted", dir)
		return err
	}))
	assert.Greater(t, checked, 8)
}
