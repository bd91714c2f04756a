package assertion

import (
	"time"

	"github.com/go-jose/go-jose/v4/json"
	"github.com/nokkel/nokkel/keys"
	"golang.org/x/oauth2"
)

// Token is an access token and the key that it is bound to. It is immutable
// and safe for concurrent use. Printing it shows no secret.
type Token struct {
	AccessToken keys.Secret
	Type        string    // "Bearer" or "DPoP"
	Expiry      time.Time // at most 24 h ahead; zero: the server did not say
	Scopes      []string  // granted; those asked for when the server does not say (RFC 6749 §5.1)
	Key         *keys.Key // the DPoP key, which makes every proof for this token; nil for a bearer token

	answer keys.Secret // the whole body: it holds this token and maybe others
}

// Extra returns a member of the server's answer, such as HelseID's
// "rejected_scope", as encoding/json decodes it into an any; nil if the
// answer has no such member.
func (t *Token) Extra(name string) any {
	var value any
	if json.Unmarshal(t.members()[name], &value) != nil {
		return nil // not there, or an object that has a member twice
	}
	return value
}

func (t *Token) members() (members map[string]json.RawMessage) {
	json.Unmarshal([]byte(t.answer.Reveal()), &members) // it was parsed before; the zero Token has none
	return members
}

// OAuth2 returns the token as golang.org/x/oauth2 has it, which prints its
// access token. A DPoP token is of no use without Key.
func (t *Token) OAuth2() *oauth2.Token {
	token := &oauth2.Token{AccessToken: t.AccessToken.Reveal(), TokenType: t.Type, Expiry: t.Expiry}
	extra := make(map[string]any)
	for name := range t.members() {
		extra[name] = t.Extra(name)
	}
	return token.WithExtra(extra)
}
