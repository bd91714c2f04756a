//go:build unix

package atomicfile_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nokkel/nokkel/internal/atomicfile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The mode depends neither on the umask nor on the file that is replaced.
func TestWriteSetsTheMode(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077, 0o777} {
		for _, mode := range []fs.FileMode{0o600, 0o644, 0o400} {
			name := filepath.Join(t.TempDir(), "file")
			for _, overwrite := range []bool{false, true} {
				old := syscall.Umask(umask)
				err := atomicfile.Write(name, []byte("x"), mode, overwrite)
				syscall.Umask(old)
				require.NoError(t, err)
				info, err := os.Lstat(name)
				require.NoError(t, err)
				assert.Equal(t, mode, info.Mode(), "umask %03o", umask)
				require.NoError(t, os.Chmod(name, 0o666))
			}
		}
	}
}

// Another user of the directory keeps replacing the name by a private file, which
// must stay private.
func TestWriteChangesTheModeOfNoOtherFile(t *testing.T) {
	dir := t.TempDir()
	private, public, swap := filepath.Join(dir, "private"), filepath.Join(dir, "public"), filepath.Join(dir, "swap")
	require.NoError(t, atomicfile.Write(private, []byte("secret"), 0o600, false))
	const enough = 1000
	var swaps atomic.Int64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				os.Remove(swap)
				if os.Link(private, swap) == nil && os.Rename(swap, public) == nil {
					swaps.Add(1)
				}
				os.Remove(public)
				os.Symlink(private, public)
			}
		}
	}()
	for start := time.Now(); swaps.Load() < enough && time.Since(start) < time.Minute; {
		if err := atomicfile.Write(public, []byte("public"), 0o644, true); err != nil {
			require.ErrorIs(t, err, fs.ErrNotExist) // the adversary may remove it
		}
	}
	close(stop)
	<-done
	require.GreaterOrEqual(t, swaps.Load(), int64(enough))
	info, err := os.Stat(private)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode())
	content, err := os.ReadFile(private)
	require.NoError(t, err)
	assert.Equal(t, "secret", string(content))
}

// A FIFO in place of the directory is refused without blocking.
func TestDirectoryIsAFIFO(t *testing.T) {
	name := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(name, 0o600))
	refused := make(chan error, 2)
	go func() {
		refused <- atomicfile.Write(filepath.Join(name, "file"), nil, 0o600, true)
		_, err := atomicfile.OpenDir(name)
		refused <- err
	}()
	for range 2 {
		select {
		case err := <-refused:
			require.ErrorIs(t, err, syscall.ENOTDIR)
		case <-time.After(10 * time.Second):
			t.Fatal("it hangs")
		}
	}
}

// TestMkdirAll checks that only the owner can enter new parents.
func TestMkdirAll(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{"a/b/c", "a/b/c", filepath.Join(t.TempDir(), "d/e") + "/", "."} {
		require.NoError(t, atomicfile.MkdirAll(path))
		info, err := os.Stat(path)
		require.NoError(t, err)
		if path != "." {
			assert.Equal(t, fs.ModeDir|0o700, info.Mode(), path)
		}
	}
	require.NoError(t, os.WriteFile("file", nil, 0o600))
	assert.ErrorIs(t, atomicfile.MkdirAll("file/below"), syscall.ENOTDIR)
}

// The parent of a directory that exists may be one that can be entered but not
// read.
func TestMkdirAllBelowADirectoryThatCannotBeRead(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "keys")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.Chmod(parent, 0o311))
	defer os.Chmod(parent, 0o700)
	if f, err := os.Open(parent); err == nil { // root reads everything
		f.Close()
		t.Skip("this user reads every directory")
	}
	assert.NoError(t, atomicfile.MkdirAll(dir))
	require.NoError(t, os.Chmod(parent, 0o100))
	assert.ErrorIs(t, atomicfile.MkdirAll(filepath.Join(parent, "other")), fs.ErrPermission)
}

// What a killed process has left goes, and nothing else.
func TestWriteRemovesAbandonedFiles(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-2 * time.Hour)
	for _, name := range []string{".nokkel-ABANDONED", ".nokkel-INUSE", "nokkel-other", ".nokkel-directory/x"} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		if name != ".nokkel-INUSE" {
			require.NoError(t, os.Chtimes(path, old, old))
			require.NoError(t, os.Chtimes(filepath.Dir(path), old, old))
		}
	}
	require.NoError(t, atomicfile.Write(filepath.Join(dir, "key"), nil, 0o600, false))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	assert.Equal(t, []string{".nokkel-INUSE", ".nokkel-directory", "key", "nokkel-other"}, names)
}

// A name must not be a directory or lead out of its own.
func TestWriteNeedsAFileName(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.Mkdir("dir", 0o700))
	for _, name := range []string{"", ".", "..", "dir/", "dir/.", "dir/..", "dir", "absent/"} {
		for _, overwrite := range []bool{false, true} {
			assert.Error(t, atomicfile.Write(name, []byte("x"), 0o600, overwrite), fmt.Sprintf("%q", name))
		}
	}
	entries, err := filepath.Glob("*")
	require.NoError(t, err)
	hidden, err := filepath.Glob(".nokkel-*")
	require.NoError(t, err)
	assert.Equal(t, []string{"dir"}, entries)
	assert.Empty(t, hidden)
}
