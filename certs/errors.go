package certs

import "errors"

// The rules that only keystores and certificates can break. For the others
// (malformed, too large, unsupported, ambiguous, no private key, signer failed)
// an *[Error] wraps the sentinels of package keys, so that a caller has one
// name for each.
var (
	ErrPassword      = errors.New("password not accepted")            // it does not open the keystore, or may not protect one
	ErrNotFound      = errors.New("alias not found")                  // no entry of that alias
	ErrMismatch      = errors.New("key and certificate do not match") // no certificate is for the key
	ErrNoCertificate = errors.New("no certificate")                   // a key without one where one is needed
)

// Error says which rule a certificate, keystore or argument broke. Its text
// never holds any part of the input, the alias or the password.
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
// which is not in the text: nobody knows what a driver puts into it.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Rule}
	}
	return []error{e.Rule, e.cause()}
}

func refuse(rule error, detail string) error { return &Error{Rule: rule, Detail: detail} }
