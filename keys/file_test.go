package keys_test

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// onlyFile checks that the file has this content and its directory no other file.
func onlyFile(t testing.TB, name, content string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(name))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.Equal(t, filepath.Base(name), entries[0].Name())
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, content, string(got))
}

func TestWriteFileRefusesToReplace(t *testing.T) {
	name := filepath.Join(t.TempDir(), "key.json")
	require.NoError(t, keys.WriteFile(name, []byte("old"), false))
	onlyFile(t, name, "old")
	err := keys.WriteFile(name, []byte("new"), false)
	require.ErrorIs(t, err, keys.ErrExists)
	assert.Equal(t, "keys: file exists: key.json", err.Error())
	onlyFile(t, name, "old")
	require.NoError(t, keys.WriteFile(name, []byte("new"), true))
	onlyFile(t, name, "new")
}

func TestWriteFileKeepsASymbolicLink(t *testing.T) {
	dir := t.TempDir()
	target, name := filepath.Join(dir, "target"), filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(target, name); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	assert.ErrorIs(t, keys.WriteFile(name, []byte("new"), false), keys.ErrExists, "dangling link")
	_, err := os.Stat(target)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestWriteFileFailureLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	require.Error(t, keys.WriteFile(filepath.Join(dir, "missing", "key"), nil, true))
	name := filepath.Join(dir, "directory")
	require.NoError(t, os.Mkdir(name, 0o700))
	require.Error(t, keys.WriteFile(name, []byte("x"), true), "a directory is not replaced")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "a temporary file is left")
}

func TestWriteFileConcurrentWriters(t *testing.T) {
	name := filepath.Join(t.TempDir(), "key.json")
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			switch err := keys.WriteFile(name, []byte("content"), false); {
			case err == nil:
				won.Add(1)
			default:
				assert.ErrorIs(t, err, keys.ErrExists)
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1, won.Load())
	onlyFile(t, name, "content")
}

func TestWriteFileReadersSeeOldOrNew(t *testing.T) {
	name := filepath.Join(t.TempDir(), "key.json")
	contents := []string{string(make([]byte, 5000)), "short"}
	require.NoError(t, keys.WriteFile(name, []byte(contents[0]), false))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 50 {
			assert.NoError(t, keys.WriteFile(name, []byte(contents[i%2]), true))
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		got, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Contains(t, contents, string(got))
	}
}
