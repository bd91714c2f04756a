//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nokkel/nokkel/internal/programtest"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
	cmd := programtest.Self("-client", "x", "-scope", "x", "-api", "https://x", "-state", filepath.Join(t.TempDir(), "state"), "-key", name)
	require.NoError(t, cmd.Start())
	end := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() }) // it hangs
	defer end.Stop()
	f, err := os.OpenFile(name, os.O_WRONLY, 0) // returns when the program has opened it
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Error(t, cmd.Wait())
	assert.Equal(t, syscall.SIGTERM, cmd.ProcessState.Sys().(syscall.WaitStatus).Signal())
}

func TestKeyComesThroughAPipe(t *testing.T) {
	t.Parallel()
	server := helseidtest.New()
	defer server.Close()
	key := keystest.Key(t, keys.ES256)
	server.AddClient("my-service", key.PublicKey())
	jwk, err := key.PrivateJWK()
	require.NoError(t, err)
	name := pipe(t)
	wrote := make(chan error, 1)
	go func() { wrote <- os.WriteFile(name, jwk, 0) }()
	start(t, server, "-state", filepath.Join(t.TempDir(), "state"), "-key", name).Stop(t)
	require.NoError(t, <-wrote)
}
