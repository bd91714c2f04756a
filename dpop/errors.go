package dpop

import "errors"

// The rules that a request, an answer or a proof can break.
var (
	ErrURL      = errors.New("not an absolute http or https URL")
	ErrInsecure = errors.New("refusing to send a proof over http to another machine")
	ErrRedirect = errors.New("refusing to send a proof to another origin after a redirect")
	ErrBody     = errors.New("the request body is too large to be sent again")
	ErrToken    = errors.New("the request carries an Authorization other than DPoP")
)

// Error says which rule was broken. Its text never holds a token, a proof or
// a key.
type Error struct {
	Rule   error  // one of the Err values of this package
	Detail string // in this package's own words; may be empty
}

// Error returns "dpop: rule: detail".
func (e *Error) Error() string {
	if e.Detail == "" {
		return "dpop: " + e.Rule.Error()
	}
	return "dpop: " + e.Rule.Error() + ": " + e.Detail
}

// Unwrap returns the rule.
func (e *Error) Unwrap() error { return e.Rule }
