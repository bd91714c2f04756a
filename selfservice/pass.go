package selfservice

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// pass is one pass over the fleet.
type pass struct {
	fleet   *Fleet
	older   time.Time
	started time.Time
	limit   time.Duration // how long it waits for a server at most
	source  source

	mu     sync.Mutex
	report Report

	gate    sync.Mutex // of what servers hold
	servers map[string]*server

	// Of run alone.
	queue   visits           // of those who wait for a time
	holding map[*server]bool // for which some wait
	held    int              // wait for a server
	busy    int
	clear   time.Time // nobody begins before this
}

// maxWaiting is how many clients wait at a time: the rest begin later, so that
// memory does not grow with the fleet.
const maxWaiting = 4096

// run visits every client of the fleet.
func (p *pass) run(ctx context.Context) {
	defer p.source.stop()
	work, back := make(chan *visit), make(chan *visit)
	var workers sync.WaitGroup
	for range p.fleet.concurrency() {
		workers.Go(func() {
			for v := range work {
				back <- p.work(ctx, v)
			}
		})
	}
	defer func() { // also when what the caller supplies panics
		close(work)
		for ; p.busy > 0; p.busy-- {
			<-back
		}
		workers.Wait()
	}()
	for more := true; ctx.Err() == nil; {
		v, wake := p.pick(time.Now())
		if v == nil && more && p.busy < p.fleet.concurrency() && len(p.queue)+p.held < maxWaiting {
			if v = p.source.next(ctx); v == nil {
				more = false
			} else if v.server = p.server(v.r); !p.admits(v) {
				p.hold(v)
				v = nil
			}
			if v == nil {
				continue
			}
		}
		switch {
		case v != nil:
			if !v.begun && p.pace(ctx) != nil {
				return
			}
			work <- v // one of them is free
			p.busy++
		case p.busy == 0 && wake.IsZero():
			return
		default:
			p.await(ctx, back, wake)
		}
	}
}

// work makes a visit. It returns it unless it is at its end.
func (p *pass) work(ctx context.Context, v *visit) *visit {
	res, err := p.call(ctx, v)
	if err == nil && (res == later || res == barred) {
		v.barred = res == barred
		return v
	}
	p.source.done(ctx, v, err)
	p.count(res, err)
	return nil
}

// await waits for a worker to be free again, or for the time when somebody else
// may go on.
func (p *pass) await(ctx context.Context, back <-chan *visit, wake time.Time) {
	var due <-chan time.Time
	if !wake.IsZero() {
		timer := time.NewTimer(time.Until(wake))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-due:
	case v := <-back:
		p.busy--
		switch {
		case v == nil:
		case v.barred:
			p.hold(v)
		default:
			heap.Push(&p.queue, v)
		}
	}
}

// pick takes one out that may go on now, and says else when that will be; zero:
// not before a worker is free, or never.
func (p *pass) pick(now time.Time) (v *visit, wake time.Time) {
	if p.busy == p.fleet.concurrency() {
		return nil, time.Time{}
	}
	sooner := func(t time.Time) {
		if wake.IsZero() || t.Before(wake) {
			wake = t
		}
	}
	for len(p.queue) > 0 && !p.queue[0].at.After(now) {
		v := heap.Pop(&p.queue).(*visit)
		if p.admits(v) {
			return v, time.Time{}
		}
		p.hold(v)
	}
	if len(p.queue) > 0 {
		sooner(p.queue[0].at)
	}
	p.gate.Lock()
	defer p.gate.Unlock()
	for s := range p.holding {
		if s.lost(now, p.limit) {
			p.giveUp(s)
			continue
		}
		// Neighbours may have the same trouble: a scout is any one of them.
		i := 0
		if now.Before(s.until) {
			i = rand.IntN(len(s.waiting))
		}
		if v := s.waiting[i]; s.admits(v, now) {
			if s.waiting = slices.Delete(s.waiting, i, i+1); len(s.waiting) == 0 {
				delete(p.holding, s)
			}
			p.held--
			return v, time.Time{}
		}
		sooner(s.wake(p.limit))
	}
	return nil, wake
}

// giveUp leaves all who wait for a server to another pass.
func (p *pass) giveUp(s *server) {
	for range s.waiting {
		p.count(nothing, s.cause)
	}
	p.held -= len(s.waiting)
	s.waiting = nil
	delete(p.holding, s)
}

// hold has a visit wait for its server.
func (p *pass) hold(v *visit) {
	p.gate.Lock()
	defer p.gate.Unlock()
	v.server.waiting = append(v.server.waiting, v)
	p.holding[v.server] = true
	p.held++
}

// server returns the one that a client is at.
func (p *pass) server(r *Rotator) *server {
	name := located(r)
	p.gate.Lock()
	defer p.gate.Unlock()
	s := p.servers[name]
	if s == nil {
		s = &server{}
		p.servers[name] = s
	}
	return s
}

// pace waits until the next one may begin.
func (p *pass) pace(ctx context.Context) error {
	if wait := time.Until(p.clear); wait > 0 {
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
	p.clear = time.Now().Add(p.fleet.Interval)
	return ctx.Err()
}

// visits is a heap, the one that is due first on top.
type visits []*visit

func (q visits) Len() int           { return len(q) }
func (q visits) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q visits) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *visits) Push(v any)        { *q = append(*q, v.(*visit)) }

func (q *visits) Pop() any {
	last := len(*q) - 1
	v := (*q)[last]
	*q = (*q)[:last]
	return v
}
