package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
