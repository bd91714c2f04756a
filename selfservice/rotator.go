package selfservice

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Rotator keeps the credential of one client fresh. It is a keys.Source and a
// keys.SecretSource: whatever signs with it uses the current credential.
//
// Any number of Rotators, in any number of processes, may share one store. Each
// rotation is then made once, and the others pick it up. A Rotator without a
// Provider only follows: it serves what others put into the store.
//
// Fields must not change after the first call. Methods may be called from many
// goroutines at once.
type Rotator struct {
	Provider Provider
	Store    Store
	Timing   Timing
	Name     string // of the client, in events, logs and Status; may be empty

	// New makes the next credential, and one that Check drops. If it is nil, the new
	// credential is like the old one: a key of the same algorithm and size, or a
	// secret of 256 random bits.
	New func(ctx context.Context, like Credential) (Credential, error)

	// Owner names this replica across restarts: a new process of that name resumes
	// at once what the last one was doing, instead of waiting for its lease to
	// end. No two replicas that run at the same time may share a name. Empty: a
	// random one.
	Owner string

	// OnEvent is called for every step; it may be nil. It runs in the middle of
	// the step, on any goroutine: it must return soon, and must not call Adopt,
	// Enroll, Check, Step, Rotate, Run or RunDue, which would wait for the step to
	// end. The other methods are fine.
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

// refusal is a report that a credential does not work.
type refusal struct {
	fingerprint string
	at          time.Time
	pause       time.Duration // before the next one of this credential counts
}

// standIn is a credential that is served in place of the active one, which the
// server refuses, while the store that should say so cannot be written. It
// stands in for one version of the stored state only.
type standIn struct {
	credential Credential
	version    string
}

// record is what became of a Rotator's steps.
type record struct {
	success, failure time.Time
	failures         int
	cause            string
	lockedOut        bool // at the last failure
}

// rereads are the readings of the store that refused requests wait for.
type rereads struct {
	mu    sync.Mutex
	next  chan struct{} // closed at the end of the next one; nil: nobody waits for any
	turn  chan struct{} // holds one value while the store is read
	begun time.Time     // the last one
}

// lag is how long after its registration a credential was refused.
type lag struct {
	fingerprint string
	waited      time.Duration
}

func (r *Rotator) start() {
	r.once.Do(func() {
		r.owner = cmp.Or(r.Owner, rand.Text())
		r.turn = make(chan struct{}, 1)
		r.wake = make(chan struct{}, 1)
		r.rereads.turn = make(chan struct{}, 1)
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

// tell reports an event. A callback or a log that panics must not end the
// rotation; what it panics with may hold anything, so it is not told.
func (r *Rotator) tell(e Event) {
	defer func() { _ = recover() }()
	e.Client, e.Time = r.Name, time.Now()
	if r.OnEvent != nil {
		defer r.OnEvent(e) // also if the log panics
	}
	if r.Logger == nil {
		return
	}
	level := slog.LevelInfo
	attrs := []slog.Attr{slog.String("credential", e.Credential)}
	if e.Client != "" {
		attrs = append(attrs, slog.String("client", e.Client))
	}
	if e.Unremoved {
		attrs = append(attrs, slog.Bool("unremoved", true))
	}
	if e.Err != nil {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("error", text(e.Err)))
	}
	r.Logger.LogAttrs(context.Background(), level, "rotation "+string(e.Kind), attrs...)
}

// poke ends Run's sleep.
func (r *Rotator) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Rotator) version() string {
	if s := r.current.Load(); s != nil {
		return s.version
	}
	return ""
}

// spread returns d less up to a fifth of it, so that replicas and clients do
// not all come at once.
func spread(d time.Duration) time.Duration {
	return d - time.Duration(mathrand.Int64N(int64(d)/5+1))
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
