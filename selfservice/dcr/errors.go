package dcr

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/nokkel/nokkel/selfservice/rest"
)

// The rules that a configuration or an answer can break. Every refusal is an
// *[Error] that wraps one of them.
var (
	ErrConfig       = errors.New("incomplete or contradictory configuration")
	ErrNotAdopted   = errors.New("no registration has been adopted")
	ErrAddress      = errors.New("the address is not https") // http is for loopback only
	ErrOrigin       = errors.New("the registration is at another origin than the server that made it")
	ErrAccessToken  = errors.New("the server does not accept the registration access token")
	ErrInitialToken = errors.New("the server does not accept the initial access token") // or wants one
	ErrMalformed    = errors.New("malformed answer")
	ErrNotRotated   = errors.New("the server did not make a new secret")
	ErrKeysByURL    = errors.New(`the server fetches the client's keys from its "jwks_uri"`) // package jwksurl rotates them
	ErrNoEndpoint   = errors.New("the server has no endpoint for this")
	ErrNotManaged   = errors.New("the server returned no registration access token or no URI for it")
	ErrInconclusive = errors.New("the server answers a made-up credential in the same way")

	ErrRefused           = errors.New("the server refused the request")
	ErrForbidden         = fmt.Errorf("%w: not allowed", ErrRefused)                            // 403
	ErrRedirectURI       = fmt.Errorf("%w: a redirect URI", ErrRefused)                         // invalid_redirect_uri
	ErrClientMetadata    = fmt.Errorf("%w: the client's metadata", ErrRefused)                  // invalid_client_metadata
	ErrSoftwareStatement = fmt.Errorf("%w: the software statement", ErrRefused)                 // invalid_software_statement
	ErrUnapproved        = fmt.Errorf("%w: the software statement is not approved", ErrRefused) // unapproved_software_statement
)

// Error says which rule was broken and what the server said (RFC 7591 §3.2.2).
// It never holds a body, a token or a secret.
type Error struct {
	Rule   error
	Detail string        // in this package's own words
	Status int           // of the answer; zero: there was none
	Code   string        // "error" (RFC 6749 §5.2), if it consists of lower-case letters and _
	Wait   time.Duration // what the server asks for (Retry-After), at most an hour; zero: it does not say
}

// Error returns rule, detail, status and code.
func (e *Error) Error() string {
	s := "dcr: " + e.Rule.Error()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Status != 0 {
		s += " (" + strconv.Itoa(e.Status)
		if e.Code != "" {
			s += " " + e.Code
		}
		s += ")"
	}
	return s
}

// Unwrap returns the rule.
func (e *Error) Unwrap() error { return e.Rule }

// RetryAfter returns how long the server asks to wait.
func (e *Error) RetryAfter() time.Duration { return e.Wait }

func refuse(rule error, detail string) error { return &Error{Rule: rule, Detail: detail} }

// refusal is the error of an answer that was not asked for.
func refusal(got *rest.Answer) *Error {
	e := &Error{Rule: ErrRefused, Status: got.Status, Wait: got.RetryAfter()}
	var body struct {
		Error string `json:"error"`
	}
	if json.Unmarshal([]byte(got.Body.Reveal()), &body) == nil && isCode(body.Error) && got.Text(body.Error) == body.Error {
		e.Code = body.Error
	}
	switch {
	case e.Status == http.StatusUnauthorized:
		e.Rule = ErrAccessToken
	case e.Status == http.StatusForbidden:
		e.Rule = ErrForbidden
	case e.Code == "invalid_redirect_uri":
		e.Rule = ErrRedirectURI
	case e.Code == "invalid_client_metadata":
		e.Rule = ErrClientMetadata
	case e.Code == "invalid_software_statement":
		e.Rule = ErrSoftwareStatement
	case e.Code == "unapproved_software_statement":
		e.Rule = ErrUnapproved
	}
	return e
}

// isCode reports whether s is an error code, and not text that could quote what
// was sent.
func isCode(s string) bool {
	for _, c := range []byte(s) {
		if c != '_' && (c < 'a' || c > 'z') {
			return false
		}
	}
	return len(s) <= 40
}
