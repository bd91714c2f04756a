package main

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// batchTime is how long a contender runs before it is the next one's turn: less
// than the scheduler of a busy machine lets anyone run, so that most batches
// are whole and their median is a quiet one's.
const batchTime = 500 * time.Microsecond

type figures struct {
	name        string
	nanoseconds float64 // of one operation, median
	allocs      float64 // of one operation, median
	ratio       float64 // median of the ratios to the first contender in the same round
}

// measure lets the contenders take turns. The first is what the others are
// compared with. The order turns by one each round, so that nobody always runs
// after the same neighbour.
func measure(contenders []contender, rounds, cpu int) []figures {
	sizes := make([]int, len(contenders))
	for i, c := range contenders {
		sizes[i] = batchSize(c)
	}
	times := make([][]float64, len(contenders))
	allocs := make([][]float64, len(contenders))
	for round := range rounds {
		for turn := range contenders {
			i := (round + turn) % len(contenders)
			t, a := batch(contenders[i], sizes[i], cpu)
			times[i], allocs[i] = append(times[i], t), append(allocs[i], a)
		}
	}
	out := make([]figures, len(contenders))
	for i, c := range contenders {
		ratios := make([]float64, rounds)
		for round := range rounds {
			ratios[round] = times[i][round] / times[0][round]
		}
		out[i] = figures{c.name, median(times[i]), median(allocs[i]), median(ratios)}
	}
	return out
}

// batch runs n operations on each of cpu goroutines. Each has its own clock,
// which starts after one more: that one finds everything cold after a garbage
// collection, and would be a tenth of a short batch.
func batch(c contender, n, cpu int) (nanoseconds, allocs float64) {
	var before, after runtime.MemStats
	runtime.GC() // nobody pays for another's garbage
	runtime.ReadMemStats(&before)
	var took atomic.Int64
	var wg sync.WaitGroup
	for range cpu {
		wg.Go(func() {
			c.make() // it was verified, and does not fail at random
			start := time.Now()
			for range n {
				c.make()
			}
			took.Add(time.Since(start).Nanoseconds())
		})
	}
	wg.Wait()
	runtime.ReadMemStats(&after)
	return float64(took.Load()) / float64(n*cpu), float64(after.Mallocs-before.Mallocs) / float64((n+1)*cpu)
}

func batchSize(c contender) int {
	n := 0
	for start := time.Now(); time.Since(start) < batchTime; n++ {
		c.make()
	}
	return max(n, 1)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}
