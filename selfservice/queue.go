package selfservice

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// run visits every client of the fleet.
func (p *pass) run(ctx context.Context) {
	defer p.source.stop()
	work, back := make(chan *visit), make(chan *visit)
	var workers sync.WaitGroup
	for range p.workers {
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
		if v == nil && more && p.busy < p.workers && len(p.queue)+p.held < maxWaiting {
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
	if p.busy == p.workers {
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
			s.waiting[i] = s.waiting[0]
			if s.waiting = s.waiting[1:]; len(s.waiting) == 0 {
				delete(p.holding, s)
			}
			p.held -= v.weight()
			return v, time.Time{}
		}
		sooner(s.wake(p.limit))
	}
	return nil, wake
}

// giveUp leaves all who wait for a server to another pass.
func (p *pass) giveUp(s *server) {
	for _, v := range s.waiting {
		p.count(nothing, s.cause)
		p.held -= v.weight()
	}
	s.waiting = nil
	delete(p.holding, s)
}

// hold has a visit wait for its server.
func (p *pass) hold(v *visit) {
	p.gate.Lock()
	defer p.gate.Unlock()
	v.server.waiting = append(v.server.waiting, v)
	p.holding[v.server] = true
	p.held += v.weight()
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
	p.clear = time.Now().Add(p.interval)
	return ctx.Err()
}

// maxWaiting is how many clients wait at a time whose state has been read: the
// rest begin later, so that memory does not grow with the fleet.
const maxWaiting = 4096

// weight is what a visit counts for there. One that has not begun is small, and
// must not keep those from their turn who are at other servers.
func (v *visit) weight() int {
	if v.begun {
		return 1
	}
	return 0
}
