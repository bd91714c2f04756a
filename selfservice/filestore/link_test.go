//go:build unix

package filestore_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/internal/must"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// linked returns a Dir whose directory was moved away, with a link in its place
// to that of another client.
func linked(t *testing.T) (d filestore.Dir, version string) {
	t.Helper()
	theirs, version := saves(t, "of another client")
	d, _ = saves(t, "one")
	require.NoError(t, os.Rename(string(d), string(d)+".away"))
	require.NoError(t, os.Symlink(string(theirs), string(d)))
	return d, version
}

// TestLinkOfAnotherUser: whoever can write to the parent does not choose among the
// states of this user by a link.
func TestLinkOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	d, version := linked(t)
	require.NoError(t, os.Lchown(string(d), another, 0))
	refuses(t, d, version, filestore.ErrLink, string(d))
	refuses(t, d+"/", version, filestore.ErrLink, string(d))
	require.NoError(t, os.Remove(string(d)))
	require.NoError(t, os.Symlink("nothing", string(d)))
	require.NoError(t, os.Lchown(string(d), another, 0))
	_, err := d.Save(t.Context(), []byte("two"), "")
	require.Error(t, err)
	assert.NoFileExists(t, filepath.Join(filepath.Dir(string(d)), "nothing"))
}

// TestOwnLink: a link that this user made leads where it says.
func TestOwnLink(t *testing.T) {
	d, version := linked(t)
	blob, now := must.Load(t, d)
	assert.Equal(t, "of another client", blob)
	assert.Equal(t, version, now)
	must.Save(t, d, "two", version)
}

// TestLinkOfRoot, as systemd makes one of a StateDirectory with DynamicUser.
func TestLinkOfRoot(t *testing.T) {
	if parent, ok := os.LookupEnv("NOKKEL_DIR_ROOT"); ok {
		d := filestore.Dir(filepath.Join(parent, "key"))
		version := must.Save(t, d, "one", "")
		blob, now := must.Load(t, d)
		assert.Equal(t, "one", blob)
		assert.Equal(t, version, now)
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can act as another user")
	}
	parent := openDir(t)
	require.NoError(t, os.MkdirAll(filepath.Join(parent, "private", "key"), 0o755))
	require.NoError(t, os.Chmod(filepath.Join(parent, "private", "key"), 0o700))
	require.NoError(t, os.Chown(filepath.Join(parent, "private", "key"), another, another))
	require.NoError(t, os.Symlink("private/key", filepath.Join(parent, "key")))
	asAnother(t, parent, "NOKKEL_DIR_ROOT")
	assert.FileExists(t, filepath.Join(parent, "private", "key", "state-1"))
}
