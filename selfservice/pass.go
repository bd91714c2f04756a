package selfservice

import (
	"container/heap"
	"context"
	"iter"
	"sync"
	"time"
)

// visit is one client in a pass. A worker leaves it when its new credential has
// to be waited for, and a worker comes back to it.
type visit struct {
	r         *Rotator
	begun     bool
	rotations int   // before the pass
	own       int64 // switches made by this process before the pass
	attempts  int
	left      time.Duration // of the patience
	at        time.Time     // when to come back
}

// maxLater is how many clients wait at a time: the rest begin later, so that
// memory does not grow with the fleet.
const maxLater = 4096

// run visits every client of the fleet.
func (p *pass) run(ctx context.Context) {
	next, stop := iter.Pull(p.fleet.Rotators)
	defer stop()
	work, back := make(chan *visit), make(chan *visit)
	var workers sync.WaitGroup
	for range p.fleet.concurrency() {
		workers.Go(func() {
			for v := range work {
				if res, err := p.client(ctx, v); res != later || err != nil {
					p.count(res, err)
					v = nil
				}
				back <- v
			}
		})
	}
	var queue visits
	busy := 0
	defer func() { // also when Rotators panics
		close(work)
		for ; busy > 0; busy-- {
			<-back
		}
		workers.Wait()
	}()
	for more := true; more || busy > 0 || len(queue) > 0; {
		if ctx.Err() != nil {
			return
		}
		v, wait := queue.due(time.Now())
		if v == nil && more && len(queue) < maxLater && busy < p.fleet.concurrency() {
			if p.pace(ctx) != nil {
				return
			}
			if r, ok := next(); ok {
				v = &visit{r: r}
			} else {
				more = false
			}
		}
		if v != nil && busy < p.fleet.concurrency() {
			work <- v // one of them is free
			busy++
			continue
		}
		if v != nil {
			heap.Push(&queue, v)
		}
		if !more || busy == p.fleet.concurrency() || len(queue) >= maxLater {
			p.await(ctx, back, &queue, &busy, wait)
		}
	}
}

// await waits for a worker to be free again, or for the first of those in the
// queue to be due.
func (p *pass) await(ctx context.Context, back <-chan *visit, queue *visits, busy *int, wait time.Duration) {
	if *busy == 0 && len(*queue) == 0 {
		return
	}
	var due <-chan time.Time
	if len(*queue) > 0 && *busy < p.fleet.concurrency() {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-due:
	case v := <-back:
		*busy--
		if v != nil {
			heap.Push(queue, v)
		}
	}
}

// visits is a heap, the one that is due first on top.
type visits []*visit

// due takes the first one out if it is due, and says else how long that takes.
func (q *visits) due(now time.Time) (v *visit, wait time.Duration) {
	if len(*q) == 0 {
		return nil, 0
	}
	if wait = (*q)[0].at.Sub(now); wait > 0 {
		return nil, wait
	}
	return heap.Pop(q).(*visit), 0
}

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
