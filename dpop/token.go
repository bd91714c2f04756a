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

// Tokens says what an access token is good for. An access.Verifier is one, for
// JWTs, and an access.Introspector, for tokens that only their issuer can read.
//
// A token that is no good is an error that wraps [ErrInvalidToken]. Any other
// error says that nobody can tell now, and lets the token in no more than the
// first. What comes with the error must not hold the token. Token is called
// from many goroutines.
type Tokens interface {
	Token(ctx context.Context, token string) (*Token, error)
}

// ErrInvalidToken is what the errors of a [Tokens] wrap for a token that is
// malformed, expired, revoked, of another issuer or for another API.
var ErrInvalidToken = errors.New("the access token is not valid here")

// Token is an access token that was found to be good: the claims of RFC 9068 §2
// or the members of RFC 7662 §2.2. It does not hold the token itself. Many
// requests share one Token: it is only read.
type Token struct {
	Issuer   string    // "iss"
	Subject  string    // "sub"
	ClientID string    // "client_id"
	Audience []string  // "aud"
	Scopes   []string  // "scope"
	Expires  time.Time // "exp"; zero: the issuer does not say

	// What the token is bound to ("cnf", RFC 7800 §3.1), each in base64url
	// without padding, 43 characters; empty: not to that.
	JKT string // "jkt": the thumbprint of a DPoP key (RFC 9449 §6.1)
	X5T string // "x5t#S256": the hash of a client certificate (RFC 8705 §3.1)

	Claims json.RawMessage // all that the issuer says, a JSON object
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

// Format prints a fixed text for every verb: claims tell of people.
func (t Token) Format(f fmt.State, _ rune) { io.WriteString(f, "dpop.Token") }
