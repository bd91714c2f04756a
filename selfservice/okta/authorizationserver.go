package okta

import (
	"cmp"
	"net/url"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
)

// AuthorizationServer is a custom authorization server of an org. It gives
// tokens for APIs of your own, where the org's gives them for Okta's.
type AuthorizationServer struct {
	Org Org
	ID  string // "aus…"; empty: "default", which Okta has set up
}

// TokenEndpoint returns the URL of the server's token endpoint, for
// [Client.TokenEndpoint].
func (s AuthorizationServer) TokenEndpoint() string {
	return s.Org.endpoint("/oauth2/" + url.PathEscape(cmp.Or(s.ID, "default")) + "/v1/token")
}

// Signer authenticates a client at the server's token endpoint with
// private_key_jwt. The audience is the full URL of that endpoint: Okta refuses
// assertions for another one, the org's included.
func (s AuthorizationServer) Signer(clientID string, key keys.Source) *assertion.Signer {
	return signer(clientID, key, s.TokenEndpoint())
}

// Tokens returns a source of the server's tokens for the client that auth
// authenticates, as [Org.Tokens] does. The scopes are the server's own; name at
// least one, unless it has default scopes.
func (s AuthorizationServer) Tokens(auth assertion.Authenticator, prover *dpop.Prover, scopes ...string) *assertion.TokenSource {
	return s.Org.tokens(s.TokenEndpoint(), auth, prover, scopes)
}
