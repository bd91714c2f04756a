package access

import (
	"errors"

	"github.com/nokkel/nokkel/dpop"
)

// The rules that an access token can break. Errors with one of them wrap
// dpop.ErrInvalidToken too.
var (
	ErrMalformed = errors.New("malformed access token")
	ErrType      = errors.New("a token of another type") // "typ" (RFC 9068 §2.1)
	ErrAlgorithm = errors.New("not an asymmetric signature algorithm, or not the key's")
	ErrKey       = errors.New("signed with a key that the issuer does not publish")
	ErrSignature = errors.New("wrong signature")
	ErrClaim     = errors.New("a claim is missing or of the wrong type")
	ErrIssuer    = errors.New("issued by another issuer")
	ErrAudience  = errors.New("issued for another API")
	ErrExpired   = errors.New("expired")
	ErrNotYet    = errors.New("not valid yet") // "nbf" or "iat" in the future: maybe a clock is off
	ErrBinding   = errors.New("bound in an unknown way")
	ErrInactive  = errors.New("not active, according to the issuer") // RFC 7662 §2.2
)

// Failures that are not the token's. Errors with one of these do not wrap
// dpop.ErrInvalidToken; those with ErrConfig wrap dpop.ErrConfig.
var (
	ErrConfig      = errors.New("incomplete configuration")
	ErrUnavailable = errors.New("the issuer is unavailable")
)

// Error says which rule was broken. Its text never holds a part of a token.
type Error struct {
	Rule   error  // one of the Err values of this package
	Detail string // in this package's own words; may be empty

	cause error // of ErrUnavailable; itself without secrets
}

// Error returns "access: rule: detail", and the cause of [ErrUnavailable].
func (e *Error) Error() string {
	text := "access: " + e.Rule.Error()
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap returns the rule, and what package dpop calls it or the cause.
func (e *Error) Unwrap() []error {
	switch {
	case e.cause != nil:
		return []error{e.Rule, e.cause}
	case e.Rule == ErrUnavailable:
		return []error{e.Rule}
	case e.Rule == ErrConfig:
		return []error{e.Rule, dpop.ErrConfig}
	}
	return []error{e.Rule, dpop.ErrInvalidToken}
}

func refuse(rule error, detail string) error { return &Error{Rule: rule, Detail: detail} }

func unavailable(detail string, cause error) error {
	return &Error{Rule: ErrUnavailable, Detail: detail, cause: cause}
}
