package selfservice

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nokkel/nokkel/keys"
)

// Rotator keeps the credential of one client fresh. It is a keys.Source and a
// keys.SecretSource: whatever signs with it uses the credential of the moment.
//
// Any number of Rotators, in any number of processes, may share one store;
// each rotation is then made once, and the others pick it up. A Rotator
// without a Provider only follows: it serves what others put into the store.
//
// Fields must not change after the first call. Methods may be called from many
// goroutines.
type Rotator struct {
	Provider Provider
	Store    Store
	Timing   Timing
	Name     string // of the client, in events, logs and Status; may be empty

	// New makes the next credential; nil: one like the old one (same algorithm
	// and size; a secret of 256 random bits).
	New func(ctx context.Context, like Credential) (Credential, error)

	// Owner names this replica, for those that die and start again: a process
	// goes on at once with what the one before it under that name was at,
	// instead of waiting out its lease. No two that run at the same time may
	// share it. Empty: a random one.
	Owner string

	// OnEvent is told of every step, and may be nil. It is called in the middle
	// of the step, by any goroutine: it returns soon, and calls none of Adopt,
	// Step, Rotate and Run, which would wait for the step to end. All the other
	// methods are free.
	OnEvent func(Event)

	Logger *slog.Logger // nil: silent

	current atomic.Pointer[state]   // what is served; never changed in place
	refused atomic.Pointer[refusal] // the last one reported by those who use it

	stands atomic.Pointer[standIn] // served in its place; nil: nothing
	record atomic.Pointer[record]  // what became of the steps

	rereads  rereads
	switches atomic.Int64 // made by this process
	damaged  atomic.Int64 // files that have been told of

	once  sync.Once
	owner string
	turn  chan struct{} // holds one value while a step is made: one at a time
	wake  chan struct{} // ends Run's sleep

	// Of the one whose turn it is.
	fresh  string     // fingerprint of the pending credential that this process has saved and not yet sent
	heeded *refusal   // has led to a look for another credential
	issued *entry     // that the server made and that is not saved
	lag    lag        // of the pending credential, as far as it is not saved
	given  Credential // to Adopt, when the store was ahead of it
}

func (r *Rotator) start() {
	r.once.Do(func() {
		r.owner = cmp.Or(r.Owner, rand.Text())
		r.turn = make(chan struct{}, 1)
		r.wake = make(chan struct{}, 1)
	})
}

// lock waits for its turn, and for ctx at most.
func (r *Rotator) lock(ctx context.Context) error {
	r.start()
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case r.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Rotator) unlock() { <-r.turn }

// Adopt puts the credential that the server knows already into an empty store.
// When the store has one it changes nothing: the store is ahead of whatever
// file the program started from. Only if the server refuses all that is stored
// is c tried: a person may have registered it to end a lock-out. Adopt itself
// asks nothing of the server.
func (r *Rotator) Adopt(ctx context.Context, c Credential) (err error) {
	defer guard(&err, "the provider")
	if err := r.check(); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	if a, ok := r.Provider.(Adopter); ok {
		if c, err = a.Adopted(c); err != nil {
			return err
		}
	}
	if err := r.lock(ctx); err != nil {
		return err
	}
	defer r.unlock()
	r.given = c
	s, err := r.read(ctx)
	if !errors.Is(err, ErrNotAdopted) {
		return err
	}
	s = &state{version: s.version, Active: adopt(c, time.Now().Round(0)), Lineage: rand.Text()}
	if err = r.save(ctx, s); errors.Is(err, ErrConflict) {
		_, err = r.read(ctx) // another replica was first
		return err
	}
	if err == nil {
		r.tell(Event{Kind: EventAdopted, Credential: c.Fingerprint()})
	}
	return err
}

// SigningKey returns the key to sign with now. It does no I/O once the store
// has been read, and then never fails. What other processes put into the store
// is noticed by Run, which needs no Provider for that.
func (r *Rotator) SigningKey(ctx context.Context) (*keys.Key, error) {
	s, err := r.serving(ctx)
	if err != nil {
		return nil, err
	}
	return r.active(s).SigningKey(ctx)
}

// ClientSecret returns the client secret of now, as SigningKey does the key.
func (r *Rotator) ClientSecret(ctx context.Context) (keys.Secret, error) {
	s, err := r.serving(ctx)
	if err != nil {
		return keys.Secret{}, err
	}
	return r.active(s).ClientSecret(ctx)
}

// Published returns the public keys that servers must know: the active one,
// the pending one and those that have been neither turned off nor retired yet.
// It is what a keys.Handler serves where the server fetches a JWKS.
func (r *Rotator) Published(ctx context.Context) (keys.Set, error) {
	s, err := r.serving(ctx)
	if err != nil {
		return keys.Set{}, err
	}
	var set keys.Set
	for _, e := range s.entries() {
		if e.Credential.Key != nil && !e.Off && !e.Removed {
			set.Keys = append(set.Keys, e.Credential.Key.PublicKey())
		}
	}
	return set, nil
}

func (r *Rotator) check() error {
	if r.Store == nil {
		return fmt.Errorf("%w: no Store", ErrConfig)
	}
	if _, registers := r.Provider.(Registrar); r.Provider != nil && !registers {
		if _, issues := r.Provider.(Issuer); !issues {
			return fmt.Errorf("%w: the provider can neither register nor issue credentials", ErrConfig)
		}
	}
	r.start()
	return r.Timing.check()
}

// guard makes an error of a panic in what the caller supplied: one bug there
// must not end the rotation for good. It says whose it is; what it panicked
// with may hold anything.
func guard(err *error, whose string) {
	if recover() != nil {
		*err = fmt.Errorf("selfservice: %s panicked", whose)
	}
}
