package selfservice_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
)

var seeds = flag.Int("seeds", histories, "random histories to play")

// TestReplicasInAnyOrder runs three replicas over one store and one server. A random
// scheduler decides which one runs, which one is killed and how time passes. Each
// seed is one history; a failure names it.
func TestReplicasInAnyOrder(t *testing.T) {
	var total history
	var mu sync.Mutex
	var next atomic.Int64
	play := func(t *testing.T) {
		for seed := next.Add(1) - 1; seed < int64(*seeds) && !t.Failed(); seed = next.Add(1) - 1 {
			synctest.Test(t, func(t *testing.T) {
				h := play(t, uint64(seed))
				mu.Lock()
				defer mu.Unlock()
				total.rotations += h.rotations
				total.kills += h.kills
				total.requests += h.requests
				total.steps += h.steps
				total.refused += h.refused
			})
		}
	}
	t.Run("histories", func(t *testing.T) {
		for i := range runtime.GOMAXPROCS(0) {
			t.Run(strconv.Itoa(i), func(t *testing.T) { t.Parallel(); play(t) })
		}
	})
	if total.refused == 0 {
		t.Error("no request was refused, so no replica learned of a new secret from that")
	}
	t.Logf("%d seeds: %d rotations, %d kills, %d calls to store and server, %d requests, %d of them refused once, 0 failed",
		*seeds, total.rotations, total.kills, total.steps, total.requests, total.refused)
}

type history struct{ rotations, kills, steps, requests, refused int }

// scheduler blocks each call of each replica until it picks it.
type scheduler struct {
	t       *testing.T
	seed    uint64
	rand    *rand.Rand
	waiting chan *waiter
	server  *model.Server
	store   *selfservice.Mem
	watch   *selfservice.Rotator // parses what is stored only when it has changed
	history
}

type waiter struct {
	replica int
	resume  chan bool // false: it is killed before the call
	after   bool      // it is killed after the call
}

// call returns the IO of a replica.
func (s *scheduler) call(replica int) model.IO {
	return func(_ string, call func() error) error {
		w := &waiter{replica: replica, resume: make(chan bool)}
		s.waiting <- w
		if !<-w.resume {
			runtime.Goexit()
		}
		err := call()
		if w.after {
			runtime.Goexit()
		}
		return err
	}
}

// scheduled returns the store of a replica.
func (s *scheduler) scheduled(replica int) selfservice.Store {
	do := s.call(replica)
	at := func(point string) func(context.Context, func() error) error {
		return func(_ context.Context, call func() error) error { return do(point, call) }
	}
	return &hookedStore{Store: s.store, load: at("load"), save: at("save")}
}

// play plays the history of a seed, which takes 3 hours, and checks its end.
func play(t *testing.T, seed uint64) history {
	s := &scheduler{
		t: t, seed: seed, rand: rand.New(rand.NewPCG(seed, 1)), waiting: make(chan *waiter, 16),
		server: &model.Server{}, store: &selfservice.Mem{},
	}
	s.watch = &selfservice.Rotator{Store: s.store}
	kind := s.rand.IntN(6)
	timing := selfservice.Timing{Overlap: 10 * time.Minute, Reread: time.Minute, MaxAge: time.Hour, Propagation: -1}
	var provider func(model.IO) selfservice.Provider
	switch kind {
	case 0:
		provider = s.server.Registrar
	case 1:
		s.server.Propagation = 30 * time.Second
		provider = s.server.Registrar
	case 2:
		s.server.ReplaceAtOnce = true
		provider = s.server.Registrar
	case 3:
		s.server.Room = 2
		provider = s.server.Full
	case 4:
		s.server.Room = 2
		provider = s.server.FullIssuer
	case 5:
		s.server.Nodes, s.server.Propagation = 3, time.Minute
		timing.Propagation = time.Minute
		provider = s.server.Registrar
	}
	first := secretCredential("the first secret")
	s.server.Adopt(first)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := s.watch.Adopt(ctx, first); err != nil {
		t.Fatal(err)
	}

	replicas := make([]*selfservice.Rotator, 3)
	alive := make([]chan struct{}, 3)
	startReplica := func(i int) {
		r := &selfservice.Rotator{
			Provider: provider(s.call(i)),
			Store:    s.scheduled(i),
			Timing:   timing,
		}
		done := make(chan struct{})
		replicas[i], alive[i] = r, done
		go func() {
			defer close(done)
			r.Run(ctx)
		}()
	}
	for i := range replicas {
		startReplica(i)
	}

	var queue []*waiter
	end := time.Now().Add(3 * time.Hour)
	for time.Now().Before(end) {
		synctest.Wait()
		for len(s.waiting) > 0 {
			queue = append(queue, <-s.waiting)
		}
		for i, done := range alive {
			select {
			case <-done:
				startReplica(i)
			default:
			}
		}
		if len(queue) == 0 {
			for _, r := range replicas {
				s.request(ctx, r)
			}
			time.Sleep(time.Duration(1+s.rand.IntN(40)) * time.Second)
			continue
		}
		i := s.rand.IntN(len(queue))
		w := queue[i]
		queue = append(queue[:i], queue[i+1:]...)
		s.steps++
		switch s.rand.IntN(60) {
		case 0:
			s.kills++
			w.resume <- false
		case 1:
			s.kills++
			w.after = true
			w.resume <- true
		default:
			w.resume <- true
		}
		synctest.Wait()
		s.check()
	}
	st := s.status()
	s.rotations = st.Rotations
	// One rotation may be under way, before or after its registration.
	if got := s.server.Registered(); got < st.Rotations || got > st.Rotations+1 || got > st.Rotations && st.Pending == nil {
		t.Errorf("seed %d, kind %d: %d registrations for %d rotations", seed, kind, got, st.Rotations)
	}
	if st.Rotations < 2 {
		t.Errorf("seed %d, kind %d: only %d rotations in 3 hours", seed, kind, st.Rotations)
	}
	cancel()
	for {
		synctest.Wait()
		if len(s.waiting) == 0 && len(queue) == 0 {
			break
		}
		for len(s.waiting) > 0 {
			queue = append(queue, <-s.waiting)
		}
		for _, w := range queue {
			w.resume <- false
		}
		queue = nil
	}
	return s.history
}

func (s *scheduler) status() selfservice.Status {
	st, err := s.watch.Status(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return st
}

// check fails the test unless the server knows the active or the pending credential.
func (s *scheduler) check() {
	st := s.status()
	if s.server.Knows(st.Active.Fingerprint) || st.Pending != nil && s.server.Knows(st.Pending.Fingerprint) {
		return
	}
	s.t.Errorf("seed %d: locked out", s.seed)
}

// request makes a request with the replica's secret. A server that replaces at once
// may refuse it; the replica then names the new one.
func (s *scheduler) request(ctx context.Context, r *selfservice.Rotator) {
	secret, ok := inMemory(ctx, r)
	if !ok {
		return // it has not read the store yet
	}
	s.requests++
	if s.server.Accepts(fingerprint(secret)) {
		return
	}
	if !s.server.ReplaceAtOnce {
		s.t.Errorf("seed %d: a request failed at a server with overlap", s.seed)
		return
	}
	s.refused++
	go func() { // it waits for the store, and so for the scheduler
		other, err := r.SecretRefused(ctx, secret)
		if err == nil && ctx.Err() == nil && !s.server.Accepts(fingerprint(other)) {
			s.t.Errorf("seed %d: a request was refused, and so was its retry", s.seed)
		}
	}()
}

// inMemory returns the secret that r serves without reading the store.
func inMemory(ctx context.Context, r *selfservice.Rotator) (keys.Secret, bool) {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	secret, err := r.ClientSecret(ctx)
	return secret, err == nil
}
