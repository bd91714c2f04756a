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
	fetch    *fetch
	started  time.Time // the last fetch
	retry    time.Time // no fetch before this
	failures int
	lastErr  error // of the last fetch
}

// published is the result of one fetch.
type published struct {
	set         keys.Set
	thumbprints map[string]bool
	refresh     time.Time // from here on it is fetched again
	stale       time.Time // from here on it is used only if that has failed
	end         time.Time // from here on it is not used
}

// fetch is a request in flight. err may be read once done is closed.
type fetch struct {
	done chan struct{}
	err  error
}

// live returns the last result, and whether it may be used without waiting for
// another one. When that is due, a fetch starts in the background.
func (v *Verifier) live(ctx context.Context, now time.Time) (p *published, ok bool) {
	p = v.known.current.Load()
	if p == nil || reached(p.end, now) {
		return p, false
	}
	if reached(p.refresh, now) {
		f, failed := v.renew(ctx, now, p, 0)
		return p, f == nil || failed != nil || !reached(p.stale, now)
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
		case <-f.done:
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
	if h.keyID != "" { // keys of several types may share it (RFC 7517 §4.5)
		for _, key := range p.set.Keys {
			if key.KeyID() != h.keyID {
				continue
			}
			if suits(key, h.algorithm) {
				return key, nil
			}
			err = refuse(ErrAlgorithm, "")
		}
		return nil, err
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

// renew returns the fetch that is in flight or that it starts, unless another
// call has renewed old, the last one began less than pause ago, or a failure is
// too recent; err is that failure.
func (v *Verifier) renew(ctx context.Context, now time.Time, old *published, pause time.Duration) (f *fetch, err error) {
	k := &v.known
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current.Load() != old {
		return nil, nil
	}
	if k.fetch == nil && reached(k.retry, now) && (k.started.IsZero() || reached(k.started.Add(pause), now)) {
		v.start(ctx, now)
	}
	return k.fetch, k.lastErr
}

// start begins a fetch. It keeps the values of the caller's context but not its
// cancellation: others wait for it too. mu is held.
func (v *Verifier) start(ctx context.Context, now time.Time) {
	k := &v.known
	f := &fetch{done: make(chan struct{})}
	k.fetch, k.started = f, now
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), orDefault(v.Timeout, defaultTimeout))
	// A Base that hangs ignores ctx; nobody waits longer for it.
	stop := context.AfterFunc(ctx, func() {
		v.finish(f, nil, unavailable("reading its keys", context.Cause(ctx)))
	})
	go func() {
		defer cancel()
		p, err := v.read(ctx)
		stop()
		v.finish(f, p, err)
	}()
}

// finish ends a fetch, once. Those who wait for it wake after the lock is free
// again, and find the Verifier at rest.
func (v *Verifier) finish(f *fetch, p *published, err error) {
	if !v.settle(f, p, err) {
		return
	}
	close(f.done)
	if err != nil && v.OnError != nil {
		v.OnError(err)
	}
}

func (v *Verifier) settle(f *fetch, p *published, err error) bool {
	k := &v.known
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fetch != f {
		return false
	}
	k.fetch, k.lastErr, f.err = nil, err, err
	if err == nil {
		k.failures, k.retry = 0, time.Time{}
		k.current.Store(p)
	} else {
		k.retry = time.Now().Add(backoff(k.failures))
		k.failures++
	}
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
