package access

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
)

const (
	defaultBelieved = 30 * time.Second
	maxActive       = 16 << 20 // bytes of answers that are kept
	maxInactive     = 2 << 20  // bytes of refusals: apart, so that made-up tokens do not push out real ones
	maxAsking       = 64       // requests under way
)

// Introspector validates tokens by asking their issuer (RFC 7662), as a
// client of its own:
//
//	tokens := &access.Introspector{
//		Endpoint: "https://sts.example.no/connect/introspect",
//		Auth:     &assertion.Signer{ClientID: "my-api", Audience: "https://sts.example.no", Key: key},
//	}
//
// It is safe for concurrent use; its fields must not change after the first
// call. An answer, including that a token is not active, is cached for MaxAge
// but never past the token's "exp", by the token's hash, in 18 MiB at most.
// Concurrent calls for one token share one request, and at most 64 requests
// are in flight. If the issuer cannot be asked, the token is refused
// ([ErrUnavailable]).
//
// Keycloak calls a token inactive if the client that asks is not in its
// "aud".
//
// The members of an answer have the form that a [Verifier] requires of a
// JWT's claims, but only "active" is mandatory.
type Introspector struct {
	Endpoint  string                  // the introspection endpoint's URL; see assertion.Discover
	Auth      assertion.Authenticator // authenticates the API
	Issuer    string                  // that "iss" must name if present; empty: any
	Audiences []string                // one of which "aud" must have; empty: left to the issuer (RFC 7662 §4)
	Leeway    time.Duration           // for clock differences; zero: 10 s; at most 5 min
	Base      http.RoundTripper       // nil: a copy of http.DefaultTransport
	MaxAge    time.Duration           // of an answer; zero: 30 s
	Timeout   time.Duration           // of a request; zero: 10 s

	valid    atomic.Bool // Validate has said so
	active   cache[*dpop.Token]
	inactive cache[error]

	mu     sync.Mutex // guards what follows; never held while anything waits
	asking map[digest]*question
}

// question is a request in flight for one token. Its result may be read once
// answered is closed.
type question struct {
	answered chan struct{}
	token    *dpop.Token
	err      error
}

// Validate returns an *[Error] with [ErrConfig] for an Introspector that
// would refuse every token: one without Auth, without an Endpoint that is an
// https URL (http on loopback), or with an empty audience.
func (i *Introspector) Validate() error {
	if i.valid.Load() {
		return nil
	}
	err := i.validate()
	i.valid.Store(err == nil)
	return err
}

func (i *Introspector) validate() error {
	switch {
	case i.Endpoint == "" || i.Auth == nil || slices.Contains(i.Audiences, ""):
		return refuse(ErrConfig, "an Introspector needs Endpoint and Auth, and no empty audience")
	case !isEndpoint(i.Endpoint):
		return refuse(ErrConfig, "Endpoint is not an https URL")
	}
	return nil
}

// Token returns what the issuer says about a token, or an *[Error]. Canceling
// ctx ends the caller's own wait and not the request, which others may wait
// for.
func (i *Introspector) Token(ctx context.Context, token string) (*dpop.Token, error) {
	if err := i.Validate(); err != nil {
		return nil, err
	}
	if !isToken(token) {
		return nil, refuse(ErrMalformed, "not 1 to 16384 characters of RFC 6750 section 2.1")
	}
	of := digestOf(token)
	if t, err, ok := i.known(of); ok {
		return t, err
	}
	q, err := i.ask(ctx, of, token)
	if err != nil {
		return nil, err
	}
	select {
	case <-q.answered:
		return q.token, q.err
	case <-ctx.Done():
		return nil, unavailable("waiting for its answer", ctx.Err())
	}
}

func (i *Introspector) known(of digest) (t *dpop.Token, err error, ok bool) {
	now := time.Now()
	if t, ok = i.active.get(of, now); ok {
		return t, nil, true
	}
	err, ok = i.inactive.get(of, now)
	return nil, err, ok
}

// ask returns the question that is under way for the token or that it starts.
func (i *Introspector) ask(ctx context.Context, of digest, token string) (*question, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if q := i.asking[of]; q != nil {
		return q, nil
	}
	if t, err, ok := i.known(of); ok { // answered while the caller came here
		q := &question{make(chan struct{}), t, err}
		close(q.answered)
		return q, nil
	}
	if len(i.asking) == maxAsking {
		return nil, unavailable("too many tokens are asked for", nil)
	}
	if i.asking == nil {
		i.asking = make(map[digest]*question)
	}
	q := &question{answered: make(chan struct{})}
	i.asking[of] = q
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), orDefault(i.Timeout, defaultTimeout))
	asked := time.Now()
	// A Base that hangs ignores ctx; nobody waits longer for it.
	stop := context.AfterFunc(ctx, func() {
		i.finish(of, q, asked, nil, unavailable("introspection", context.Cause(ctx)))
	})
	go func() {
		err := unavailable("the Auth or the Base of an Introspector panicked", nil)
		var t *dpop.Token
		defer func() {
			recover() // what it panicked with may hold anything
			stop()
			cancel()
			i.finish(of, q, asked, t, err)
		}()
		t, err = i.introspect(ctx, token, asked)
	}()
	return q, nil
}

// finish ends a question, once. Those who wait for the answer wake after the
// lock is free again, and find the Introspector at rest.
func (i *Introspector) finish(of digest, q *question, asked time.Time, t *dpop.Token, err error) {
	if i.settle(of, q, asked, t, err) {
		close(q.answered)
	}
}

// settle keeps the answer to a question that is still open.
func (i *Introspector) settle(of digest, q *question, asked time.Time, t *dpop.Token, err error) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.asking[of] != q {
		return false
	}
	until := asked.Add(orDefault(i.MaxAge, defaultBelieved))
	switch {
	case err == nil:
		if end := t.Expires.Add(leeway(i.Leeway)); !t.Expires.IsZero() && end.Before(until) {
			until = end
		}
		i.active.put(of, t, len(t.Claims), until, maxActive)
	case isInvalid(err):
		i.inactive.put(of, err, 0, until, maxInactive)
	}
	delete(i.asking, of)
	q.token, q.err = t, err
	return true
}

// isToken is b64token (RFC 6750 §2.1) and what some servers use beside it.
func isToken(s string) bool {
	for i := range len(s) {
		if s[i] <= 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return s != "" && len(s) <= maxToken
}

// Format prints a fixed text for every verb: fmt would read fields that
// change under a lock.
func (i *Introspector) Format(f fmt.State, _ rune) { io.WriteString(f, "access.Introspector") }
