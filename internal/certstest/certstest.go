// Package certstest has helpers for the tests of certificates and keystores.
package certstest

import (
	"context"
	"crypto/x509/pkix"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/internal/programtest"
	"github.com/nokkel/nokkel/keys"
)

// Keys returns one key of each type with a self-signed certificate, by
// algorithm. Every call returns the same keys.
var Keys = sync.OnceValue(func() map[string]*keys.Key {
	rsa, err := keys.GenerateRSA(keys.RS512, 2048)
	ec, ecErr := keys.Generate(keys.ES256)
	ed, edErr := keys.Generate(keys.EdDSA)
	if err := errors.Join(err, ecErr, edErr); err != nil {
		panic(err)
	}
	all := map[string]*keys.Key{}
	for _, key := range []*keys.Key{rsa, ec, ed} {
		key, err := certs.SelfSign(context.Background(), key, certs.Template{Subject: pkix.Name{CommonName: "my client"}})
		if err != nil {
			panic(err)
		}
		all[string(key.Algorithm())] = key
	}
	return all
})

// Client returns the ES256 key of certs/testdata with its chain of three
// certificates. The archives made by OpenSSL hold the same key.
func Client(t testing.TB, testdata string) *keys.Key {
	t.Helper()
	key, err := keys.ReadFile(filepath.Join(testdata, "client.key"))
	require.NoError(t, err)
	var chain []byte
	for _, name := range []string{"root.pem", "ca.pem", "client.pem"} {
		chain = append(chain, Read(t, filepath.Join(testdata, name))...)
	}
	pool, err := certs.Parse(chain)
	require.NoError(t, err)
	key, err = certs.Attach(key, pool)
	require.NoError(t, err)
	return key
}

// Tool runs openssl or keytool and returns its output. If the program is not
// installed, it skips the test, or fails it when NOKKEL_LIVE is 1.
func Tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		programtest.Missing(t, name+" is not installed")
	}
	if name == "keytool" {
		args = append([]string{"-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC"}, args...) // for a fast start
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %q: %s", name, args, out)
	return string(out)
}

// File writes content to a new file and returns its path.
func File(t *testing.T, content []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, content, 0o600))
	return name
}

// Read returns the content of a file.
func Read(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	return content
}
