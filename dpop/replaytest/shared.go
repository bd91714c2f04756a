package replaytest

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/dpop"
)

// What a worker process is told by its environment.
const (
	placeVariable = "NOKKEL_REPLAYTEST_PLACE"
	untilVariable = "NOKKEL_REPLAYTEST_UNTIL"
)

const (
	workers = 3
	proofs  = 500
)

// RunShared calls [Run], asks the cache whether it says that it is shared (see
// dpop.Replay), and then has several processes use one cache at once for the same
// proofs: each proof must pass in one of them.
//
// Each call of place names a new, empty place (a table, a prefix); open opens
// the cache at a place, in this process or in another. The other processes
// are this test binary, run again for the test t only: code before RunShared
// in that test runs there too.
func RunShared(t *testing.T, place func(t *testing.T) string, open func(t *testing.T, place string, maxKey int) dpop.Replay) {
	if os.Getenv(placeVariable) != "" {
		work(t, open(t, os.Getenv(placeVariable), proofs))
		return
	}
	Run(t, func(t *testing.T, maxKey int) dpop.Replay { return open(t, place(t), maxKey) })
	t.Run("it says that it is shared", func(t *testing.T) {
		if r, ok := open(t, place(t), 0).(interface{ Shared() bool }); !ok || !r.Shared() {
			t.Error("it has no Shared() bool that reports true, and nobody sees that nonces lack their Secrets")
		}
	})
	parent := t.Name()
	t.Run("of several processes one takes a proof", func(t *testing.T) { across(t, parent, place(t)) })
}

// work tries every proof and says which have passed.
func work(t *testing.T, r dpop.Replay) {
	until, err := strconv.ParseInt(os.Getenv(untilVariable), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n') // all begin together
	for i := range proofs {
		e := dpop.Entry{ID: sha256.Sum256([]byte(strconv.Itoa(i))), Until: time.Unix(until, 0)}
		switch err := r.Insert(t.Context(), e); {
		case err == nil:
			fmt.Println("passed", i)
		case !errors.Is(err, dpop.ErrReplayed):
			fmt.Println("failed", err)
		}
	}
}

func across(t *testing.T, test, place string) {
	var lines [workers]*bufio.Scanner
	var starts [workers]func()
	for i := range workers {
		// Every part of a name is matched as a whole.
		cmd := exec.Command(os.Args[0], "-test.count=1", "-test.v", "-test.run=^"+strings.ReplaceAll(test, "/", "$/^")+"$")
		cmd.Env = append(os.Environ(), placeVariable+"="+place, untilVariable+"="+strconv.FormatInt(time.Now().Add(5*time.Minute).Unix(), 10))
		cmd.Stderr = os.Stderr
		in, inErr := cmd.StdinPipe()
		out, outErr := cmd.StdoutPipe()
		if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
		})
		lines[i] = bufio.NewScanner(out)
		starts[i] = func() { in.Write([]byte("\n")) }
	}
	for i, l := range lines {
		for l.Scan() && l.Text() != "ready" {
		}
		if l.Text() != "ready" {
			t.Fatalf("process %d did not start", i)
		}
	}
	for _, start := range starts {
		start()
	}
	passed := make(map[string]int)
	for _, l := range lines {
		for l.Scan() {
			if proof, ok := strings.CutPrefix(l.Text(), "passed "); ok {
				passed[proof]++
			} else if strings.HasPrefix(l.Text(), "failed ") {
				t.Error(l.Text())
			}
		}
	}
	if len(passed) != proofs {
		t.Errorf("%d of %d proofs passed", len(passed), proofs)
	}
	for proof, n := range passed {
		if n != 1 {
			t.Errorf("proof %s passed in %d processes", proof, n)
		}
	}
}
