// Package rest is what the providers' typed clients have in common: where
// credentials may be sent, and what an error answer may tell.
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

// Verdict tells the engine what a refused token request means: a client that
// is not accepted is ErrInvalidClient. Other errors are returned as they are.
func Verdict(err error) error {
	if errors.Is(err, assertion.ErrInvalidClient) {
		return &selfservice.CallError{Rule: selfservice.ErrInvalidClient, Err: err}
	}
	return err
}
