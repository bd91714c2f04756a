package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDemo runs the program as a person would, each way once.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	program := filepath.Join(t.TempDir(), "demo")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Run("wrong use", func(t *testing.T) {
		for _, args := range [][]string{{"help"}, {"-clients", "0"}, {"-serve", "nowhere"}} {
			assert.Error(t, exec.Command(program, args...).Run(), args)
		}
	})
	t.Run("a killed demo takes its rotator with it", func(t *testing.T) {
		read, write, err := os.Pipe()
		require.NoError(t, err)
		defer read.Close()
		cmd := exec.Command(program, "-kill", "-for", "1m")
		cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir()) // which nobody is left to empty
		cmd.Stderr = write                                    // its rotator's too: it ends with the last of them
		require.NoError(t, cmd.Start())
		write.Close()
		time.Sleep(time.Second)
		require.NoError(t, cmd.Process.Kill())
		cmd.Wait()
		require.NoError(t, read.SetReadDeadline(time.Now().Add(20*time.Second)))
		_, err = io.Copy(io.Discard, read)
		assert.NoError(t, err, "somebody still runs")
	})
	for name, args := range map[string][]string{
		"in one process":   {"-for", "2s", "-rotations", "2"},
		"killed rotators":  {"-for", "4s", "-rotations", "2", "-kill"},
		"replaced at once": {"-for", "2s", "-rotations", "2", "-at-once"},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			cmd := exec.Command(program, append(args, "-json", "-clients", "5")...)
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			require.NoError(t, err, "%s", stderr.String())
			var r result
			require.NoError(t, json.Unmarshal(out, &r))
			assert.Zero(t, r.Failures, "%s", stderr.String())
			assert.Greater(t, r.Requests, int64(50))
			assert.Positive(t, r.Rotations)
			assert.Contains(t, stderr.String(), "registered by hand")
		})
	}
}
