//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Another user of the directory renames the private file over the public one as
// soon as both exist.
func TestPrivateFileStaysPrivateWhenNamesAreSwapped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	swaps := 0
	for range 10 {
		private, public, swap := filepath.Join(dir, "mine_private.json"), filepath.Join(dir, "mine_public.json"), filepath.Join(dir, "swap")
		wait := start(t, program(t, "generatejsonwebkey", "-n", "mine", "-d", dir, "-alg", "ES256"))
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := os.Lstat(public); err == nil && os.Link(private, swap) == nil && os.Rename(swap, public) == nil {
					swaps++
				}
				os.Remove(swap) // rename does nothing when both names are the same file
			}
		}()
		r := wait()
		close(stop)
		<-stopped
		require.Equal(t, 0, r.code, r.stderr)
		assert.Equal(t, os.FileMode(0o600), mode(t, private))
		require.NoError(t, os.Remove(private))
		require.NoError(t, os.Remove(public))
	}
	require.NotZero(t, swaps)
}

// pipe makes a FIFO, as the shell does for <(...).
func pipe(t *testing.T) (name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(name, 0o600))
	return name
}

func TestSignalEndsTheReadingOfAPipe(t *testing.T) {
	t.Parallel()
	name := pipe(t)
	cmd := program(t, "helseid", "status", "-c", "x", "-a", "https://x", "-b", "https://x", "-ep", name)
	wait := start(t, cmd)
	end := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() }) // it hangs
	defer end.Stop()
	f, err := os.OpenFile(name, os.O_WRONLY, 0) // returns when the program has opened it
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	assertFails(t, wait(), "interrupted; nothing was changed")
}

func TestFileMayBeAPipe(t *testing.T) {
	t.Parallel()
	name := pipe(t)
	wrote := make(chan error, 1)
	go func() { wrote <- os.WriteFile(name, []byte("content"), 0) }()
	in := &input{console: &console{}, options: []option{{long: "Option", form: pathForm, value: name}}}
	data, err := in.file("Option")
	require.NoError(t, err)
	assert.Equal(t, "content", string(data))
	require.NoError(t, <-wrote)
}

func TestFileModesIgnoreTheUmask(t *testing.T) {
	t.Parallel()
	for _, umask := range []string{"000", "077", "277"} {
		dir := t.TempDir()
		cmd := program(t)
		cmd.Args = []string{"sh", "-c", `umask ` + umask + `; exec "$0" generatejsonwebkey -n mine -alg ES256 -d "$1"`, cmd.Path, dir}
		cmd.Path = "/bin/sh"
		r := runToEnd(t, cmd)
		require.Equal(t, 0, r.code, r.stderr)
		assert.Equal(t, os.FileMode(0o600), mode(t, filepath.Join(dir, "mine_private.json")), umask)
		assert.Equal(t, os.FileMode(0o644), mode(t, filepath.Join(dir, "mine_public.json")), umask)
	}
}
