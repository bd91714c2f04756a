package assertion

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	defaultTimeout  = 30 * time.Second
	unknownLifetime = time.Minute
	minMargin       = time.Second
	maxMargin       = 10 * time.Second // a token is not served so close to its end: it has a way to go
	firstPause      = 250 * time.Millisecond
	maxPause        = 30 * time.Second
	discardPause    = 5 * time.Second
)

// cached is a token and what is planned for it.
type cached struct {
	token   *Token
	refresh time.Time // from here on a new one is asked for and this one served
	end     time.Time // from here on it is not served
}

// plan spreads the refreshes of many processes that started together.
func plan(t *Token, asked time.Time, lifetime time.Duration) *cached {
	switch {
	case lifetime == 0:
		lifetime = unknownLifetime
	case lifetime < time.Second: // for those who wait for it, and nobody after them
		return &cached{t, asked, asked}
	}
	// A tenth, and a whole second where there is one: many servers promise a
	// lifetime and then cut "exp" down to whole seconds.
	margin := min(max(lifetime/10, minMargin), maxMargin, lifetime/2)
	usable := lifetime - margin
	early := usable/5 + rand.N(usable/10)
	return &cached{t, asked.Add(usable - early), asked.Add(usable)}
}

// reached reports whether t has come by the monotonic clock, which stands still
// while the machine is suspended, or by the wall clock, which may be set back.
func reached(t, now time.Time) bool {
	return !now.Before(t) || now.UnixNano() >= t.UnixNano()
}

// flight is a token request under way. token and err may be read once landed
// is closed.
type flight struct {
	landed chan struct{}
	token  *Token
	err    error
}

// renew returns what there is for a caller whose token is due: a token that
// can be served, or a flight to wait for, or the error of the last flight while
// the next one has to wait. It starts a flight where none is under way.
func (s *TokenSource) renew(ctx context.Context, now time.Time) (*cached, *flight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.current.Load()
	if c != nil && !reached(c.refresh, now) {
		return c, nil, nil // renewed while the caller came here
	}
	if s.flight == nil && reached(s.retry, now) {
		s.start(ctx)
	}
	switch {
	case c != nil && !reached(c.end, now):
		return c, nil, nil
	case s.flight != nil:
		return nil, s.flight, nil
	}
	return nil, nil, s.lastErr
}

// start begins a flight. It keeps the values of the caller's context, not its
// end: others wait for it too. s.mu is held.
func (s *TokenSource) start(ctx context.Context) {
	f := &flight{landed: make(chan struct{})}
	s.flight = f
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout())
	// A key in a device that hangs does not look at ctx; nobody waits longer for it.
	stop := context.AfterFunc(ctx, func() {
		s.land(f, nil, failed("token request", context.Cause(ctx)))
	})
	go func() {
		var c *cached
		err := errors.New("assertion: the token request was aborted")
		defer func() { // also when a callback ends this goroutine
			if recover() != nil { // what it panicked with may hold anything
				err = errors.New("assertion: the source of a key, the signer or another callback panicked")
			}
			stop()
			cancel()
			s.land(f, c, err)
		}()
		c, err = s.fetch(ctx)
	}()
}

// land ends a flight, once. Those who waited are woken when the lock is free
// again: they find the source at rest, whatever looks into it.
func (s *TokenSource) land(f *flight, c *cached, err error) {
	if s.settle(f, c, err) {
		close(f.landed)
	}
}

// settle takes in what came of a flight that is still under way: its token is
// served from now on, or its failure delays the next one.
func (s *TokenSource) settle(f *flight, c *cached, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight != f {
		return false
	}
	s.flight = nil
	if err == nil {
		f.token = c.token
		s.current.Store(c)
		s.failures, s.retry, s.lastErr = 0, time.Time{}, nil
	} else {
		f.err = err
		s.failures++
		s.lastErr = err
		s.retry = time.Now().Add(pause(s.failures, err))
	}
	return true
}

// pause is how long to wait after so many failures in a row: 250 ms doubled
// up to 30 s, a quarter of it random, or as long as the server asks.
func pause(failures int, err error) time.Duration {
	p := min(firstPause<<min(failures-1, 10), maxPause)
	p -= rand.N(p / 4)
	var e *Error
	if errors.As(err, &e) {
		p = max(p, e.Wait)
	}
	return p
}

func (s *TokenSource) timeout() time.Duration {
	if s.Timeout <= 0 {
		return defaultTimeout
	}
	return s.Timeout
}
