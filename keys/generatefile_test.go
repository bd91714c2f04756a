package keys_test

import (
	"path/filepath"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGenerateFileReturnsOnlyWhatIsSaved(t *testing.T) {
	name := filepath.Join(t.TempDir(), "client_private.json")
	key, err := keys.GenerateFile(name, keys.ES384)
	require.NoError(t, err)
	saved, err := keys.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, keys.ES384, saved.Algorithm())
	assert.True(t, saved.PublicKey().Equal(key.PublicKey()))
	again, err := keys.GenerateFile(name, keys.ES384)
	require.ErrorIs(t, err, keys.ErrExists)
	assert.Nil(t, again)
	_, err = keys.GenerateFile(filepath.Join(t.TempDir(), "other"), "none")
	require.Error(t, err)
}
