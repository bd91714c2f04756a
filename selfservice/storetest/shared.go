package storetest

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nokkel/nokkel/selfservice"
)

// The environment of a worker process.
const (
	placeVariable  = "NOKKEL_STORETEST_PLACE"
	workerVariable = "NOKKEL_STORETEST_WORKER"
)

const (
	workers = 3
	kills   = 12 // of each worker
)

// RunShared runs [Run], and checks that what was saved through one store is what
// another one at the same place loads. Then several processes write to one store,
// each of which is killed (SIGKILL) again and again: no Save that was
// acknowledged is lost, none is done twice, and every blob is whole.
//
// Each call of place names a new, empty place (a directory, a row); open opens
// the store at a place, in this process or in another one. The other ones are
// this test binary, run again for the test t only: what stands before RunShared
// in that test runs there too.
func RunShared(t *testing.T, place func(t *testing.T) string, open func(t *testing.T, place string) selfservice.Store) {
	if worker := os.Getenv(workerVariable); worker != "" {
		work(t.Context(), open(t, os.Getenv(placeVariable)), worker)
		return
	}
	Run(t, func(t *testing.T) selfservice.Store { return open(t, place(t)) })
	t.Run("others load a save at once", func(t *testing.T) {
		at := place(t)
		seenByOthers(store{t, open(t, at)}, store{t, open(t, at)})
	})
	t.Run("processes that are killed lose nothing", func(t *testing.T) {
		parent, _ := strings.CutSuffix(t.Name(), "/processes_that_are_killed_lose_nothing")
		runKilled(t, parent, place(t), open)
	})
}

// seenByOthers saves twice through each of two stores of one place.
func seenByOthers(one, other store) {
	one.t.Helper()
	if blob, version := other.load(); version != "" {
		one.t.Fatalf("Load from a new place: %q, version %q", blob, version)
	}
	version := ""
	for i := range 4 {
		want := fmt.Sprint("state ", i)
		version = one.save([]byte(want), version)
		if blob, seen := other.load(); string(blob) != want || seen != version {
			one.t.Fatalf("Load after a Save through another store of this place: %q, version %q; want %q, version %q", blob, seen, want, version)
		}
		if i%2 == 1 {
			one, other = other, one
		}
	}
}

// shared is the blob that the workers save: how often each has done so.
type shared struct {
	Saves map[string]int
	Pad   string // makes a blob of several pages
	Sum   string // of Saves and Pad, to tell that the blob is whole
}

func (b *shared) sum() string {
	saves, _ := json.Marshal(b.Saves) // with sorted keys
	return fmt.Sprintf("%x", sha256.Sum256(append(saves, b.Pad...)))
}

// read returns the blob in the store, or an error if it is not whole.
func read(ctx context.Context, s selfservice.Store) (*shared, string, error) {
	blob, version, err := s.Load(ctx)
	state := &shared{Saves: map[string]int{}}
	if err != nil || version == "" {
		return state, version, err
	}
	if json.Unmarshal(blob, state) != nil || state.Sum != state.sum() {
		return nil, "", errors.New("the blob is not one that was saved")
	}
	return state, version, nil
}

// work saves until it is killed, and prints its count after each Save.
func work(ctx context.Context, s selfservice.Store, worker string) {
	for {
		state, version, err := read(ctx, s)
		if err == nil {
			state.Saves[worker]++
			state.Pad = rand.Text() + strings.Repeat("x", 10_000)
			state.Sum = state.sum()
			blob, _ := json.Marshal(state)
			_, err = s.Save(ctx, blob, version)
		}
		switch {
		case err == nil:
			fmt.Println("saved", state.Saves[worker])
		case !errors.Is(err, selfservice.ErrConflict):
			fmt.Println("failed", err)
			return
		}
	}
}

func runKilled(t *testing.T, parent, place string, open func(*testing.T, string) selfservice.Store) {
	acknowledged := make([]int, workers)
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			for range kills {
				acknowledged[i] = runWorker(t, parent, place, strconv.Itoa(i), acknowledged[i])
			}
		})
	}
	all.Wait()
	state, _, err := read(t.Context(), open(t, place))
	if err != nil {
		t.Fatalf("Load after the last kill: %v", err)
	}
	for i, last := range acknowledged {
		if n := state.Saves[strconv.Itoa(i)]; n != last && n != last+1 {
			t.Errorf("the store counts %d saves of worker %d, %d were acknowledged", n, i, last)
		}
	}
	t.Logf("%v saves acknowledged to %d processes, all killed; the store counts %v", acknowledged, workers*kills, state.Saves)
}

// runWorker runs a process, kills it soon after its first save, and returns the
// last count that it printed. A worker continues the count in the store, so each
// count is one more than the last one. The first may be two more, if the worker
// before it was killed between saving and printing.
func runWorker(t *testing.T, parent, place, worker string, last int) int {
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(parent), "/", "$/^") + "$"
	cmd := exec.Command(os.Args[0], "-test.run="+pattern, "-test.count=1")
	cmd.Env = append(os.Environ(), placeVariable+"="+place, workerVariable+"="+worker)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Errorf("starting a worker: %v", err)
		return last
	}
	defer cmd.Wait() // fails, as it was killed
	defer cmd.Process.Kill()
	var killer *time.Timer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		n, err := strconv.Atoi(strings.TrimPrefix(line, "saved "))
		if err != nil || n != last+1 && (killer != nil || n != last+2) {
			t.Errorf("worker %s after %d saves: %s", worker, last, line)
			return last
		}
		last = n
		if killer == nil {
			killer = time.AfterFunc(random(20*time.Millisecond), func() { cmd.Process.Kill() })
		}
	}
	if killer == nil {
		t.Errorf("worker %s ended before it saved", worker)
	}
	return last
}

func random(most time.Duration) time.Duration {
	n, _ := rand.Int(rand.Reader, big.NewInt(int64(most)))
	return time.Duration(n.Int64())
}
