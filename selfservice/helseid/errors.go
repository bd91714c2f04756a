package helseid

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/nokkel/nokkel/selfservice/rest"
)

// The rules that a call or an answer can break. Every refusal is an *[Error]
// that wraps one of them. A refused token request is an *assertion.Error.
var (
	ErrRefused   = errors.New("the self-service API refused the request")     // any status but 2xx, redirects too
	ErrMalformed = errors.New("the self-service API sent a malformed answer") // the request may have been carried out
	ErrTooLarge  = errors.New("the self-service API answered with more than 1 MiB")
	ErrConfig    = errors.New("incomplete Client")                    // Detail names the field; nothing was sent
	ErrAddress   = errors.New("the base address is not an https URL") // http is for loopback only
	ErrAlgorithm = errors.New("HelseID accepts RSA and EC keys only")
	ErrDetail    = errors.New("an organisation number is not 9 digits, or the journal id is empty")
)

// Error is a refusal: by the self-service API (with its problem details,
// RFC 9457 §3.1, where it gave any) or by this package. The server's texts in
// it are one line of at most 300 bytes, without anything that looks like a
// token or a key.
type Error struct {
	Rule            error         // one of the Err values of this package
	Status          int           // of the HTTP answer; zero: there was none
	Type            string        // problem details: a URI that names the kind of problem
	Title           string        // problem details: the kind in words
	Detail          string        // problem details: this case in words
	Instance        string        // problem details: a URI that names this case
	WWWAuthenticate string        // the header, for 401 and 403 that a gateway gives without a body
	Wait            time.Duration // what the server asks for (Retry-After), at most an hour; zero: it does not say
}

// Error returns rule, status, title and detail in one line.
func (e *Error) Error() string {
	s := "helseid: " + e.Rule.Error()
	if e.Status != 0 {
		s += ": " + strconv.Itoa(e.Status)
	}
	if e.Title != "" {
		s += " " + e.Title
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Unwrap returns the rule.
func (e *Error) Unwrap() error { return e.Rule }

// RetryAfter returns how long the server asks to wait.
func (e *Error) RetryAfter() time.Duration { return e.Wait }

// refusal makes the Error of an answer. Its body may be problem details, other
// text, or empty; only the four members are read.
func refusal(got *rest.Answer) *Error {
	e := &Error{
		Rule:            ErrRefused,
		Status:          got.Status,
		WWWAuthenticate: got.Text(got.Header.Get("WWW-Authenticate")),
		Wait:            got.RetryAfter(),
	}
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(got.Body.Reveal()), &members) != nil {
		return e
	}
	for name, field := range map[string]*string{"type": &e.Type, "title": &e.Title, "detail": &e.Detail, "instance": &e.Instance} {
		var text string
		if json.Unmarshal(members[name], &text) == nil { // RFC 9457 §3.1: a member of the wrong type is ignored
			*field = got.Text(text)
		}
	}
	return e
}
