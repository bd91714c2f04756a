// Package replaytest checks an implementation of dpop.Replay against the
// contract that the interface states:
//
//	func TestReplay(t *testing.T) {
//		replaytest.Run(t, func(t *testing.T, maxKey int) dpop.Replay { return newEmptyCache(t, maxKey) })
//	}
//
// A cache that processes share is checked by [RunShared] too.
package replaytest

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/nokkel/nokkel/dpop"
)

// Run checks every rule of the contract that one process can check. Each call
// of open returns another empty cache that takes maxKey proofs by one key at
// a time; 0 means the cache's own default, of at least 200. The checks run in
// parallel; the longest one waits for the cache to forget, for 30 s at most.
func Run(t *testing.T, open func(t *testing.T, maxKey int) dpop.Replay) {
	for _, r := range contract() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.check(t, open(t, r.maxKey))
		})
	}
}

// rule is one rule of the contract.
type rule struct {
	name   string
	maxKey int
	check  func(t *testing.T, r dpop.Replay)
}

func contract() []rule {
	return []rule{
		{"an ID is taken once", 0, takesOnce},
		{"of many calls at once one passes", 0, oneOfMany},
		{"an ID is the same whatever else the entry says", 0, sameID},
		{"IDs that differ anywhere in their first half are others", 0, differ},
		{"a time that has passed is refused", 0, refusesPast},
		{"an entry never passes again, not when its time is over either", 0, neverAgain},
		{"a key that has had its share leaves room for others", 3, leavesRoom},
		{"what is over makes room", 3, makesRoom},
	}
}

// NewEntry returns an entry of a new key and "jti" that ends after d.
func NewEntry(d time.Duration) dpop.Entry {
	e := dpop.Entry{Until: time.Now().Add(d)}
	rand.Read(e.ID[:])
	rand.Read(e.Owner[:])
	return e
}

// by returns another entry by the key of e that ends when that does.
func by(e dpop.Entry) dpop.Entry {
	e.ID = NewEntry(0).ID
	return e
}

func wants(t *testing.T, r dpop.Replay, e dpop.Entry, want error) {
	t.Helper()
	if err := r.Insert(t.Context(), e); !errors.Is(err, want) {
		t.Fatalf("Insert: %v; want %v", err, want)
	}
}

func takesOnce(t *testing.T, r dpop.Replay) {
	for _, e := range []dpop.Entry{NewEntry(time.Minute), NewEntry(70 * time.Second), NewEntry(500 * time.Second)} {
		wants(t, r, e, nil)
		wants(t, r, e, dpop.ErrReplayed)
		wants(t, r, e, dpop.ErrReplayed)
		wants(t, r, by(e), nil)
	}
	wants(t, r, dpop.Entry{Until: time.Now().Add(time.Minute)}, nil) // zeros are an ID as well
	wants(t, r, dpop.Entry{Until: time.Now().Add(time.Minute)}, dpop.ErrReplayed)
}

func oneOfMany(t *testing.T, r dpop.Replay) {
	for range 5 {
		e := NewEntry(time.Minute)
		passed := 0
		for _, err := range atOnce(t.Context(), r, e, 100) {
			if err == nil {
				passed++
			} else if !errors.Is(err, dpop.ErrReplayed) {
				t.Errorf("Insert of one entry 100 times at once: %v", err)
			}
		}
		if passed != 1 {
			t.Fatalf("of 100 calls at once %d passed", passed)
		}
	}
}

func atOnce(ctx context.Context, r dpop.Replay, e dpop.Entry, n int) []error {
	results := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			results[i] = r.Insert(ctx, e)
		})
	}
	close(start)
	all.Wait()
	return results
}

func sameID(t *testing.T, r dpop.Replay) {
	e := NewEntry(time.Minute)
	wants(t, r, e, nil)
	for _, d := range []time.Duration{-30 * time.Second, -time.Second, time.Millisecond, time.Second, 15 * time.Second, 5 * time.Minute} {
		again := e
		again.Until = e.Until.Add(d)
		wants(t, r, again, dpop.ErrReplayed)
	}
}

func differ(t *testing.T, r dpop.Replay) {
	e := NewEntry(time.Minute)
	wants(t, r, e, nil)
	for i := range 16 {
		other := e
		other.ID[i] ^= 1
		wants(t, r, other, nil)
		other.ID[i] ^= 0x81
		wants(t, r, other, nil)
		wants(t, r, other, dpop.ErrReplayed)
	}
	wants(t, r, e, dpop.ErrReplayed)
}

func refusesPast(t *testing.T, r dpop.Replay) {
	for _, d := range []time.Duration{-2 * time.Second, -time.Minute, -time.Hour, -24 * time.Hour} {
		wants(t, r, NewEntry(d), dpop.ErrProofTime)
	}
	e := NewEntry(-time.Hour)
	wants(t, r, e, dpop.ErrProofTime)
	e.Until = time.Now().Add(time.Minute)
	wants(t, r, e, nil) // what was refused is not remembered
}

func neverAgain(t *testing.T, r dpop.Replay) {
	entries := []dpop.Entry{NewEntry(1100 * time.Millisecond), NewEntry(1500 * time.Millisecond), NewEntry(1999 * time.Millisecond)}
	for _, e := range entries {
		wants(t, r, e, nil)
	}
	for end := entries[2].Until.Add(2 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		for _, e := range entries {
			early := time.Now().Before(e.Until.Add(-time.Second)) // by another clock than ours
			switch err := r.Insert(t.Context(), e); {
			case errors.Is(err, dpop.ErrReplayed), errors.Is(err, dpop.ErrProofTime) && !early:
			default:
				t.Fatalf("Insert for the second time, %v before its end: %v", time.Until(e.Until), err)
			}
		}
	}
	for _, e := range entries {
		wants(t, r, e, dpop.ErrProofTime)
	}
}

func leavesRoom(t *testing.T, r dpop.Replay) {
	greedy, other := NewEntry(time.Minute), NewEntry(time.Minute)
	wants(t, r, greedy, nil)
	wants(t, r, by(greedy), nil)
	third := by(greedy)
	third.Until = third.Until.Add(20 * time.Second)
	wants(t, r, third, nil)
	for range 10 {
		wants(t, r, by(greedy), dpop.ErrReplayKeyFull)
		wants(t, r, by(other), nil)
		other = NewEntry(time.Minute)
	}
	wants(t, r, greedy, dpop.ErrReplayed) // still the better answer
	wants(t, r, third, dpop.ErrReplayed)
}

func makesRoom(t *testing.T, r dpop.Replay) {
	first := NewEntry(2 * time.Second)
	wants(t, r, first, nil)
	wants(t, r, by(first), nil)
	wants(t, r, by(first), nil)
	late := by(first)
	late.Until = time.Now().Add(2 * time.Minute)
	wants(t, r, late, dpop.ErrReplayKeyFull)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		err := r.Insert(t.Context(), late) // what was refused is not remembered
		if err == nil {
			break
		}
		if !errors.Is(err, dpop.ErrReplayKeyFull) || time.Now().After(deadline) {
			t.Fatalf("Insert %v after the others' end: %v", time.Since(first.Until), err)
		}
	}
	if time.Now().Before(first.Until.Add(-time.Second)) {
		t.Fatal("it made room by forgetting what was not over")
	}
	wants(t, r, late, dpop.ErrReplayed)
}
