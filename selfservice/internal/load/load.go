// Package load requests tokens while a test rotates a credential.
package load

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nokkel/nokkel/assertion"
)

// Load is a number of goroutines that request tokens until it is stopped.
type Load struct {
	done, failed atomic.Int64
	first        atomic.Pointer[error]
	stop         chan struct{}
	group        sync.WaitGroup
}

// Start starts n goroutines. Each calls tokens before each request, and pauses
// between requests; without a pause they alone would keep the machine busy.
func Start(n int, pause time.Duration, tokens func() *assertion.TokenSource) *Load {
	l := &Load{stop: make(chan struct{})}
	for range n {
		l.group.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				case <-time.After(pause):
				}
				_, err := tokens().Token(context.Background())
				l.done.Add(1)
				if err != nil {
					l.failed.Add(1)
					l.first.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	return l
}

// Stop ends the load. The test fails if a request failed, or if there was none.
func (l *Load) Stop(t *testing.T, name string) {
	t.Helper()
	close(l.stop)
	l.group.Wait()
	t.Logf("%s: %d requests, %d failures", name, l.done.Load(), l.failed.Load())
	if l.failed.Load() > 0 {
		t.Errorf("the first failure: %v", *l.first.Load())
	}
	if l.done.Load() == 0 {
		t.Error("no request was made")
	}
}
