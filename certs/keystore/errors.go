package keystore

import "errors"

// The rules that only keystores can break. For the others an *[Error] wraps
// the sentinels of packages keys (malformed, too large, unsupported,
// ambiguous, no private key) and certs (mismatch, no certificate).
var (
	ErrPassword = errors.New("password not accepted") // it does not open the keystore, or may not protect one
	ErrNotFound = errors.New("alias not found")       // no entry of that alias
)

// Error says which rule a keystore or argument broke. Its text never holds
// any part of the input, the alias or the password.
type Error struct {
	Rule   error  // an Err value of this package or of packages keys and certs
	Detail string // what exactly, in this package's own words; may be empty
}

// Error returns "keystore: rule: detail".
func (e *Error) Error() string {
	if e.Detail == "" {
		return "keystore: " + e.Rule.Error()
	}
	return "keystore: " + e.Rule.Error() + ": " + e.Detail
}

// Unwrap returns the rule.
func (e *Error) Unwrap() error { return e.Rule }

func refuse(rule error, detail string) error { return &Error{Rule: rule, Detail: detail} }
