// Package rest has what the providers' typed clients share: where credentials may
// be sent, and what an error may quote.
package rest

import (
	"errors"
	"net/url"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/internal/origin"
	"github.com/nokkel/nokkel/selfservice"
)

// SafeURL parses a URL that tokens may be sent to: absolute, without user
// info, and https; http is for loopback.
func SafeURL(raw string) (u *url.URL, ok bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil {
		return nil, false
	}
	return u, origin.Secure(u)
}

// Verdict translates the error of a token request for the engine: a client that is
// not accepted is ErrInvalidClient. Other errors are returned unchanged.
func Verdict(err error) error {
	if errors.Is(err, assertion.ErrInvalidClient) {
		return &selfservice.CallError{Rule: selfservice.ErrInvalidClient, Err: err}
	}
	return err
}
