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

// The program that these tests run is this binary; it starts itself again for
// -kill.
func TestMain(m *testing.M) { programtest.Main(m, main) }

func TestWrongUse(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-clients", "0"}, {"-serve", "nowhere"}} {
		assert.Error(t, programtest.Self(args...).Run(), args)
	}
}

func TestAKilledDemoTakesItsRotatorWithIt(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	cmd := programtest.Self("-kill", "-for", "1m")
	cmd.Env = append(cmd.Env, "TMPDIR="+t.TempDir()) // which nobody is left to empty
	cmd.Stderr = write                               // its rotator's too: it ends with the last of them
	require.NoError(t, cmd.Start())
	write.Close()
	require.NoError(t, read.SetReadDeadline(time.Now().Add(time.Minute)))
	said := bufio.NewReader(read)
	for line := ""; !strings.HasPrefix(line, "called"); {
		line, err = said.ReadString('\n')
		require.NoError(t, err)
	}
	time.Sleep(300 * time.Millisecond) // then the rotator starts
	require.NoError(t, cmd.Process.Kill())
	cmd.Wait()
	_, err = io.Copy(io.Discard, said)
	assert.NoError(t, err, "somebody still runs")
}

func TestNoRequestFails(t *testing.T) {
	for name, args := range map[string][]string{
		"in one process":   {"-for", "1s"},
		"killed rotators":  {"-for", "2s", "-kill"},
		"replaced at once": {"-for", "1s", "-at-once"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			cmd := programtest.Self(append(args, "-rotations", "2", "-json", "-clients", "5")...)
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
