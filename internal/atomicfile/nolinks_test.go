package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FAT and some network and overlay file systems have no hard links.
func TestWriteWithoutHardLinks(t *testing.T) {
	noLinks := func(_ *os.Root, old, new string) error {
		return &os.LinkError{Op: "link", Old: old, New: new, Err: errors.ErrUnsupported}
	}
	name := filepath.Join(t.TempDir(), "key.json")
	require.NoError(t, write(name, []byte("first"), 0o600, false, noLinks))
	err := write(name, []byte("second"), 0o600, false, noLinks)
	assert.ErrorIs(t, err, fs.ErrExist)
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, "first", string(content))
	entries, err := os.ReadDir(filepath.Dir(name))
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

// info is a file of this mode, whatever was asked for.
type info struct {
	fs.FileInfo
	mode fs.FileMode
}

func (i info) Stat() (fs.FileInfo, error) { return i, nil }
func (i info) Mode() fs.FileMode          { return i.mode }

// Some mounted shares keep no modes, and say nothing.
func TestPrivateFilesNeedModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has access lists, not modes")
	}
	for mode, private := range map[fs.FileMode]bool{0o600: true, 0o400: true, 0o777: false, 0o640: false, 0o604: false} {
		err := kept(info{mode: mode}, 0o600)
		assert.Equal(t, private, err == nil, "%03o", mode)
		assert.NoError(t, kept(info{mode: mode}, 0o644), "a public file")
		if !private {
			assert.ErrorIs(t, err, ErrMode)
		}
	}
}
