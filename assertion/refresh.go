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
	maxMargin       = 10 * time.Second // a token is not served so close to its end: it has yet to travel
	firstPause      = 250 * time.Millisecond
	maxPause        = 30 * time.Second
	discardPause    = 5 * time.Second
)

// cached is a token and what is planned for it.
type cached struct {
	token   *Token
	refresh time.Time // from here on a new one is requested while this one is served
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

// call is a token request under way. token and err may be read once done is
// closed.
type call struct {
	done  chan struct{}
	token *Token
	err   error
}

// renew returns what there is for a caller whose token is due: a token that
// can still be served, or a call to wait for, or the error of the last call
// while the next one has to wait. It starts a call where none is under way.
func (s *TokenSource) renew(ctx context.Context, now time.Time) (*cached, *call, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.current.Load()
	if c != nil && !reached(c.refresh, now) {
		return c, nil, nil // renewed since the caller looked
	}
	if s.call == nil && reached(s.retry, now) {
		s.start(ctx)
	}
	switch {
	case c != nil && !reached(c.end, now):
		return c, nil, nil
	case s.call != nil:
		return nil, s.call, nil
	}
	return nil, nil, s.lastErr
}

// start begins a call. It keeps the values of the caller's context but not its
// cancellation: others wait for it too. s.mu is held.
func (s *TokenSource) start(ctx context.Context) {
	f := &call{done: make(chan struct{})}
	s.call = f
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout())
	// A key in a device that hangs ignores ctx; nobody waits longer for it.
	stop := context.AfterFunc(ctx, func() {
		s.finish(f, nil, failed("token request", context.Cause(ctx)))
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
			s.finish(f, c, err)
		}()
		c, err = s.fetch(ctx)
	}()
}

// finish ends a call, once. Its waiters wake after the lock is free again, and
// find the source at rest.
func (s *TokenSource) finish(f *call, c *cached, err error) {
	if s.settle(f, c, err) {
		close(f.done)
	}
}

// settle records the result of a call that is still under way: its token is
// served from now on, or its failure delays the next call.
func (s *TokenSource) settle(f *call, c *cached, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.call != f {
		return false
	}
	s.call = nil
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
