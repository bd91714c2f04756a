package replaytest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/replaytest"
	"github.com/stretchr/testify/assert"
)

// broken is a cache with a fault.
type broken struct {
	dpop.Memory
	insert func(m *dpop.Memory, e dpop.Entry) error
}

func (b *broken) Insert(ctx context.Context, e dpop.Entry) error { return b.insert(&b.Memory, e) }

// faults returns caches that each break one rule of the contract, by the subtest
// that must fail.
func faults() map[string]func(m *dpop.Memory, e dpop.Entry) error {
	plain := func(m *dpop.Memory, e dpop.Entry) error { return m.Insert(context.Background(), e) }
	forever := make(map[[32]byte]time.Time) // expires entries without an error
	var mu sync.Mutex
	return map[string]func(m *dpop.Memory, e dpop.Entry) error{
		"an_ID_is_taken_once": func(m *dpop.Memory, e dpop.Entry) error { return nil },
		"of_many_calls_at_once_one_passes": func(m *dpop.Memory, e dpop.Entry) error { // checks, then inserts
			mu.Lock()
			_, there := forever[e.ID]
			mu.Unlock()
			if there {
				return dpop.ErrReplayed
			}
			time.Sleep(time.Millisecond)
			mu.Lock()
			forever[e.ID] = e.Until
			mu.Unlock()
			return nil
		},
		"an_ID_is_the_same_whatever_else_the_entry_says": func(m *dpop.Memory, e dpop.Entry) error {
			e.ID[31] ^= byte(e.Until.Unix())
			e.ID[0] ^= byte(e.Until.Unix())
			return plain(m, e)
		},
		"IDs_that_differ_anywhere_in_their_first_half_are_others": func(m *dpop.Memory, e dpop.Entry) error {
			e.ID[15] = 0
			return plain(m, e)
		},
		"a_time_that_has_passed_is_refused": func(m *dpop.Memory, e dpop.Entry) error {
			if err := plain(m, e); !errors.Is(err, dpop.ErrProofTime) {
				return err
			}
			return nil
		},
		"an_entry_never_passes_again,_not_when_its_time_is_over_either": func(m *dpop.Memory, e dpop.Entry) error {
			mu.Lock()
			defer mu.Unlock()
			if time.Until(e.Until) < -2*time.Second {
				return dpop.ErrProofTime
			}
			if time.Now().Before(forever[e.ID]) {
				return dpop.ErrReplayed
			}
			forever[e.ID] = e.Until
			return nil
		},
		"a_key_that_has_had_its_share_leaves_room_for_others": func(m *dpop.Memory, e dpop.Entry) error {
			e.Owner = [32]byte{}
			return plain(m, e)
		},
	}
}

const faultVariable = "NOKKEL_REPLAYTEST_FAULT"

// TestFaultsAreFound runs the failing subtest of each fault in another process.
func TestFaultsAreFound(t *testing.T) {
	if fault := os.Getenv(faultVariable); fault != "" {
		insert := faults()[fault]
		replaytest.Run(t, func(t *testing.T, maxKey int) dpop.Replay {
			return &broken{dpop.Memory{MaxKey: maxKey}, insert}
		})
		return
	}
	for fault := range faults() {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestFaultsAreFound$/^"+fault+"$", "-test.v")
			cmd.Env = append(os.Environ(), faultVariable+"="+fault)
			out, err := cmd.CombinedOutput()
			assert.Error(t, err)
			assert.Contains(t, string(out), "--- FAIL: TestFaultsAreFound/"+fault)
		})
	}
}

// TestSharedSaysSo runs in another process what fails for a cache that does not.
func TestSharedSaysSo(t *testing.T) {
	const check = "it_says_that_it_is_shared"
	if os.Getenv(faultVariable) == check {
		replaytest.RunShared(t, func(*testing.T) string { return "" },
			func(*testing.T, string, int) dpop.Replay { return &dpop.Memory{} })
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestSharedSaysSo$/^"+check+"$", "-test.v")
	cmd.Env = append(os.Environ(), faultVariable+"="+check)
	out, err := cmd.CombinedOutput()
	assert.Error(t, err)
	assert.Contains(t, string(out), "--- FAIL: TestSharedSaysSo/"+check)
}
