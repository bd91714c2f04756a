//go:build unix

package keys_test

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWriteFileModeIs0600(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077, 0o277, 0o777} {
		name := filepath.Join(t.TempDir(), "key.json")
		old := syscall.Umask(umask)
		err := keys.WriteFile(name, []byte("x"), false)
		syscall.Umask(old)
		require.NoError(t, err)
		assertMode(t, name)
	}
	name := filepath.Join(t.TempDir(), "key.json")
	require.NoError(t, os.WriteFile(name, []byte("world-readable"), 0o644))
	require.NoError(t, keys.WriteFile(name, []byte("x"), true))
	assertMode(t, name)
}

func assertMode(t *testing.T, name string) {
	t.Helper()
	info, err := os.Stat(name)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
}

// A file size limit fails the write after the file was created, as a full disk
// does. It runs in a separate process, since it would apply to the test log too.
func TestWriteFileOnAFullDisk(t *testing.T) {
	if dir := os.Getenv("NOKKEL_TEST_DIR"); dir != "" {
		signal.Ignore(syscall.SIGXFSZ)
		var limit syscall.Rlimit
		require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
		defer syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit) // the test binary writes at exit
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 100, Max: limit.Max}))
		for _, replace := range []bool{false, true} {
			err := keys.WriteFile(filepath.Join(dir, "key.json"), make([]byte, 1000), replace)
			assert.ErrorIs(t, err, syscall.EFBIG)
		}
		return
	}
	name := filepath.Join(t.TempDir(), "key.json")
	require.NoError(t, keys.WriteFile(name, []byte("old"), false))
	binary, err := os.Executable()
	require.NoError(t, err)
	rerun(t, exec.CommandContext(t.Context(), binary), filepath.Dir(name))
	onlyFile(t, name, "old")
}

// As root the test runs again as another user, since modes do not restrict root.
func TestWriteFileInAReadOnlyDirectory(t *testing.T) {
	if dir := os.Getenv("NOKKEL_TEST_DIR"); dir != "" {
		for _, name := range []string{"key.json", "other.json"} {
			for _, replace := range []bool{false, true} {
				err := keys.WriteFile(filepath.Join(dir, name), []byte("new"), replace)
				assert.ErrorIs(t, err, os.ErrPermission)
			}
		}
		return
	}
	dir, err := os.MkdirTemp("", "nokkel-test-") // other users cannot enter t.TempDir
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "key.json")
	require.NoError(t, os.WriteFile(name, []byte("old"), 0o644))
	require.NoError(t, os.Chmod(dir, 0o555))
	defer os.Chmod(dir, 0o700)

	binary, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), binary)
	if os.Geteuid() == 0 {
		data, err := os.ReadFile(binary)
		require.NoError(t, err)
		cmd.Path = dir + ".test" // executable by the other user
		require.NoError(t, os.WriteFile(cmd.Path, data, 0o755))
		defer os.Remove(cmd.Path)
		cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	rerun(t, cmd, dir)
	onlyFile(t, name, "old")
}

// rerun runs the same test in another process of this test binary, with dir in
// its environment, and requires it to pass.
func rerun(t *testing.T, cmd *exec.Cmd, dir string) {
	t.Helper()
	cmd.Args = append(cmd.Args, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "NOKKEL_TEST_DIR="+dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "--- PASS: "+t.Name())
}
