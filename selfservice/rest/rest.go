// Package rest makes the calls of a selfservice.Provider to a server's own
// JSON API. Every call has the same limits, so that a provider has none of its
// own to write:
//
//   - https only, or http on loopback; redirects are not followed;
//   - 30 s for a call, and 1 MiB for its answer, unless it says otherwise;
//   - a token that the server does not accept is replaced once;
//   - errors quote nothing that was sent.
//
// The example is a whole provider.
package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/internal/redact"
	"github.com/nokkel/nokkel/internal/retryafter"
	"github.com/nokkel/nokkel/internal/transport"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/internal/rest"
)

// Call is one call of an API. It prints as a fixed text; a walk by reflection
// sees Header, and neither Body nor Secrets.
type Call struct {
	Method  string
	URL     string
	Body    keys.Secret            // it may hold one; zero: none
	Header  http.Header            // besides Accept and Content-Type, which are application/json unless they are here
	Secrets map[string]keys.Secret // more of the header, which does not print: Authorization, say, or an API key

	// Tokens gets the access token, an assertion.TokenSource for example. It is
	// sent as a bearer token, or with a proof if it is bound to a key (RFC 9449).
	// Nil: what authenticates the call is in Secrets, or in Base.
	Tokens dpop.TokenSource
	Prover *dpop.Prover // of tokens that are bound; nil: one for each call

	MaxBody int               // bytes of the answer; zero: 1 MiB
	Timeout time.Duration     // of the whole call; zero: 30 s
	Base    http.RoundTripper // nil: a copy of http.DefaultTransport
}

const (
	timeout = 30 * time.Second
	maxBody = 1 << 20
)

// Answer is what a server said to a call, whatever its status.
type Answer struct {
	Status int
	Header http.Header
	Body   keys.Secret // up to MaxBody of it; it may hold one, so it does not print

	sent func() redact.Values // a func, for what was sent holds secrets, and reflection reads fields
}

// OK reports whether the status is 2xx.
func (a *Answer) OK() bool { return a.Status/100 == 2 }

// RetryAfter returns how long the server asks to wait (RFC 9110 §10.2.3): an
// hour at most, and zero if it does not say.
func (a *Answer) RetryAfter() time.Duration { return retryafter.Of(a.Header) }

// Text makes text of the answer fit for an error or a log: one line of at most
// 300 bytes, without what was sent and without anything that looks like a
// token or a key.
func (a *Answer) Text(text string) string {
	var sent redact.Values
	if a.sent != nil {
		sent = a.sent()
	}
	return sent.Line(text, redact.MaxText)
}

// Format prints a fixed text for every verb.
func (Call) Format(f fmt.State, _ rune) { io.WriteString(f, "rest.Call") }

// JSON makes the call and decodes its answer into v, which may be nil. It
// fails as [Call.Do] does, and with an *[Error] that is [ErrRefused] for any
// status but 2xx and [ErrMalformed] for what is not the JSON of v.
func (c Call) JSON(ctx context.Context, v any) error {
	a, err := c.Do(ctx)
	switch {
	case err != nil:
		return err
	case !a.OK():
		return &Error{Rule: ErrRefused, Status: a.Status, Wait: a.RetryAfter()}
	case v != nil && json.Unmarshal([]byte(a.Body.Reveal()), v) != nil: // its error may quote the body
		return &Error{Rule: ErrMalformed, Status: a.Status}
	}
	return nil
}

// Do makes the call. It fails with the error of Tokens, or with an *[Error]
// that is [ErrURL], [ErrNoAnswer] or [ErrTooLarge].
func (c Call) Do(ctx context.Context) (*Answer, error) {
	if _, ok := rest.SafeURL(c.URL); !ok {
		return nil, &Error{Rule: ErrURL}
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(c.Timeout, timeout))
	defer cancel()
	if c.Tokens == nil {
		return c.send(ctx, "", nil)
	}
	token, key, err := c.Tokens.BoundToken(ctx)
	if err != nil {
		return nil, err
	}
	a, err := c.send(ctx, token, key)
	source, ok := c.Tokens.(dpop.Discarder)
	if err != nil || a.Status != http.StatusUnauthorized || !ok {
		return a, err
	}
	source.Discard(token)
	next, key, err := c.Tokens.BoundToken(ctx)
	if err != nil {
		return nil, err
	}
	if next == token { // another was replaced a moment ago
		return a, nil
	}
	return c.send(ctx, next, key)
}

func (c Call) send(ctx context.Context, token string, key *keys.Key) (*Answer, error) {
	req, err := http.NewRequestWithContext(ctx, c.Method, c.URL, strings.NewReader(c.Body.Reveal())) // an empty one has Content-Length 0
	if err != nil {
		return nil, &Error{Rule: ErrURL}
	}
	req.Header.Set("Accept", "application/json")
	if !c.Body.IsZero() {
		req.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(req.Header, c.Header)
	for name, value := range c.Secrets {
		req.Header.Set(name, value.Reveal())
	}
	base := c.Base
	switch {
	case key != nil:
		base = &dpop.Transport{Tokens: rest.Bound{Token: token, Key: key}, Prover: c.Prover, Base: c.Base}
	case token != "":
		req.Header.Set("Authorization", "Bearer "+token)
	}
	// Only an error needs what was sent, and reading it is not cheap.
	sent := sync.OnceValue(func() redact.Values { return rest.Sent(req, token, []byte(c.Body.Reveal())) })
	resp, err := transport.Of(base).RoundTrip(req) // follows no redirect
	if err != nil {
		return nil, noAnswer(sent().Error(err))
	}
	defer resp.Body.Close()
	limit := cmp.Or(c.MaxBody, maxBody)
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(limit)+1))
	a := &Answer{resp.StatusCode, resp.Header, keys.NewSecret(string(body[:min(len(body), limit)])), sent}
	switch {
	case !a.OK(): // what came of the body will do
	case err != nil:
		return nil, noAnswer(sent().Error(err))
	case len(body) > limit:
		return nil, &Error{Rule: ErrTooLarge, Status: a.Status}
	}
	return a, nil
}

// noAnswer leaves the errors of a proof alone: they say where they come from.
func noAnswer(err error) error {
	var proof *dpop.Error
	if errors.As(err, &proof) {
		return err
	}
	return &Error{Rule: ErrNoAnswer, Err: err}
}
