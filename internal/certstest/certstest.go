// Package certstest has what the tests of certificates and of keystores share.
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
	"github.com/nokkel/nokkel/keys"
)

// Keys returns one key of each kind with a self-signed certificate, by
// algorithm. They are made once.
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

// Client returns the key of certs/testdata, which is also that of the archives
// made by OpenSSL, with its chain of three.
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

// Tool runs openssl or keytool and returns what it prints. Where the program
// is absent the test is skipped, or fails when NOKKEL_LIVE says that it must
// be there.
func Tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("NOKKEL_LIVE") != "1" {
		t.Skipf("%s is not installed", name)
	}
	require.NoError(t, err)
	if name == "keytool" {
		args = append([]string{"-J-XX:TieredStopAtLevel=1"}, args...) // a third of the time to start
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
