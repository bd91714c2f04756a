package access

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nokkel/nokkel/internal/jws"
	"github.com/nokkel/nokkel/keys"
)

const (
	defaultMaxAge   = 5 * time.Minute
	defaultMaxStale = time.Hour
	defaultTimeout  = 10 * time.Second
	unknownPause    = 10 * time.Second // between two readings for keys that are not known
	firstPause      = 250 * time.Millisecond
	maxPause        = 30 * time.Second
)

// issuerKeys are the keys of an issuer and when to read them again.
type issuerKeys struct {
	current atomic.Pointer[published]

	mu       sync.Mutex // guards what follows; never held while anything waits
	flight   *flight
	started  time.Time // the last flight
	retry    time.Time // no flight before this
	failures int
	lastErr  error // of the last flight
}

// published is what one reading has found.
type published struct {
	set         keys.Set
	thumbprints map[string]bool
	refresh     time.Time // from here on it is read again
	end         time.Time // from here on it is not believed
}

// flight is a reading under way. err may be read once landed is closed.
type flight struct {
	landed chan struct{}
	err    error
}

// live returns what was read last, and whether it can be believed now. It is
// read again in the background when it is due.
func (v *Verifier) live(ctx context.Context, now time.Time) (p *published, ok bool) {
	p = v.known.current.Load()
	if p == nil || reached(p.end, now) {
		return p, false
	}
	if reached(p.refresh, now) {
		v.renew(ctx, now, p, 0)
	}
	return p, true
}

// published reports whether the key of a token that was good is still there.
func (v *Verifier) published(thumbprint string, now time.Time) bool {
	p, ok := v.live(context.Background(), now)
	return ok && p.thumbprints[thumbprint]
}

// find returns the key that a token names, and waits for the issuer only when
// it is not known.
func (v *Verifier) find(ctx context.Context, h header) (*keys.PublicKey, error) {
	now := time.Now()
	p, ok := v.live(ctx, now)
	pause := time.Duration(0)
	if ok {
		if key, err := p.find(h); key != nil || err != nil {
			return key, err
		}
		pause = unknownPause
	}
	f, err := v.renew(ctx, now, p, pause)
	if f != nil {
		select {
		case <-f.landed:
			err = f.err
		case <-ctx.Done():
			return nil, unavailable("waiting for its keys", ctx.Err())
		}
	}
	if p, ok = v.live(ctx, time.Now()); ok {
		if key, err := p.find(h); key != nil || err != nil {
			return key, err
		}
	}
	if err != nil {
		return nil, err
	}
	return nil, refuse(ErrKey, "")
}

// find returns the key that a header names, nil when it is not there.
func (p *published) find(h header) (found *keys.PublicKey, err error) {
	if h.keyID != "" {
		key := p.set.Key(h.keyID)
		if key != nil && !suits(key, h.algorithm) {
			return nil, refuse(ErrAlgorithm, "")
		}
		return key, nil
	}
	for _, key := range p.set.Keys {
		if !suits(key, h.algorithm) {
			continue
		}
		if found != nil {
			return nil, refuse(ErrMalformed, "the header has no kid, and the issuer has several keys")
		}
		found = key
	}
	return found, nil
}

// suits reports whether the key is published for that algorithm.
func suits(key *keys.PublicKey, alg keys.Algorithm) bool {
	return jws.Fits(alg, key.Public()) && (alg == key.Algorithm() || alg == keys.Ed25519)
}

// renew returns the flight that is under way or that it starts, unless
// somebody else has renewed old, the last one began less than pause ago, or a
// failure is too recent; err is that failure.
func (v *Verifier) renew(ctx context.Context, now time.Time, old *published, pause time.Duration) (f *flight, err error) {
	k := &v.known
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current.Load() != old {
		return nil, nil
	}
	if k.flight == nil && reached(k.retry, now) && (k.started.IsZero() || reached(k.started.Add(pause), now)) {
		v.start(ctx, now)
	}
	return k.flight, k.lastErr
}

// start begins a flight. It keeps the values of the caller's context, not its
// end: others wait for it too. mu is held.
func (v *Verifier) start(ctx context.Context, now time.Time) {
	k := &v.known
	f := &flight{landed: make(chan struct{})}
	k.flight, k.started = f, now
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), orDefault(v.Timeout, defaultTimeout))
	// A Base that hangs ignores ctx; nobody waits longer for it.
	stop := context.AfterFunc(ctx, func() {
		v.land(f, nil, unavailable("reading its keys", context.Cause(ctx)))
	})
	go func() {
		defer cancel()
		p, err := v.read(ctx)
		stop()
		v.land(f, p, err)
	}()
}

// land takes in what came of a flight that is still under way, and wakes those
// who wait for it.
func (v *Verifier) land(f *flight, p *published, err error) {
	if v.settle(f, p, err) && err != nil && v.OnError != nil {
		v.OnError(err)
	}
}

func (v *Verifier) settle(f *flight, p *published, err error) bool {
	k := &v.known
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.flight != f {
		return false
	}
	k.flight, k.lastErr, f.err = nil, err, err
	if err == nil {
		k.failures, k.retry = 0, time.Time{}
		k.current.Store(p)
	} else {
		k.retry = time.Now().Add(backoff(k.failures))
		k.failures++
	}
	close(f.landed)
	return true
}

func backoff(failures int) time.Duration {
	return min(firstPause<<min(failures, 10), maxPause)
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}
