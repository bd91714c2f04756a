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

// TestWriteFileOnAFullDisk: a file size limit fails the write as a full disk
// does, after the file was made. The limit would hit the test log too, hence
// another process.
func TestWriteFileOnAFullDisk(t *testing.T) {
	if dir := os.Getenv("NOKKEL_TEST_DIR"); dir != "" {
		signal.Ignore(syscall.SIGXFSZ)
		var limit syscall.Rlimit
		require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
		defer syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit) // for what the test binary writes at its end
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

// TestWriteFileInAReadOnlyDirectory goes on as another user where the tests
// run as root, whom no mode stops.
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
	dir, err := os.MkdirTemp("", "nokkel-test-") // t.TempDir is closed to other users
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
		cmd.Path = dir + ".test" // where the other user may run it
		require.NoError(t, os.WriteFile(cmd.Path, data, 0o755))
		defer os.Remove(cmd.Path)
		cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	rerun(t, cmd, dir)
	onlyFile(t, name, "old")
}

// rerun has this test binary run the same test with a folder in its
// environment, and expects it to pass there.
func rerun(t *testing.T, cmd *exec.Cmd, dir string) {
	t.Helper()
	cmd.Args = append(cmd.Args, "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "NOKKEL_TEST_DIR="+dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "--- PASS: "+t.Name())
}
