//go:build unix

package filestore_test

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/internal/must"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// refuses checks that Load, Save and Damaged refuse what is at path, without
// blocking, and that Save changes nothing.
func refuses(t *testing.T, d filestore.Dir, version string, rule error, path string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	before := names(t, d)
	check := func(call string, err error) {
		var refused *filestore.Error
		if assert.ErrorAs(t, err, &refused, call) {
			assert.Equal(t, filestore.Error{Path: path, Rule: rule}, *refused, call)
			assert.ErrorIs(t, err, rule, call)
			assert.ErrorIs(t, err, selfservice.ErrConfig, call)
		}
	}
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		blob, loaded, err := d.Load(ctx)
		check("Load", err)
		assert.Nil(t, blob)
		assert.Empty(t, loaded)
		_, err = d.Save(ctx, []byte("two"), version)
		check("Save", err)
		_, err = d.Damaged()
		check("Damaged", err)
	}()
	select {
	case <-returned:
	case <-ctx.Done():
		t.Fatal("a call blocks")
	}
	assert.Equal(t, before, names(t, d))
}

// TestOpenToOthers: others may have written what they can write, and know what they
// can read.
func TestOpenToOthers(t *testing.T) {
	d, version := saves(t, "one")
	for _, mode := range []os.FileMode{0o777, 0o755, 0o750, 0o770, 0o707, 0o711, 0o701, 0o777 | fs.ModeSticky, 0o770 | fs.ModeSetgid} {
		require.NoError(t, os.Chmod(string(d), mode))
		refuses(t, d, version, filestore.ErrMode, string(d))
	}
	require.NoError(t, os.Chmod(string(d), 0o700|fs.ModeSetgid)) // as in a volume with an fsGroup
	file := filepath.Join(string(d), "state-1")
	for _, mode := range []os.FileMode{0o666, 0o660, 0o640, 0o644, 0o604, 0o602, 0o610} {
		require.NoError(t, os.Chmod(file, mode))
		refuses(t, d, version, filestore.ErrMode, file)
	}
	require.NoError(t, os.Chmod(file, 0o400))
	must.Save(t, d, "two", version)
}

// TestOwner: files of another user are refused, also by root.
func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	d, version := saves(t, "one")
	require.NoError(t, os.Chown(string(d), 65534, 0))
	refuses(t, d, version, filestore.ErrOwner, string(d))
	require.NoError(t, os.Chown(string(d), 0, 65534))
	must.Save(t, d, "two", version)
	planted := filepath.Join(string(d), "state-9")
	content, err := os.ReadFile(filepath.Join(string(d), "state-1"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(planted, content, 0o600))
	require.NoError(t, os.Chown(planted, 65534, 0))
	refuses(t, d, version, filestore.ErrOwner, planted)
}

// TestNotARegularFile: no link is followed, not even within the directory, and
// nothing is opened that could block or have an effect.
func TestNotARegularFile(t *testing.T) {
	elsewhere, _ := saves(t, "of another client")
	other := filepath.Join(string(elsewhere), "state-1")
	for kind, plant := range map[string]func(name string) error{
		"a FIFO":                      func(name string) error { return syscall.Mkfifo(name, 0o600) },
		"a link":                      func(name string) error { return os.Symlink(other, name) },
		"a link within the directory": func(name string) error { return os.Symlink("state-1", name) },
		"a dangling link":             func(name string) error { return os.Symlink("nothing", name) },
		"a link to a device":          func(name string) error { return os.Symlink("/dev/zero", name) },
		"a directory":                 func(name string) error { return os.Mkdir(name, 0o700) },
		"a socket": func(name string) error {
			fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
			require.NoError(t, err)
			defer syscall.Close(fd)
			return syscall.Bind(fd, &syscall.SockaddrUnix{Name: name})
		},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Chdir(t.TempDir()) // the path of a socket must be short
			d := filestore.Dir("key")
			version := must.Save(t, d, "one", "")
			require.NoError(t, plant("key/state-9"))
			refuses(t, d, version, filestore.ErrType, "key/state-9")
		})
	}
}

// TestPathIsAFIFO, which an adversary put there who can write to its parent.
func TestPathIsAFIFO(t *testing.T) {
	d := filestore.Dir(filepath.Join(t.TempDir(), "key"))
	require.NoError(t, syscall.Mkfifo(string(d), 0o600))
	failed := make(chan error, 2)
	go func() {
		_, _, err := d.Load(t.Context())
		failed <- err
		_, err = d.Save(t.Context(), nil, "")
		failed <- err
	}()
	for range 2 {
		select {
		case err := <-failed:
			require.ErrorIs(t, err, syscall.ENOTDIR)
		case <-time.After(10 * time.Second):
			t.Fatal("it blocks")
		}
	}
}

// TestFileSize: Save does not write what Load would refuse.
func TestFileSize(t *testing.T) {
	d, version := saves(t, "one")
	_, err := d.Save(t.Context(), make([]byte, 4<<20), version)
	require.ErrorIs(t, err, filestore.ErrSize)
	must.Save(t, d, string(make([]byte, 4<<20-100)), version)
	planted := filepath.Join(string(d), "state-9")
	require.NoError(t, os.WriteFile(planted, nil, 0o600))
	require.NoError(t, os.Truncate(planted, 1<<40)) // sparse
	refuses(t, d, version, filestore.ErrSize, planted)
}

// openDir returns a directory that other users may enter, as that of t.TempDir is
// not.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nokkel-test-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

const another = 65534 // nobody

// asAnother runs the current test as another user, with dir in the environment.
func asAnother(t *testing.T, dir, variable string) {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	program, err := os.ReadFile(binary)
	require.NoError(t, err)
	test := filepath.Join(dir, "test") // where the other user may run it
	require.NoError(t, os.WriteFile(test, program, 0o755))
	cmd := exec.Command(test, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), variable+"="+dir)
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: another, Gid: another}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// TestPlantedState: another user puts a state into a directory of mode 0777, and a
// Rotator neither signs with that user's key nor publishes it.
func TestPlantedState(t *testing.T) {
	if dir, ok := os.LookupEnv("NOKKEL_DIR_PLANT"); ok {
		syscall.Umask(0)
		content, err := os.ReadFile(filepath.Join(dir, "theirs"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "key", "state-9"), content, 0o666))
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can act as another user")
	}
	parent := openDir(t)
	d := filestore.Dir(filepath.Join(parent, "key"))
	own := &selfservice.Rotator{Store: d}
	first := selfservice.Credential{Key: keystest.Key(t, keys.ES256)}
	require.NoError(t, own.Adopt(t.Context(), first))
	theirs := filestore.Dir(filepath.Join(parent, "other"))
	require.NoError(t, (&selfservice.Rotator{Store: theirs}).Adopt(t.Context(), selfservice.Credential{Key: keystest.Key(t, keys.ES256)}))
	content, err := os.ReadFile(filepath.Join(string(theirs), "state-1"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(parent, "theirs"), content, 0o644))
	require.NoError(t, os.Chmod(string(d), 0o777))

	asAnother(t, parent, "NOKKEL_DIR_PLANT")
	require.Contains(t, names(t, d), "state-9")

	fresh := &selfservice.Rotator{Store: d}
	_, err = fresh.SigningKey(t.Context())
	require.ErrorIs(t, err, filestore.ErrMode)
	set, err := fresh.Published(t.Context())
	require.ErrorIs(t, err, filestore.ErrMode)
	assert.Empty(t, set.Keys)
	key, err := own.SigningKey(t.Context())
	require.NoError(t, err, "a running process keeps its key")
	assert.Equal(t, first.Fingerprint(), key.Thumbprint())

	require.NoError(t, os.Chmod(string(d), 0o700)) // closed now, but the file is still there
	_, err = fresh.SigningKey(t.Context())
	require.ErrorIs(t, err, filestore.ErrOwner)
}
