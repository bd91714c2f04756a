package certs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// tool runs openssl or keytool and returns what it prints. Where the program
// is absent the test is skipped, or fails when NOKKEL_LIVE says that it must
// be there.
func tool(t *testing.T, name string, args ...string) string {
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

// file writes content to a new file and returns its path.
func file(t *testing.T, content []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, content, 0o600))
	return name
}

// read returns the content of a file that a tool has written.
func read(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	return content
}
