package rest

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/nokkel/nokkel/selfservice/internal/rest"
)

// What can become of a call. Every failure is an *[Error] that wraps one of
// them.
var (
	ErrURL       = errors.New("the URL is not https")      // http is for loopback only; nothing was sent
	ErrNoAnswer  = errors.New("the server did not answer") // the call may have been carried out
	ErrTooLarge  = errors.New("the answer is too large")   // so may this
	ErrRefused   = errors.New("the server refused the request")
	ErrMalformed = errors.New("the answer is not the JSON that it should be")
)

// Error says what became of a call. It holds no body, token or secret.
type Error struct {
	Rule   error         // one of the Err values of this package
	Status int           // of the answer; zero: there was none
	Wait   time.Duration // what the server asks for (Retry-After), an hour at most
	Err    error         // of the network, with ErrNoAnswer
}

// Error returns rule, status and cause in one line.
func (e *Error) Error() string {
	s := "rest: " + e.Rule.Error()
	if e.Status != 0 {
		s += ": " + strconv.Itoa(e.Status)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the rule, and the cause if there is one.
func (e *Error) Unwrap() []error {
	return slices.DeleteFunc([]error{e.Rule, e.Err}, func(err error) bool { return err == nil })
}

// RetryAfter returns how long the server asks to wait.
func (e *Error) RetryAfter() time.Duration { return e.Wait }

// Verdict says to a Rotator what the failure of a token request means: one
// that is assertion.ErrInvalidClient is selfservice.ErrInvalidClient too. Other
// errors, and nil, are returned as they are. It is for Verify, and for calls
// that are made as the client.
func Verdict(err error) error { return rest.Verdict(err) }
