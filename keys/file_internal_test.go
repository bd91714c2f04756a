package keys

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWriteFileWithoutHardLinks: FAT, and some network and overlay file systems.
func TestWriteFileWithoutHardLinks(t *testing.T) {
	noLinks := func(old, new string) error {
		return &os.LinkError{Op: "link", Old: old, New: new, Err: errors.ErrUnsupported}
	}
	name := filepath.Join(t.TempDir(), "key.json")
	require.NoError(t, writeFile(name, []byte("first"), false, noLinks))
	err := writeFile(name, []byte("second"), false, noLinks)
	assert.ErrorIs(t, err, ErrExists)
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, "first", string(content))
	entries, err := os.ReadDir(filepath.Dir(name))
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}
