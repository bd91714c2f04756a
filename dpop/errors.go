package dpop

import "errors"

// The rules that a request can break. Every error of this package's own is an
// *[Error] that wraps one of them, so errors.Is(err, dpop.ErrRedirect) tells
// what was wrong. All but [ErrBody] are found before the attempt that they
// stop is sent.
var (
	ErrURL      = errors.New("not a URL that a proof can name")              // relative, not http(s), or a host that net/http would change
	ErrInsecure = errors.New("refusing to send a proof in clear")            // http to another machine than this one
	ErrRedirect = errors.New("refusing to follow a redirect with a proof")   // to another origin than the first request's
	ErrToken    = errors.New("no DPoP token to send")                        // another Authorization in its place, or none from the source
	ErrKey      = errors.New("no key to make the proof with")                // nothing configured, or a token that is bound to none
	ErrBody     = errors.New("the request body can no longer be sent again") // it outgrew the memory kept for it
)

// Error says which rule was broken. Its text never holds a token, a proof, a
// URL or a key.
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

func refuse(rule error, detail string) error { return &Error{Rule: rule, Detail: detail} }
