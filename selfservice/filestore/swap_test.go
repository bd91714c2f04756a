//go:build unix

package filestore

import (
	"os"
	"path/filepath"
	"testing"

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
	reads := 0
	for range 5000 {
		raw, err := f.read(1)
		if err != nil {
			continue // which one depends on the moment
		}
		reads++
		require.Equal(t, "own", string(raw))
	}
	close(stop)
	<-done
	assert.NotZero(t, reads)
}
