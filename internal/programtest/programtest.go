// Package programtest runs programs for tests: the program under test and servers
// of other projects.
package programtest

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asProgram is set to 1 for a test binary that runs as its program.
const asProgram = "NOKKEL_TEST_AS_PROGRAM"

// Main is for TestMain of a program. It lets [Self] run the program without another
// build, and twice as many tests at once as there are processors by default: they
// mostly wait.
func Main(m *testing.M, program func()) {
	if os.Getenv(asProgram) == "1" {
		program()
		os.Exit(0)
	}
	flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))) // -parallel overrides it
	os.Exit(m.Run())
}

// Self returns a command that runs the program of this test binary.
func Self(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

// Missing skips a test whose program or server is not available. It fails the test
// if NOKKEL_LIVE is 1.
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

// startLimit bounds the time until a program is ready. A JVM on a busy machine takes
// most of it.
const startLimit = 3 * time.Minute

// Start starts a program and waits until its standard output or error matches. It
// kills the program when the test ends, and logs the output of a failed test.
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
			t.Logf("output of %s:\n%s", cmd.Path, p.Log())
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

// Log returns the output so far.
func (p *Process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// Stop sends SIGTERM, requires exit status 0 and returns the output.
func (p *Process) Stop(t testing.TB) string {
	t.Helper()
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	<-p.end
	require.NoError(t, p.err, p.Log())
	return p.Log()
}
