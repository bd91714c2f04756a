package main

import (
	"os"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStateExportWritesTheActiveKey(t *testing.T) {
	t.Parallel()
	f := setup(t, func(s *helseidtest.Server) { s.Replace = helseidtest.AtOnce })
	require.Equal(t, 0, invoke(t, "", f.rotateArgs("helseid rotate", "-ep", f.path("old_private.json"))...).code)
	active := f.active(t)
	for _, format := range []string{"", "jwk", "PEM"} {
		file := f.path("key" + format)
		r := invoke(t, "", "state", "export", "-s", f.path("state"), "-p", file, "-f", format)
		require.Equal(t, 0, r.code, r.stderr)
		assert.Equal(t, file+"\n", r.stdout)
		assert.Empty(t, r.stderr)
		got, err := keys.Parse([]byte(readPrivate(t, file)), keys.Options{})
		require.NoError(t, err)
		assert.Equal(t, active.Thumbprint(), got.Thumbprint())
		assert.Equal(t, active.Algorithm(), got.Algorithm())
		assertNoSecrets(t, active, r)
	}
}

func TestStateExportReplacesAFileOnlyOnRequest(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.Equal(t, 0, invoke(t, "", f.rotateArgs("helseid rotate", "-ep", f.path("old_private.json"))...).code)
	file := f.path("mine")
	require.NoError(t, os.WriteFile(file, []byte("mine"), 0o644))
	r := invoke(t, "", "state", "export", "-s", f.path("state"), "-p", file)
	assertFails(t, r, "--Replace replaces it")
	assert.Equal(t, "mine", string(read(t, file)))
	require.Equal(t, 0, invoke(t, "", "state", "export", "-s", f.path("state"), "-p", file, "--Replace").code)
	got, err := keys.Parse([]byte(readPrivate(t, file)), keys.Options{})
	require.NoError(t, err)
	assert.Equal(t, f.active(t).Thumbprint(), got.Thumbprint())
}

func TestStateExportRefuses(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for says, args := range map[string][]string{
		"the state directory holds no key yet":       {"-s", f.path("state"), "-p", f.path("key")},
		"--Format is jwk, pem or pfx":                {"-s", f.path("state"), "-p", f.path("key"), "-f", "der"},
		"missing --StateDirectory, --PrivateKeyPath": {},
	} {
		r := invoke(t, "", append([]string{"state", "export"}, args...)...)
		assertFails(t, r, says)
		assert.NoFileExists(t, f.path("key"))
	}
}

// readPrivate returns the content of a file of mode 0600.
func readPrivate(t *testing.T, name string) string {
	t.Helper()
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	return string(read(t, name))
}
