package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/internal/programtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { programtest.Main(m, main) }

func TestUsageErrors(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-clients", "0"}, {"-serve", "nowhere"}} {
		assert.Error(t, programtest.Self(args...).Run(), args)
	}
}

func TestKilledDemoLeavesNoRotator(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	cmd := programtest.Self("-kill", "-for", "1m")
	cmd.Env = append(cmd.Env, "TMPDIR="+t.TempDir()) // a killed demo leaves files behind
	cmd.Stderr = write                               // inherited by the rotator: read ends when both have exited
	require.NoError(t, cmd.Start())
	write.Close()
	require.NoError(t, read.SetReadDeadline(time.Now().Add(time.Minute)))
	output := bufio.NewReader(read)
	for line := ""; !strings.HasPrefix(line, "called"); {
		line, err = output.ReadString('\n')
		require.NoError(t, err)
	}
	time.Sleep(300 * time.Millisecond) // give the rotator a chance to start
	require.NoError(t, cmd.Process.Kill())
	cmd.Wait()
	_, err = io.Copy(io.Discard, output)
	assert.NoError(t, err, "the rotator is still running")
}

func TestNoRequestFails(t *testing.T) {
	for name, option := range map[string]string{
		"in one process":   "-kill=false",
		"killed rotators":  "-kill",
		"replaced at once": "-at-once",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			cmd := programtest.Self(option, "-for", "1s", "-rotations", "2", "-json", "-clients", "5")
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			require.NoError(t, err, "%s", stderr.String())
			var r result
			require.NoError(t, json.Unmarshal(out, &r))
			assert.Zero(t, r.Failures, "%s", stderr.String())
			assert.Greater(t, r.Requests, int64(50))
			assert.GreaterOrEqual(t, r.Rotations, 2)
			assert.Equal(t, option == "-kill", r.Kills > 0)
			assert.Contains(t, stderr.String(), "registered by hand")
		})
	}
}
