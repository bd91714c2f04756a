package programtest

import (
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

//go:embed oidcprovider/provider.js
var oidcProvider []byte

// OIDCProvider runs node's oidc-provider, an independent authorization server, on
// loopback until the test ends, and returns its issuer. The clients are metadata of
// RFC 7591 §2; with an initial access token no others can register without it.
func OIDCProvider(t testing.TB, clients any, initialAccessToken ...string) (issuer string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		Missing(t, "node is not installed")
	}
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	modules := filepath.Join(cache, "nokkel", "oidc-provider")
	if _, err := os.Stat(filepath.Join(modules, "node_modules")); err != nil {
		Missing(t, "oidc-provider is not installed: see .ci/oidc-provider")
	}
	program := filepath.Join(t.TempDir(), "provider.mjs") // a module by its name: no package.json is beside it
	require.NoError(t, os.WriteFile(program, oidcProvider, 0o600))
	registered, err := json.Marshal(clients)
	require.NoError(t, err)

	cmd := exec.Command(node, append([]string{program, modules}, initialAccessToken...)...)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	t.Cleanup(func() { stdin.Close() })
	_, err = stdin.Write(append(registered, '\n'))
	require.NoError(t, err)
	return Start(t, cmd, regexp.MustCompile(`(?m)^(http\S+)\n`)).Ready[1]
}
