// Package rest is what the providers' typed clients have in common: where
// credentials may be sent, and what an error answer may tell.
package rest

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/internal/origin"
	"github.com/nokkel/nokkel/selfservice"
)

// MaxRetryAfter is the longest wait that [RetryAfter] believes in.
const MaxRetryAfter = 24 * time.Hour

// SafeURL parses a URL that tokens may be sent to: absolute, without user
// info, and https; http is for loopback.
func SafeURL(raw string) (u *url.URL, ok bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, false
	}
	return u, origin.Secure(u)
}

// RetryAfter reads Retry-After (RFC 9110 §10.2.3); zero where there is none. A
// date in it is measured from the server's own Date, so that the clock of this
// machine does not count.
func RetryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if s, err := strconv.ParseUint(value, 10, 63); err == nil {
		return time.Duration(min(s, uint64(MaxRetryAfter/time.Second))) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now := time.Now()
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return min(max(until.Sub(now), 0), MaxRetryAfter)
}

// Verdict tells the engine what a refused token request means: a client that
// is not accepted is ErrRefused. Other errors are returned as they are.
func Verdict(err error) error {
	var token *assertion.Error
	if !errors.As(err, &token) {
		return err
	}
	e := &selfservice.CallError{Wait: token.RetryAfter, Err: err}
	if errors.Is(err, assertion.ErrInvalidClient) {
		e.Rule = selfservice.ErrRefused
	}
	return e
}
