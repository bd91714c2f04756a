package certs

import "github.com/nokkel/nokkel/internal/certpool"

// The rules that only certificates can break. For the others (malformed, too
// large, unsupported, ambiguous, no private key, signer failed) an *[Error]
// wraps the sentinels of package keys, so that a caller has one name for each.
var (
	ErrMismatch      = certpool.ErrMismatch      // no certificate is for the key
	ErrNoCertificate = certpool.ErrNoCertificate // a key without one where one is needed
)

// Error says which rule a certificate or argument broke. Its text never holds
// any part of the input.
type Error struct {
	Rule   error  // an Err value of this package or of package keys
	Detail string // what exactly, in this package's own words; may be empty

	cause func() error // a signer's own error: for errors.Is and errors.As, never printed
}

// Error returns "certs: rule: detail".
func (e *Error) Error() string {
	if e.Detail == "" {
		return "certs: " + e.Rule.Error()
	}
	return "certs: " + e.Rule.Error() + ": " + e.Detail
}

// Unwrap returns the rule and, under [keys.ErrSigner], the signer's own error,
// which is not in the text: a driver may put anything into it.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Rule}
	}
	return []error{e.Rule, e.cause()}
}

func refuse(rule error, detail string) error { return &Error{Rule: rule, Detail: detail} }
