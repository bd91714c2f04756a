//go:build unix

package filestore

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFollowsNoLateLink: the file becomes a link to the state of another client, and
// a file again, while it is being read.
func TestFollowsNoLateLink(t *testing.T) {
	d := Dir(t.TempDir())
	require.NoError(t, os.Chmod(string(d), 0o700))
	own, other, link := filepath.Join(string(d), "own"), filepath.Join(string(d), "other"), filepath.Join(string(d), "link")
	require.NoError(t, os.WriteFile(own, []byte("own"), 0o600))
	require.NoError(t, os.WriteFile(other, []byte("other"), 0o600))
	f := opened(t, d)
	require.NoError(t, os.Symlink("other", f.file(1)))
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				os.Link(own, link)
				os.Rename(link, f.file(1))
				os.Symlink("other", link)
				os.Rename(link, f.file(1))
			}
		}
	}()
	const enough = 2000 // of each
	reads, refused := 0, 0
	for start := time.Now(); min(reads, refused) < enough && time.Since(start) < time.Minute; {
		raw, err := f.read(1)
		if err != nil {
			refused++ // with which error depends on the moment
			continue
		}
		reads++
		require.Equal(t, "own", string(raw))
	}
	close(stop)
	<-done
	assert.GreaterOrEqual(t, min(reads, refused), enough, "%d read, %d refused", reads, refused)
}

// TestFollowsNoLinkThatComesAndGoes: another user's link to the directory of another
// client takes the place of the directory, and gives it back, while it is opened.
func TestFollowsNoLinkThatComesAndGoes(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	parent := t.TempDir()
	path, away, link := filepath.Join(parent, "key"), filepath.Join(parent, "away"), filepath.Join(parent, "link")
	for _, dir := range []string{path, filepath.Join(parent, "other")} {
		_, err := Dir(dir).Save(t.Context(), []byte(filepath.Base(dir)), "")
		require.NoError(t, err)
	}
	require.NoError(t, os.Symlink("other", link))
	require.NoError(t, os.Lchown(link, 65534, 65534))
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				os.Rename(path, away)
				os.Rename(link, path)
				os.Rename(path, link)
				os.Rename(away, path)
			}
		}
	}()
	defer func() { close(stop); <-done }()
	for opened, refused := 0, 0; opened < 500 || refused < 500; {
		f, err := Dir(path).open() // as Load and Save do
		if err != nil || f == nil {
			refused++ // for which reason depends on the moment
			continue
		}
		raw, err := f.read(1)
		f.root.Close()
		require.NoError(t, err)
		blob, _ := decodeState(raw)
		require.Equal(t, "key", string(blob))
		opened++
	}
}
