package assertion

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nokkel/nokkel/keys"
	"golang.org/x/oauth2"
)

// Prover returns an http.RoundTripper whose requests prove possession of key.
// A *dpop.Prover is one.
type Prover interface {
	Bind(base http.RoundTripper, key *keys.Key) http.RoundTripper
}

// TokenSource gets access tokens with the client-credentials grant (RFC 6749
// §4.4) and caches the last one. It is safe for concurrent use; its fields
// must not change after the first call.
//
// However many callers wait, one request is in flight at a time, on its own
// goroutine and with its own deadline. A token is served until a tenth of its
// lifetime before its end, at least 1 s and at most 10 s; one of under 2 s
// for half of it, and one of under 1 s only to those who waited for it. After
// 70 to 80 % of that time a call starts a refresh and returns the old token
// meanwhile. A token without a lifetime is taken to last one minute. After a
// failed request the next one waits 250 ms, then twice as long each time, up
// to 30 s, or as long as the server's Retry-After; callers without a live
// token get the last error meanwhile. A panic in the caller's code fails the
// request and nothing else. An idle TokenSource does nothing.
type TokenSource struct {
	Endpoint string                                       // the token endpoint's URL
	Discover func(ctx context.Context) (*Metadata, error) // called before each request when Endpoint is empty
	Auth     Authenticator                                // authenticates the client
	Scopes   []string                                     // "scope"
	Params   url.Values                                   // more of the form, such as resource or audience; only read
	Prover   Prover                                       // nil: bearer tokens; else tokens bound to a DPoP key
	DPoPKey  keys.Source                                  // the key for the next token; nil: a new ES256 key for each token
	Base     http.RoundTripper                            // nil: a copy of http.DefaultTransport; see [Transport] on response headers
	Timeout  time.Duration                                // of a request, discovery and signing included; zero: 30 s

	current atomic.Pointer[cached]

	mu        sync.Mutex // guards what follows; never held while anything waits
	call      *call
	failures  int
	retry     time.Time // no request before this
	lastErr   error
	discarded time.Time
}

// Token returns a valid token. It waits for a server only if it has none.
// Canceling ctx ends the caller's own wait and not the request, which others
// may wait for. A refusal is an *[Error], the same one for all who waited.
func (s *TokenSource) Token(ctx context.Context) (*Token, error) {
	c, now := s.current.Load(), time.Now()
	if c != nil && !reached(c.refresh, now) {
		return c.token, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, failed("waiting for a token", err)
	}
	c, f, err := s.renew(ctx, now)
	switch {
	case c != nil:
		return c.token, nil
	case err != nil:
		return nil, err
	}
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return nil, failed("waiting for a token", ctx.Err())
	}
}

// BoundToken returns the token and its key, as dpop.Transport asks for them.
func (s *TokenSource) BoundToken(ctx context.Context) (string, *keys.Key, error) {
	t, err := s.Token(ctx)
	if err != nil {
		return "", nil, err
	}
	return t.AccessToken.Reveal(), t.Key, nil
}

// Discard drops the token, if it is still the one served, because a resource
// server answered invalid_token (RFC 6750 §3.1). It does so once in 5 s at
// most: an API that refuses every token must not turn each call into a token
// request.
func (s *TokenSource) Discard(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, now := s.current.Load(), time.Now()
	if c == nil || !c.token.AccessToken.Equal(keys.NewSecret(token)) || !reached(s.discarded.Add(discardPause), now) {
		return
	}
	s.discarded = now
	s.current.Store(nil)
}

// Format prints a fixed text for every verb: fmt would read fields that
// change under a lock.
func (s *TokenSource) Format(f fmt.State, _ rune) { io.WriteString(f, "assertion.TokenSource") }

// OAuth2 returns the source as one of golang.org/x/oauth2, whose Token method
// takes no context: ctx bounds all its waits.
func (s *TokenSource) OAuth2(ctx context.Context) oauth2.TokenSource {
	return oauth2Source(func() (*oauth2.Token, error) {
		t, err := s.Token(ctx)
		if err != nil {
			return nil, err
		}
		return t.OAuth2(), nil
	})
}

type oauth2Source func() (*oauth2.Token, error)

func (f oauth2Source) Token() (*oauth2.Token, error) { return f() }
