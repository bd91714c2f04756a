package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/nokkel/nokkel/selfservice/rest"
)

// The rules that a call, an answer or an argument can break. Every error of this
// package is an *[Error] that wraps one of them, or an *assertion.Error if the
// token request was refused, or of the network.
var (
	ErrUnauthorized = errors.New("the admin token is not accepted")               // 401
	ErrForbidden    = errors.New("the role for this is missing")                  // 403
	ErrNotFound     = errors.New("not found")                                     // 404, or an empty list
	ErrConflict     = errors.New("already exists")                                // 409
	ErrFeature      = errors.New("the server's feature is off")                   // 501
	ErrRefused      = errors.New("the server refused the request")                // any other status but 2xx
	ErrMalformed    = errors.New("the server answered with something unexpected") // the request may have been carried out
	ErrTooLarge     = errors.New("the answer is too large")
	ErrConfig       = errors.New("invalid argument")                             // nothing was sent
	ErrMasked       = errors.New("the secret is hidden from this administrator") // it has view-clients only
	ErrMode         = errors.New("the client authenticates in another way")      // than the call is for
	ErrNoOverlap    = errors.New("the old secret would end at once")             // no rotation policy applies to the client
	ErrLost         = errors.New("the change was lost")                          // somebody else updated at the same time
	ErrDisabled     = errors.New("the client is disabled")
	ErrAlgorithm    = errors.New("the server refuses the signing algorithm") // by a client policy, or because it does not know it
	ErrLastKey      = errors.New("refusing to remove the last key")
)

// Error says which rule was broken and what the server said. It never contains a
// body, token, key or secret.
type Error struct {
	Rule        error         // one of the Err values of this package
	Detail      string        // in the words of this package; may be empty
	Status      int           // of the HTTP answer; zero if there was none
	Code        string        // "error", see RFC 6749 §5.2
	Description string        // "error_description" or "errorMessage": one line, at most 300 bytes
	Wait        time.Duration // how long the server asks to wait; zero if it does not say
}

// Error returns the rule, the detail and the server's text in one line.
func (e *Error) Error() string {
	s := "keycloak: " + e.Rule.Error()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Status != 0 {
		s += ": " + strconv.Itoa(e.Status)
	}
	if e.Code != "" {
		s += " " + e.Code
	}
	if e.Description != "" {
		s += ": " + e.Description
	}
	return s
}

// Unwrap returns the rule.
func (e *Error) Unwrap() error { return e.Rule }

// RetryAfter returns how long the server asks to wait.
func (e *Error) RetryAfter() time.Duration { return e.Wait }

func refuse(rule error, detail string) error { return &Error{Rule: rule, Detail: detail} }

// refusal reads the three shapes of error bodies: {"error","error_description"}
// of OAuth and of uncaught exceptions, {"errorMessage"} of the admin API, and
// whatever a proxy sends, of which only the status counts.
func refusal(got *rest.Answer) *Error {
	e := &Error{Rule: ruleOf(got.Status), Status: got.Status, Wait: got.RetryAfter()}
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(got.Body.Reveal()), &members) != nil {
		return e
	}
	text := func(name string) string {
		var s string
		json.Unmarshal(members[name], &s) // a member of another type says nothing
		return got.Text(s)
	}
	e.Code, e.Description = text("error"), text("error_description")
	if e.Description == "" {
		e.Description = text("errorMessage")
	}
	return e
}

func ruleOf(status int) error {
	switch status {
	case http.StatusUnauthorized:
		return ErrUnauthorized
	case http.StatusForbidden:
		return ErrForbidden
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusConflict:
		return ErrConflict
	case http.StatusNotImplemented:
		return ErrFeature
	}
	return ErrRefused
}
