package dpop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Tokens validates access tokens. An access.Verifier does so for JWTs, and an
// access.Introspector for tokens that only their issuer can read.
//
// For a token that is not valid here the error wraps [ErrInvalidToken]. Any
// other error means that the token cannot be checked at this time; the
// request is refused all the same. No error may hold the token. Token is
// called concurrently.
type Tokens interface {
	Token(ctx context.Context, token string) (*Token, error)
}

// ErrInvalidToken is wrapped by the errors of a [Tokens] for a token that is
// malformed, expired, revoked, of another issuer or for another API.
var ErrInvalidToken = errors.New("the access token is not valid here")

// Token is a valid access token: the claims of RFC 9068 §2 or the members of
// RFC 7662 §2.2, without the token itself. Requests share one Token, which
// must not be changed.
type Token struct {
	Issuer   string    // "iss"
	Subject  string    // "sub"
	ClientID string    // "client_id"
	Audience []string  // "aud"
	Scopes   []string  // "scope"
	Expires  time.Time // "exp"; zero: the issuer does not say

	// What the token is bound to ("cnf", RFC 7800 §3.1), each in base64url
	// without padding, 43 characters; empty: not bound to one.
	JKT string // "jkt": the thumbprint of a DPoP key (RFC 9449 §6.1)
	X5T string // "x5t#S256": the hash of a client certificate (RFC 8705 §3.1)

	Claims json.RawMessage // everything that the issuer says, a JSON object
}

// Has reports whether all of scopes were granted.
func (t *Token) Has(scopes ...string) bool {
	for _, scope := range scopes {
		if !slices.Contains(t.Scopes, scope) {
			return false
		}
	}
	return true
}

// Format prints a fixed text for every verb: claims are personal data.
func (t Token) Format(f fmt.State, _ rune) { io.WriteString(f, "dpop.Token") }
