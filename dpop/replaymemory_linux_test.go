package dpop_test

import (
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/nokkel/nokkel/dpop"
)

// threadTime returns the CPU time of this thread (clock_gettime(2)).
func threadTime() time.Duration {
	const threadCPU = 3 // CLOCK_THREAD_CPUTIME_ID
	var at syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, threadCPU, uintptr(unsafe.Pointer(&at)), 0)
	return time.Duration(at.Nano())
}

// BenchmarkMemory fills a cache with 1,000,000 live proofs by as many keys. It
// reports the size of an entry, and the median and maximum of all calls in CPU
// time of the thread, which other work on the machine does not affect.
func BenchmarkMemory(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for b.Loop() {
		const live = 1_000_000
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		m := &dpop.Memory{Max: live + 1}
		now := time.Now()
		took := make([]time.Duration, live)
		for i := range took {
			e := entry(0)
			e.Until = now.Add(60*time.Second + time.Duration(i)*20*time.Second/live)
			start := threadTime()
			err := m.Insert(b.Context(), e)
			took[i] = threadTime() - start
			if err != nil {
				b.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		bytes := float64(after.HeapAlloc-before.HeapAlloc) - float64(8*live) // took
		slices.Sort(took)
		b.ReportMetric(bytes/live, "B/entry")
		b.ReportMetric(float64(took[live/2]), "ns/insert")
		b.ReportMetric(float64(took[live*999/1000]), "ns/insert-p99.9")
		b.ReportMetric(float64(took[live-1])/1e6, "ms-worst")
		runtime.KeepAlive(m)
	}
}

// BenchmarkMemoryParallel measures a full cache in use by all cores.
func BenchmarkMemoryParallel(b *testing.B) {
	m := &dpop.Memory{Max: 1 << 30}
	for range 1_000_000 {
		if err := m.Insert(b.Context(), entry(time.Hour)); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := m.Insert(b.Context(), entry(time.Hour)); err != nil {
				b.Error(err)
			}
		}
	})
}
