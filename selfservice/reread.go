package selfservice

import (
	"context"
	"time"
)

const (
	// minReread is the least time between two readings of the store that
	// refused requests cause: there may be thousands of them a second.
	minReread = time.Second

	// rereadTimeout is how long a refused request waits for the store.
	rereadTimeout = 2 * time.Second
)

// reread returns when the store has been read after the call, or cannot be.
// All who wait share one reading, and there is about one a second.
func (r *Rotator) reread(ctx context.Context) {
	g := &r.rereads
	g.mu.Lock()
	done := g.next
	if done == nil {
		done = make(chan struct{})
		g.next = done
		go r.readFor(context.WithoutCancel(ctx), done, time.Until(g.begun.Add(minReread)))
	}
	wait := time.Until(g.begun.Add(minReread))
	g.mu.Unlock()
	patience := time.NewTimer(max(wait, 0) + rereadTimeout) // a store may ignore its context
	defer patience.Stop()
	select {
	case <-done:
	case <-patience.C:
	case <-ctx.Done():
	}
}

// recent reports whether refused requests had the store read just now.
func (g *rereads) recent() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Since(g.begun) < minReread
}

// readFor reads the store after that wait, for those who are there by then.
func (r *Rotator) readFor(ctx context.Context, done chan struct{}, wait time.Duration) {
	defer close(done)
	time.Sleep(wait)
	g := &r.rereads
	g.turn <- struct{}{} // one after the other
	defer func() { <-g.turn }()
	g.mu.Lock()
	g.next, g.begun = nil, time.Now() // who comes from now on may not see what this one reads
	g.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, rereadTimeout)
	defer cancel()
	r.read(ctx)
}
