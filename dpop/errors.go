package dpop

import "errors"

// The rules that a request can break at a client. Every error of this package's
// own is an *[Error] that wraps one of them, or at a server a *[ProofError], so
// errors.Is(err, dpop.ErrRedirect) reports which. All but [ErrBody] are found
// before the attempt that they stop is sent.
var (
	ErrURL      = errors.New("not a URL that a proof can name")              // relative, not http(s), or a host that net/http would change
	ErrInsecure = errors.New("refusing to send a proof over http")           // loopback excepted
	ErrRedirect = errors.New("refusing to follow a redirect with a proof")   // to an origin other than the first request's
	ErrToken    = errors.New("no DPoP token to send")                        // another Authorization in its place, or none from the source
	ErrKey      = errors.New("no key to make the proof with")                // nothing configured, or a token that is bound to none
	ErrBody     = errors.New("the request body can no longer be sent again") // it outgrew the memory kept for it
)

// What can go wrong at a server whatever the proof. The request is refused.
var (
	ErrConfig        = errors.New("the verifier is not set up")              // see Validate
	ErrReplayFull    = errors.New("the replay cache is full")                // at its bound in total
	ErrReplayKeyFull = errors.New("too many proofs by one key at this time") // at its bound for a key
	ErrReplayStore   = errors.New("the replay cache failed")                 // wraps its own error
)

// Error says which rule was broken. Its text never holds a token, a proof, a
// URL or a key.
type Error struct {
	Rule   error  // one of the Err values of this package
	Detail string // in this package's own words; may be empty

	cause func() error // a cache's own error: for errors.Is and errors.As, never printed
}

// Error returns "dpop: rule: detail".
func (e *Error) Error() string {
	if e.Detail == "" {
		return "dpop: " + e.Rule.Error()
	}
	return "dpop: " + e.Rule.Error() + ": " + e.Detail
}

// Unwrap returns the rule and the own error of a replay cache that failed, which
// is not in the text: a driver may put anything into it. errors.As finds the
// driver's type there.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Rule}
	}
	return []error{e.Rule, e.cause()}
}

func refuse(rule error, detail string) error { return &Error{Rule: rule, Detail: detail} }
