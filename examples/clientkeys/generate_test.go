package main

import (
	"crypto/rsa"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/internal/programtest"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Mode().Perm()
}

func TestGenerateJSONWebKeyFormats(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args      []string
		extension string
		alg       keys.Algorithm
		kid       string
	}{
		"long names, jsonEscape, RSA": {[]string{"--KeySize", "2048"}, ".json", keys.RS512, ""},
		"short names, base64, EC":     {[]string{"-ot", "BASE64", "-alg", "es384"}, ".txt", keys.ES384, ""},
		"option=value, custom kid":    {[]string{"--Algorithm=PS256", "-ks=2048", "--KeyCustomKid=my kid"}, ".json", keys.PS256, "my kid"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "made", "for", "it")
			r := invoke(t, "", append([]string{"GenerateJsonWebKey", "--KeyFileNamePrefix", "mine", "-d", dir}, tc.args...)...)
			require.Equal(t, 0, r.code, r.stderr)
			private, public := filepath.Join(dir, "mine_private"+tc.extension), filepath.Join(dir, "mine_public"+tc.extension)
			assert.Equal(t, private+"\n"+public+"\n", r.stdout)
			assert.Equal(t, os.FileMode(0o600), mode(t, private))
			assert.Equal(t, os.FileMode(0o644), mode(t, public))

			key, err := keys.ReadFile(private)
			require.NoError(t, err)
			assert.Equal(t, tc.alg, key.Algorithm())
			if tc.kid == "" {
				tc.kid = key.Thumbprint()
			}
			assert.Equal(t, tc.kid, key.KeyID())
			assert.Contains(t, r.stderr, tc.kid)
			pub, err := keys.ParsePublic(read(t, public), keys.Options{})
			require.NoError(t, err)
			assert.True(t, pub.Equal(key.PublicKey()))
			assertNoSecrets(t, key, r)
		})
	}
}

func TestGeneratedKeyIsAJSONStringThatGoJoseReads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := invoke(t, "", "generatejsonwebkey", "-n", "mine", "-d", dir, "-alg", "ES256")
	require.Equal(t, 0, r.code, r.stderr)
	for name, public := range map[string]bool{"mine_private.json": false, "mine_public.json": true} {
		var text string
		require.NoError(t, json.Unmarshal(read(t, filepath.Join(dir, name)), &text))
		var jwk jose.JSONWebKey
		require.NoError(t, jwk.UnmarshalJSON([]byte(text)))
		assert.True(t, jwk.Valid())
		assert.Equal(t, public, jwk.IsPublic())
		assert.Equal(t, "ES256", jwk.Algorithm)
	}
}

func TestFilesGoToTheCurrentDirectoryByDefault(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"generatejsonwebkey", "-n", "mine", "-alg", "ES256"},
		{"generatecertificate", "-cn", "mine", "-pwd", "password", "-alg", "ES256"},
	} {
		cmd := program(t, args...)
		r := runToEnd(t, cmd)
		require.Equal(t, 0, r.code, r.stderr)
		files, err := os.ReadDir(cmd.Dir)
		require.NoError(t, err)
		var names string
		for _, f := range files {
			names += f.Name() + "\n"
		}
		assert.Equal(t, names, r.stdout)
		assert.Contains(t, names, "mine_private.")
	}
}

func TestDefaultKeyIsRSA4096ForRS512(t *testing.T) {
	t.Parallel()
	in := &input{options: newKeyOptions()}
	key, err := in.newKey()
	require.NoError(t, err)
	assert.Equal(t, keys.RS512, key.Algorithm())
	assert.Equal(t, 4096, key.PublicKey().Public().(*rsa.PublicKey).N.BitLen())
}

func TestExistingFilesAreKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	public := filepath.Join(dir, "mine_public.json")
	require.NoError(t, os.WriteFile(public, []byte("precious"), 0o600))
	r := invoke(t, "", "generatejsonwebkey", "-n", "mine", "-d", dir, "-alg", "ES256")
	assertFails(t, r, "file exists: mine_public.json")
	assert.NotContains(t, r.stderr, "Made")
	assert.Equal(t, "precious", string(read(t, public)))
	assert.NoFileExists(t, filepath.Join(dir, "mine_private.json"))
}

// tool runs openssl or keytool.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		programtest.Missing(t, name+" is not installed")
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func TestGenerateCertificateWritesThreeFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := program(t, "generatecertificate", "-cn", "My Hospital", "-dir", dir, "-vm", "12", "-ks", "2048")
	cmd.Env = append(cmd.Env, passwordVariable+"=from the environment")
	r := runToEnd(t, cmd)
	require.Equal(t, 0, r.code, r.stderr)
	pfx, pem, thumbprint := filepath.Join(dir, "My Hospital_private.pfx"), filepath.Join(dir, "My Hospital_public.pem"), filepath.Join(dir, "My Hospital_thumbprint.txt")
	assert.Equal(t, pfx+"\n"+pem+"\n"+thumbprint+"\n", r.stdout)
	assert.Equal(t, os.FileMode(0o600), mode(t, pfx))
	assert.NotContains(t, r.stderr, "from the environment")

	key, err := keystore.ParseKey(read(t, pfx), "My Hospital", "from the environment")
	require.NoError(t, err)
	leaf := key.Certificates()[0]
	assert.Equal(t, "SHA512-RSA", leaf.SignatureAlgorithm.String())
	assert.WithinDuration(t, leaf.NotBefore.AddDate(0, 12, 0), leaf.NotAfter, 24*60*60*1e9)
	assertNoSecrets(t, key, r)

	t.Run("openssl computes the same thumbprint", func(t *testing.T) {
		_, hex, _ := strings.Cut(tool(t, "openssl", "x509", "-in", pem, "-noout", "-fingerprint", "-sha1"), "=")
		assert.Equal(t, strings.ReplaceAll(strings.TrimSpace(hex), ":", ""), string(read(t, thumbprint)))
	})
	t.Run("openssl opens the pfx", func(t *testing.T) {
		out := tool(t, "openssl", "pkcs12", "-in", pfx, "-passin", "pass:from the environment", "-nodes")
		assert.Contains(t, out, "PRIVATE KEY")
		assert.Contains(t, out, "My Hospital")
	})
	t.Run("keytool opens the pfx", func(t *testing.T) {
		out := tool(t, "keytool", "-list", "-keystore", pfx, "-storetype", "PKCS12", "-storepass", "from the environment")
		assert.Contains(t, out, "PrivateKeyEntry")
		assert.Contains(t, strings.ToLower(out), "my hospital")
	})
}

func TestPasswordFromFileOrArgument(t *testing.T) {
	t.Parallel()
	d := newTestDir(t)
	d.write("windows", "from a file\r\n")
	d.write("marked", "\ufefffr\u00e5 fil\r\n")
	d.write("little", "\xff\xfef\x00r\x00\xe5\x00\n\x00")
	d.write("big", "\xfe\xff\x00f\x00r\x00\xe5")
	for name, tc := range map[string]struct {
		args     []string
		password string
		hint     bool
	}{
		"file":                         {[]string{"-pwdp", d.path("windows")}, "from a file", false},
		"UTF-8 with a byte order mark": {[]string{"-pwdp", d.path("marked")}, "fr\u00e5 fil", false},
		"UTF-16, little endian":        {[]string{"-pwdp", d.path("little")}, "fr\u00e5", false},
		"UTF-16, big endian":           {[]string{"-pwdp", d.path("big")}, "fr\u00e5", false},
		"argument":                     {[]string{"--CertificatePassword", "for all to see"}, "for all to see", true},
	} {
		t.Run(name, func(t *testing.T) {
			r := invoke(t, "", append([]string{"generatecertificate", "--CertificateCommonName", name, "--CertificateDirectory", d.dir, "-alg", "ES256"}, tc.args...)...)
			require.Equal(t, 0, r.code, r.stderr)
			_, err := keystore.ParseKey(read(t, d.path(name+"_private.pfx")), name, tc.password)
			assert.NoError(t, err)
			assert.Equal(t, tc.hint, strings.Contains(r.stderr, passwordVariable))
			assert.NotContains(t, r.stderr, tc.password)
		})
	}
	for rule, content := range map[string]string{
		"Latin-1": "fr\xe5", "half a unit": "\xff\xfef", "half a pair": "\xff\xfe\x3d\xd8f\x00", "no text": "\xff\xfe",
	} {
		d.write("password", content)
		r := invoke(t, "", "generatecertificate", "-cn", "refused", "-dir", d.dir, "-alg", "ES256", "-pwdp", d.path("password"))
		assert.Equal(t, 1, r.code, rule)
		assert.Contains(t, r.stderr, "the file of --CertificatePasswordPath is n", rule)
	}
}
