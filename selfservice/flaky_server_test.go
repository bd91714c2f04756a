package selfservice_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
)

// flaky is a server of three nodes, whose kind and faults a seed decides. It
// relies on nothing of the engine but its documentation.
type flaky struct {
	issues, switches, administrator, independent bool

	room     int
	delay    time.Duration // until the last node knows a new credential
	validity time.Duration

	// Outages: the percentage of calls that fail, and what fails permanently.
	faults, storeFaults int
	listLies, sticky    bool
	fair                bool // only permanent faults now

	mu       sync.Mutex
	rng      *rand.Rand
	rows     []*flakyRow
	perHour  map[int64]int // calls
	disk     selfservice.Mem
	largest  int // stored state, in bytes
	findings []string
}

type flakyRow struct {
	credential selfservice.Credential
	known      [3]time.Time // by node
	expires    time.Time
	off        bool
}

func newFlaky(seed uint64) *flaky {
	w := &flaky{rng: rand.New(rand.NewPCG(seed, 0)), perHour: map[int64]int{}}
	half := func() bool { return w.rng.IntN(2) == 0 }
	w.issues, w.switches, w.administrator, w.independent = half(), half(), half(), half()
	if half() {
		w.room = 2 + w.rng.IntN(2)
	}
	if half() {
		w.delay = time.Duration(1+w.rng.IntN(180)) * time.Second
	}
	if half() {
		w.validity = time.Duration(2+w.rng.IntN(4)) * day
	}
	w.faults = []int{0, 5, 20, 50}[w.rng.IntN(4)]
	w.storeFaults = []int{0, 2, 10, 30}[w.rng.IntN(4)]
	w.listLies, w.sticky = w.rng.IntN(6) == 0, w.room == 0 && w.rng.IntN(4) == 0
	return w
}

// find records what must not happen.
func (w *flaky) find(format string, args ...any) {
	if len(w.findings) < 5 {
		w.findings = append(w.findings, time.Now().Format(time.DateTime+" ")+fmt.Sprintf(format, args...))
	}
}

func (w *flaky) accepts(fingerprint string, node int) bool {
	now := time.Now()
	return slices.ContainsFunc(w.rows, func(r *flakyRow) bool {
		return r.credential.Fingerprint() == fingerprint && !r.off && !now.Before(r.known[node]) && (r.expires.IsZero() || now.Before(r.expires))
	})
}

func (w *flaky) add(c selfservice.Credential, delay time.Duration) *flakyRow {
	row := &flakyRow{credential: c}
	for i := range row.known {
		row.known[i] = time.Now().Add(time.Duration(w.rng.Int64N(int64(delay) + 1)))
	}
	if w.validity > 0 {
		row.expires = time.Now().Add(w.validity)
	}
	w.rows = append(w.rows, row)
	return row
}

func (r *flakyRow) registration() selfservice.Registration {
	return selfservice.Registration{Fingerprint: r.credential.Fingerprint(), Inactive: r.off, Expires: r.expires}
}

// call makes one call, with a random fault.
func (w *flaky) call(ctx context.Context, f func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	took := time.Duration(w.rng.IntN(300)) * time.Millisecond
	w.pass(func() { time.Sleep(took) })
	hour := time.Now().Unix() / 3600
	if w.perHour[hour]++; w.perHour[hour] == 3000 {
		w.find("3000 calls in an hour")
	}
	if w.fair || w.rng.IntN(100) >= w.faults {
		return f()
	}
	switch kind := w.rng.IntN(9); kind {
	case 0:
		return errors.New("before")
	case 1:
		_ = f()
		return errors.New("after")
	case 2:
		panic("before")
	case 3:
		_ = f()
		panic("after")
	case 4, 5: // the reply or the request is lost
		if kind == 4 {
			_ = f()
		}
		w.pass(func() { <-ctx.Done() })
		return ctx.Err()
	case 6:
		return &selfservice.CallError{Wait: time.Duration(w.rng.IntN(7200)) * time.Second}
	case 7:
		return &selfservice.CallError{Rule: selfservice.ErrLimit}
	default: // a suspended machine sends the request when it wakes
		asleep := time.Duration(w.rng.IntN(600)) * time.Second
		w.pass(func() { time.Sleep(asleep) })
		return errors.Join(f(), ctx.Err())
	}
}

// pass releases the lock while f waits.
func (w *flaky) pass(f func()) {
	w.mu.Unlock()
	defer w.mu.Lock()
	f()
}

func (w *flaky) login(c selfservice.Credential) error {
	if w.accepts(c.Fingerprint(), w.rng.IntN(3)) {
		return nil
	}
	return &selfservice.CallError{Rule: selfservice.ErrInvalidClient}
}

// as makes a call that reads or changes registrations, authenticated as c.
func (w *flaky) as(ctx context.Context, c selfservice.Credential, f func() error) error {
	return w.call(ctx, func() error {
		w.rows = slices.DeleteFunc(w.rows, func(r *flakyRow) bool { return w.validity > 0 && time.Now().After(r.expires) })
		if !w.administrator {
			if err := w.login(c); err != nil {
				return err
			}
		}
		return f()
	})
}

func (w *flaky) Verify(ctx context.Context, c selfservice.Credential) error {
	return w.call(ctx, func() error { return w.login(c) })
}

func (w *flaky) List(ctx context.Context, as selfservice.Credential) (list []selfservice.Registration, err error) {
	err = w.as(ctx, as, func() error {
		for _, r := range w.rows {
			if !w.listLies || w.rng.IntN(4) > 0 {
				list = append(list, r.registration())
			}
		}
		return nil
	})
	return list, err
}

func (w *flaky) Independent() bool { return w.administrator && w.independent }

func (w *flaky) full() error {
	if w.room > 0 && len(w.rows) >= w.room {
		return &selfservice.CallError{Rule: selfservice.ErrLimit}
	}
	return nil
}

type flakyRegistrar struct{ w *flaky }

func (p flakyRegistrar) Register(ctx context.Context, as, c selfservice.Credential) (reg selfservice.Registration, err error) {
	err = p.w.as(ctx, as, func() error {
		if !p.w.stored()[c.Fingerprint()] {
			p.w.find("a credential is registered that is not stored")
		}
		for _, r := range p.w.rows {
			if r.credential.Fingerprint() == c.Fingerprint() {
				r.off, reg = false, r.registration()
				return nil
			}
		}
		if err := p.w.full(); err != nil {
			return err
		}
		reg = p.w.add(c, p.w.delay).registration()
		return nil
	})
	return reg, err
}

type flakyIssuer struct{ w *flaky }

func (p flakyIssuer) Issue(ctx context.Context, as selfservice.Credential, before []selfservice.Registration) (c selfservice.Credential, reg selfservice.Registration, err error) {
	err = p.w.as(ctx, as, func() error {
		for _, r := range p.w.rows {
			if !slices.ContainsFunc(before, func(b selfservice.Registration) bool { return b.Matches(r.credential) }) {
				c, reg = r.credential, r.registration()
				return nil
			}
		}
		if err := p.w.full(); err != nil {
			return err
		}
		c.Secret = keys.NewSecret(fmt.Sprintf("made by the server: %x", p.w.rng.Uint64()))
		reg = p.w.add(c, p.w.delay).registration()
		return nil
	})
	return c, reg, err
}
