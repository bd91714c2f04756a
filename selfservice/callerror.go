package selfservice

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/nokkel/nokkel/internal/retryafter"
)

// CallError is what a provider returns to tell the engine what a failure means.
// Its text is that of Err, or of Rule if Err is nil.
type CallError struct {
	Rule error         // ErrInvalidClient or ErrLimit; nil: neither, it is just tried again
	Wait time.Duration // what the server asked for (Retry-After); zero: it did not say
	Err  error         // what happened; without secrets, tokens or bodies
}

// Error returns the text of Err, or that of Rule if Err is nil.
func (e *CallError) Error() string {
	if err := cmp.Or(e.Err, e.Rule); err != nil {
		return err.Error()
	}
	return "selfservice: the call failed"
}

// Unwrap returns Rule and Err, leaving out a nil one.
func (e *CallError) Unwrap() []error {
	return slices.DeleteFunc([]error{e.Rule, e.Err}, func(err error) bool { return err == nil })
}

// RetryAfter returns Wait, or if that is zero what Err says.
func (e *CallError) RetryAfter() time.Duration {
	var inner interface{ RetryAfter() time.Duration }
	if e.Wait == 0 && errors.As(e.Err, &inner) {
		return inner.RetryAfter()
	}
	return e.Wait
}

// retryAfter is what the server asked for, within reason. The error is of the
// caller's making, and its methods may panic.
func retryAfter(err error) (wait time.Duration) {
	defer func() {
		if recover() != nil {
			wait = 0
		}
	}()
	var e interface{ RetryAfter() time.Duration }
	if errors.As(err, &e) {
		return min(max(e.RetryAfter(), 0), retryafter.Max)
	}
	return 0
}

// text is that of an error of the caller's, which may panic.
func text(err error) (s string) {
	defer func() {
		if recover() != nil {
			s = "selfservice: the text of an error panicked"
		}
	}()
	return err.Error()
}
