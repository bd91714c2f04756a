package selfservice_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNodesThatLearnOneAfterTheOther: a caller that signs with the Rotator's key,
// and ignores refusals, is never refused.
func TestNodesThatLearnOneAfterTheOther(t *testing.T) {
	for _, nodes := range []int{2, 5, 10} {
		for _, propagation := range []time.Duration{10 * time.Second, 4 * time.Minute, 15 * time.Minute} {
			t.Run(fmt.Sprint(nodes, " nodes ", propagation), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := &model.Server{Nodes: nodes, Propagation: propagation}
					p := newPlant(t, server, selfservice.Timing{MaxAge: 12 * time.Hour, PropagationTimeout: 20 * time.Minute})
					go p.rotator.Run(t.Context())
					refused := 0
					pause := func() time.Duration { // short during a rotation
						st, err := p.rotator.Status(t.Context())
						if err != nil || st.Pending != nil || time.Since(st.Active.Registered) < max(10*time.Minute, 2*propagation) {
							return 7 * time.Second
						}
						return 10 * time.Minute
					}
					for end := time.Now().Add(8 * day); time.Now().Before(end); time.Sleep(pause()) {
						key := signingKey(t, p.rotator)
						if !server.Request(key.Thumbprint()) {
							refused++
						}
					}
					st, err := p.rotator.Status(t.Context())
					require.NoError(t, err)
					assert.Zero(t, refused)
					assert.Zero(t, p.count(selfservice.EventRolledBack))
					assert.Zero(t, p.count(selfservice.EventFailed))
					assert.GreaterOrEqual(t, st.Rotations, 14)
					assert.LessOrEqual(t, server.Registered(), st.Rotations+1)
				})
			})
		}
	}
}

// TestNodesOfAServerThatReplacesAtOnce: the old credential has ended, so there is
// no time to wait for all nodes.
func TestNodesOfAServerThatReplacesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{ReplaceAtOnce: true}
		r, _ := adopted(t, server, server.Registrar(nil))
		r.Timing = selfservice.Timing{Propagation: 4 * time.Minute}
		start := time.Now()
		require.NoError(t, r.Rotate(t.Context()))
		assert.Less(t, time.Since(start), 5*time.Second)
	})
}

// TestSecretThatTheServerLostIsIssuedAgain: an administrator has made two others,
// or the server was restored without its last commits.
func TestSecretThatTheServerLostIsIssuedAgain(t *testing.T) {
	first := secretCredential("the first secret, made by hand")
	for name, server := range map[string]*model.Server{
		"keeps the old one": {Room: 3}, "ends the old one": {ReplaceAtOnce: true},
		"with an administrator": {ReplaceAtOnce: true, Administrator: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server.Adopt(first)
				var lose bool
				r := &selfservice.Rotator{Store: &selfservice.Mem{}, Timing: oneNode}
				events := record(r)
				r.Provider = server.FullIssuer(func(point string, call func() error) error {
					err := call()
					if point == "issue" && lose {
						lose = false
						server.Forget()
						server.Adopt(first) // what it had before
					}
					return err
				})
				require.NoError(t, r.Adopt(t.Context(), first))
				lose = true
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				ended := make(chan error, 1)
				go func() { ended <- r.Run(ctx) }()
				require.NoError(t, r.Rotate(ctx))
				assert.NotEqual(t, first.Fingerprint(), active(t, r))
				assert.True(t, server.Accepts(active(t, r)))
				time.Sleep(3 * day)
				cancel()
				<-ended
				for _, e := range events.of(selfservice.EventFailed) {
					assert.NotContains(t, e.Err.Error(), "panicked")
				}
				assert.True(t, server.Accepts(active(t, r)))
			})
		})
	}
}

// TestSecretsMadeByHandTwiceDuringARotation end both stored ones. The server's
// newest is the one to serve.
func TestSecretsMadeByHandTwiceDuringARotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{ReplaceAtOnce: true, Administrator: true}
		byHand := secretCredential("made by hand in the console")
		var twice bool
		r, first := adopted(t, server, server.FullIssuer(func(point string, call func() error) error {
			err := call()
			if point == "issue" && twice {
				twice = false
				server.Adopt(secretCredential("made by hand before"))
				server.Adopt(byHand)
			}
			return err
		}))
		twice = true
		go r.Run(t.Context())
		require.NoError(t, r.Rotate(t.Context()))
		time.Sleep(time.Minute)
		now := active(t, r)
		assert.NotEqual(t, first.Fingerprint(), now)
		assert.True(t, server.Accepts(now))
	})
}

// TestProviderThatPanics: the error names the call, not the value of the panic,
// and no lock is held afterwards.
func TestProviderThatPanics(t *testing.T) {
	for point, call := range map[string]string{"verify": "Provider.Verify", "list": "Provider.List", "register": "Registrar.Register"} {
		synctest.Test(t, func(t *testing.T) {
			server := &model.Server{}
			r, first := adopted(t, server, server.Registrar(func(at string, call func() error) error {
				if at == point {
					panic(errors.New("the secret"))
				}
				return call()
			}))
			for range 2 {
				_, err := r.Step(t.Context())
				if point != "list" {
					err = r.Rotate(t.Context())
				}
				require.ErrorContains(t, err, call+" panicked")
				assert.NotContains(t, err.Error(), "secret")
			}
			assert.Equal(t, first.Fingerprint(), active(t, r))
		})
	}
}

// TestRefusalSoonAfterASwitchRollsBack: a node learns of the credential after it
// was proved. The old one serves again, and the new one is proved again.
func TestRefusalSoonAfterASwitchRollsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{Nodes: 2, Propagation: 4 * time.Minute}
		p := newPlant(t, server, selfservice.Timing{Propagation: 1}) // one lucky success is enough
		first := signingKey(t, p.rotator)
		require.NoError(t, p.rotator.Rotate(t.Context()))
		next := signingKey(t, p.rotator)
		require.NotEqual(t, first.Thumbprint(), next.Thumbprint())
		require.False(t, server.Accepts(next.Thumbprint()), "one node does not know it")
		go p.rotator.Run(t.Context())
		_, err := p.rotator.KeyRefused(t.Context(), next)
		require.NoError(t, err)
		time.Sleep(time.Second)
		now := signingKey(t, p.rotator)
		assert.Equal(t, first.Thumbprint(), now.Thumbprint())
		assert.Equal(t, 1, p.count(selfservice.EventRolledBack))
		time.Sleep(20 * time.Minute)
		now = signingKey(t, p.rotator)
		assert.Equal(t, next.Thumbprint(), now.Thumbprint())
		assert.Equal(t, 1, server.Registered())
	})
}

// TestServerThatLosesEverySecret is asked for another one less and less often, and
// the stored state stays small.
func TestServerThatLosesEverySecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		var issued atomic.Int64
		r, first := adopted(t, server, server.FullIssuer(func(point string, call func() error) error {
			err := call()
			if point == "issue" {
				issued.Add(1)
				server.Forget()
			}
			return err
		}))
		r.Timing.MaxAge = day
		go r.Run(t.Context())
		time.Sleep(10 * day)
		assert.Greater(t, issued.Load(), int64(3))
		assert.Less(t, issued.Load(), int64(300)) // about 25 a day, most of them in its first hour
		st := status(t, r)
		assert.LessOrEqual(t, len(st.Retiring), 4)
		assert.Equal(t, first.Fingerprint(), st.Active.Fingerprint)
	})
}
