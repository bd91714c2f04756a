package main

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/nokkel/nokkel/internal/programtest"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mount mounts a tmpfs of 256 KiB, which takes root.
func mount(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("no tmpfs can be mounted here: %v", err)
	}
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(root, syscall.MNT_DETACH)) })
	return root
}

// fill leaves no room on a disk.
func fill(t *testing.T, root string) {
	assert.ErrorIs(t, os.WriteFile(root+"/full", make([]byte, 512<<10), 0o600), syscall.ENOSPC)
}

// Nothing is replaced for which there is no room, and what has room is saved on a
// disk that is full by then.
func TestFullDiskLosesNoCredential(t *testing.T) {
	t.Parallel()
	for command, args := range map[string][]string{"keycloak secret regenerate": {}, "keycloak key generate": {"-pwdp", "password"}} {
		t.Run(command, func(t *testing.T) {
			root := mount(t)
			k := newProxiedRealm(t, func(server http.Handler, w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost && (strings.HasSuffix(r.URL.Path, "/client-secret") || strings.HasSuffix(r.URL.Path, "/generate-and-download")) {
					fill(t, root)
				}
				server.ServeHTTP(w, r)
			})
			for i, arg := range args {
				if arg == "password" {
					k.write(arg, "password-of-the-store")
					args[i] = k.path(arg)
				}
			}
			args = append([]string{"-y", "-p", root + "/new"}, args...)

			fill(t, root)
			r := k.do(command, append(args, "-c", clientID)...)
			assertFails(t, r, syscall.ENOSPC.Error())
			assert.NoFileExists(t, root+"/new")
			require.True(t, k.acceptsSecret(k.secret), "nothing has been changed")

			require.NoError(t, os.Remove(root+"/full"))
			k.must(command, args...)
			assert.FileExists(t, root+"/full")
			assert.Less(t, len(readPrivate(t, root+"/new")), room)
			if command == "keycloak secret regenerate" {
				assert.True(t, k.acceptsSecret(keys.NewSecret(readPrivate(t, root+"/new"))))
			}
		})
	}
}

func TestSecretIsShownThatCannotBeSaved(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err == nil {
		err = exec.Command(strace, "-o", "/dev/null", "true").Run()
	}
	if err != nil {
		programtest.Missing(t, "strace does not run: "+err.Error())
	}
	k := newProxiedRealm(t, http.Handler.ServeHTTP)
	cmd := k.regenerate("-show")
	cmd.Path, cmd.Args = strace, append([]string{"strace", "-f", "-qqq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", "inject=pwrite64:error=ENOSPC"}, cmd.Args...)
	r := runToEnd(t, cmd)
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "a new secret was made but not saved")
	_, shown, _ := strings.Cut(r.stdout, "Secret: ")
	assert.True(t, k.acceptsSecret(keys.NewSecret(strings.TrimSpace(shown))), r.stdout)
}
