// Package programtest runs programs for tests: the one that a test binary is
// the test of, and servers of other makers.
package programtest

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asProgram makes a test binary be its program.
const asProgram = "NOKKEL_TEST_AS_PROGRAM"

// Main is for TestMain of a program: with it [Self] runs the program without a
// build of its own.
func Main(m *testing.M, program func()) {
	if os.Getenv(asProgram) == "1" {
		program()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Self returns a command that runs the program of this test binary.
func Self(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

// Missing skips a test that needs a program or a server which is not there, or
// fails it where NOKKEL_LIVE says that all of them are.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("NOKKEL_LIVE") == "1" {
		t.Fatal("NOKKEL_LIVE=1, but " + reason)
	}
	t.Skip(reason)
}

// Process is a program that runs until the test ends.
type Process struct {
	*exec.Cmd
	Ready []string // what the expression matched, and its groups

	mu    sync.Mutex
	out   bytes.Buffer
	match func(output []byte)
	err   error         // of Wait
	end   chan struct{} // closed when the process has ended
}

// startLimit is how long a program may take to be ready. A JVM on a busy
// machine takes most of it.
const startLimit = 3 * time.Minute

// Start starts a program and waits until its output, of both kinds, matches.
// It is killed when the test ends; what it said is then logged if the test has
// failed.
func Start(t testing.TB, cmd *exec.Cmd, ready *regexp.Regexp) *Process {
	t.Helper()
	p := &Process{Cmd: cmd, end: make(chan struct{})}
	matched := make(chan []string, 1)
	p.match = func(output []byte) {
		if m := ready.FindSubmatch(output); m != nil {
			p.match = func([]byte) {}
			groups := make([]string, len(m))
			for i, g := range m {
				groups[i] = string(g)
			}
			matched <- groups
		}
	}
	cmd.Stdout, cmd.Stderr = p, p
	require.NoError(t, cmd.Start())
	go func() { p.err = cmd.Wait(); close(p.end) }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-p.end
		if t.Failed() {
			t.Logf("%s says:\n%s", cmd.Path, p.Log())
		}
	})
	select {
	case p.Ready = <-matched:
	case <-p.end:
		t.Fatalf("the program ended: %v", p.err)
	case <-time.After(startLimit):
		t.Fatal("the program is not ready")
	}
	return p
}

// Write takes the output of the program.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out.Write(b)
	p.match(p.out.Bytes())
	return len(b), nil
}

// Log returns what the program has said so far.
func (p *Process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// Stop sends SIGTERM, waits for a good end and returns all that the program
// has said.
func (p *Process) Stop(t testing.TB) string {
	t.Helper()
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	<-p.end
	require.NoError(t, p.err, p.Log())
	return p.Log()
}
