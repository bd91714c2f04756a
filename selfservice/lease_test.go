package selfservice_test

import (
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/model"
	"github.com/nokkel/nokkel/selfservice/internal/must"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pair returns two replicas over one store. The first one calls before when it is
// about to register.
func pair(t *testing.T, lease time.Duration, before func()) (server *model.Server, one, two *selfservice.Rotator) {
	t.Helper()
	server, store := &model.Server{}, &selfservice.Mem{}
	io := func(point string, call func() error) error {
		if point == "register" {
			before()
		}
		return call()
	}
	one = &selfservice.Rotator{Provider: server.Registrar(io), Store: store, Timing: selfservice.Timing{Lease: lease, Propagation: -1}}
	two = &selfservice.Rotator{Provider: server.Registrar(nil), Store: store, Timing: oneNode}
	first := secretCredential("the first secret of this client")
	server.Adopt(first)
	require.NoError(t, one.Adopt(t.Context(), first))
	return server, one, two
}

// rotate rotates in the background. The channel is closed when that has ended, or
// its goroutine has.
func rotate(t *testing.T, r *selfservice.Rotator) (ended chan struct{}) {
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		r.Rotate(t.Context())
	}()
	return ended
}

func TestDeadReplicaBlocksTheOthersForItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, dead, other := pair(t, 0, runtime.Goexit)
		<-rotate(t, dead)
		next, err := other.Step(t.Context())
		require.NoError(t, err)
		assert.Zero(t, server.Registered(), "the lease is still held")
		assert.LessOrEqual(t, time.Until(next), 2*time.Minute)
		time.Sleep(time.Until(next))
		require.NoError(t, steps(t, other))
		assert.Equal(t, 1, server.Registered())
		assert.True(t, server.Accepts(active(t, other)))
	})
}

// TestLeaseFromAClockThatWasAheadIsIgnored: it ends later than any replica would
// set it.
func TestLeaseFromAClockThatWasAheadIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, dead, other := pair(t, 1000*time.Hour, runtime.Goexit)
		<-rotate(t, dead)
		require.NoError(t, steps(t, other))
		assert.Equal(t, 1, server.Registered())
	})
}

// TestReplicaThatOutlivesItsLeaseChangesNothing: it wakes in the middle of a call
// when another one has finished the rotation.
func TestReplicaThatOutlivesItsLeaseChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, late, other := pair(t, 0, func() { time.Sleep(10 * time.Minute) })
		ended := rotate(t, late)
		time.Sleep(5 * time.Minute)
		require.NoError(t, steps(t, other))
		second := active(t, other)
		require.True(t, server.Accepts(second))
		<-ended
		require.NoError(t, steps(t, late))
		assert.Equal(t, 1, server.Registered())
		for _, r := range []*selfservice.Rotator{late, other} {
			assert.Equal(t, second, active(t, r))
			secret := clientSecret(t, r)
			assert.Equal(t, second, fingerprint(secret))
		}
	})
}

func TestFleetRotatesTheOthersWhenOneStateIsDamaged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := members(t, 5)
		_, version := must.Load(t, all[2].store)
		must.Save(t, all[2].store, `{"format":1,"active":{"sec`, version)
		report, err := fleet(all).RotateOlder(t.Context(), time.Now())
		require.NoError(t, err)
		assert.Equal(t, 4, report.Rotated)
		assert.Equal(t, map[string]int{selfservice.ErrCorrupt.Error(): 1}, report.Causes)
	})
}

// TestReplicaListsBeforeItRegistersAfterItsLease: it made the new credential and
// has not sent it, but another one has meanwhile, and lost the reply.
func TestReplicaListsBeforeItRegistersAfterItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		one := &spy{}
		r, _ := adopted(t, server, server.Registrar(one.do))
		r.Timing.MaxAge = 2 * time.Hour
		_, err := r.Step(t.Context()) // looks
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)
		_, err = r.Step(t.Context()) // begins
		require.NoError(t, err)
		require.NotEmpty(t, pending(t, r))

		time.Sleep(10 * time.Minute) // past its lease
		lost := errors.New("the reply was lost")
		other := &selfservice.Rotator{Store: r.Store, Timing: r.Timing, Provider: server.Registrar(func(point string, call func() error) error {
			if err := call(); err != nil || point != "register" && point != "verify" {
				return err
			}
			return lost
		})}
		_, err = other.Step(t.Context())
		require.ErrorIs(t, err, lost)
		require.Equal(t, 1, server.Registered())

		time.Sleep(10 * time.Minute)
		require.NoError(t, steps(t, r))
		assert.Zero(t, one.count("register"))
		assert.Equal(t, 1, server.Registered())
	})
}

// TestRefusalEndsTheWaitForADeadReplica that died when the server had replaced its
// credential: its lease is still held, but no request works before a switch.
func TestRefusalEndsTheWaitForADeadReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{ReplaceAtOnce: true}
		dead, first := adopted(t, server, server.Registrar(func(point string, call func() error) error {
			err := call()
			if point == "register" {
				runtime.Goexit()
			}
			return err
		}))
		<-rotate(t, dead)
		other := &selfservice.Rotator{Store: dead.Store, Provider: server.Registrar(nil)}
		next, err := other.Step(t.Context())
		require.NoError(t, err)
		require.Positive(t, time.Until(next), "nothing was refused yet")
		refuse(t, other, first.Secret)
		_, err = other.Step(t.Context())
		require.NoError(t, err)
		assert.True(t, server.Accepts(active(t, other)))
		assert.Equal(t, 1, server.Registered())
	})
}

// TestOldCredentialDoesNotServeAgainWhileAnotherReplicaRemovesIt: the server
// refuses the active one for a moment, between the proof and the removal.
func TestOldCredentialDoesNotServeAgainWhileAnotherReplicaRemovesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &model.Server{}
		removing, release, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
		one, _ := adopted(t, server, server.OnlyRemoves(func(point string, call func() error) error {
			if point == "remove" {
				close(removing)
				<-release
			}
			return call()
		}))
		require.NoError(t, one.Rotate(t.Context()))
		second := active(t, one)
		two := &selfservice.Rotator{Store: one.Store, Provider: server.OnlyRemoves(func(point string, call func() error) error {
			if point == "list" { // meanwhile the overlap ends, and the first replica removes
				time.Sleep(2 * time.Second)
				go func() {
					defer close(ended)
					for range 2 { // it lists, for the ID of the old one, and removes it
						_, err := one.Step(t.Context())
						assert.NoError(t, err)
					}
				}()
				<-removing
				server.Expire(second, time.Now())
			}
			return call()
		})}
		time.Sleep(time.Hour - time.Second)
		_, err := two.Step(t.Context())
		assert.ErrorIs(t, err, selfservice.ErrInvalidClient)
		server.Expire(second, time.Time{})
		close(release)
		<-ended
		assert.Equal(t, second, active(t, one))
		assert.Equal(t, 1, server.Count(), "the old one is gone")
		assert.True(t, server.Accepts(second))
	})
}

// TestLeaseIsRenewedForTheCallsOfAStep when too little of it is left to register.
func TestLeaseIsRenewedForTheCallsOfAStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var until time.Time
		var one, other *selfservice.Rotator
		_, one, other = pair(t, 0, func() {
			var err error
			until, err = other.Step(t.Context())
			assert.NoError(t, err)
		})
		time.Sleep(90 * day)
		_, err := one.Step(t.Context()) // begins
		require.NoError(t, err)
		time.Sleep(31 * time.Second)   // of 2 minutes
		_, err = one.Step(t.Context()) // registers
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now().Add(2*time.Minute), until, 0)
	})
}
