package processes_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
)

// swarm is a number of replicas that are killed and restarted.
type swarm struct {
	t      *testing.T
	server *helseidtest.Server
	place  place
	store  selfservice.Store

	mu          sync.Mutex
	failed      []line // requests
	failedSteps int
	kills       int
	midRotation int // kills of a process in the middle of a rotation
	lost        int // of these: those after a registration that was not saved
}

// run runs the replicas until enough has happened.
func (s *swarm) run(enough func(rotations, midRotation int) bool) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var all sync.WaitGroup
	for range replicas {
		all.Go(func() {
			for ctx.Err() == nil {
				s.life(ctx)
			}
		})
	}
	for ctx.Err() == nil {
		time.Sleep(2 * time.Millisecond)
		rotations := s.watch()
		s.mu.Lock()
		if enough(rotations, s.midRotation) || len(s.failed) > 10 || s.t.Failed() {
			cancel()
		}
		s.mu.Unlock()
	}
	all.Wait()
}

// watch checks that the client is not locked out.
func (s *swarm) watch() (rotations int) {
	st := s.status()
	stored := s.usable(st)
	if !slices.ContainsFunc(stored, s.accepted) && slices.Equal(stored, s.usable(s.status())) { // not overtaken since it was read
		s.t.Errorf("locked out after %d rotations", st.Rotations)
	}
	return st.Rotations
}

// usable returns the fingerprints of which the server must accept one: that of the
// active credential and, if it replaces at once, of the pending one.
func (s *swarm) usable(st selfservice.Status) []string {
	list := []string{st.Active.Fingerprint}
	if s.server.Replace == helseidtest.AtOnce && st.Pending != nil {
		list = append(list, st.Pending.Fingerprint)
	}
	return list
}

func (s *swarm) accepted(fingerprint string) bool { return s.server.Accepts(clientID, fingerprint) }

func (s *swarm) status() selfservice.Status {
	st, err := (&selfservice.Rotator{Store: s.store}).Status(context.Background())
	assert.NoError(s.t, err)
	return st
}

// life starts a process and kills it with SIGKILL: shortly after it began a rotation,
// sometimes right after it registered, or else at a random moment.
func (s *swarm) life(ctx context.Context) {
	arg, err := json.Marshal(replica{s.server.URL(), s.place})
	assert.NoError(s.t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), replicaVariable+"="+string(arg))
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	stdin, err := cmd.StdinPipe() // closing it ends the process
	assert.NoError(s.t, err)
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	assert.NoError(s.t, err)
	if !assert.NoError(s.t, cmd.Start()) {
		return
	}
	var killed atomic.Bool
	kill := func() {
		killed.Store(true)
		cmd.Process.Kill()
	}
	defer context.AfterFunc(ctx, kill)()
	old := time.AfterFunc(timing.MaxAge+rand.N(10*timing.MaxAge), kill)
	defer old.Stop()

	var last selfservice.EventKind
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var l line
		assert.NoError(s.t, json.Unmarshal(lines.Bytes(), &l))
		switch {
		case l.Failed != "":
			s.mu.Lock()
			s.failed = append(s.failed, l)
			s.mu.Unlock()
		case l.Event == selfservice.EventFailed:
			s.mu.Lock()
			s.failedSteps++
			s.mu.Unlock()
			s.t.Log("a step failed: ", l.Error)
		default:
			last = l.Event
		}
		switch {
		case l.Event == selfservice.EventStarted:
			time.AfterFunc(rand.N(10*time.Millisecond), kill)
		case l.Event == selfservice.EventRegistered && rand.IntN(3) == 0:
			kill()
		}
	}
	cmd.Wait()
	assert.Empty(s.t, complaints.String())
	assert.True(s.t, killed.Load(), "a process that was not killed has ended")
	if ctx.Err() == nil {
		s.count(last)
	}
}

// count counts the kill of a process by its last event.
func (s *swarm) count(last selfservice.EventKind) {
	st := s.status()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kills++
	if last != selfservice.EventStarted && last != selfservice.EventRegistered {
		return
	}
	s.midRotation++
	if p := st.Pending; p != nil && p.Registered.IsZero() && slices.ContainsFunc(s.server.Keys(clientID), func(k helseid.ClientSecret) bool { return k.Thumbprint == p.Fingerprint }) {
		s.lost++
	}
}
