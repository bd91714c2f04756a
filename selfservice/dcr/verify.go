package dcr

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	internal "github.com/nokkel/nokkel/selfservice/internal/rest"
)

// Attempt is one attempt of [Client.Verify] to authenticate with a credential.
type Attempt struct {
	ClientID string
	Server   *assertion.Metadata     // of the issuer; only read
	Auth     assertion.Authenticator // authenticates with the credential
	Base     http.RoundTripper       // nil: a copy of http.DefaultTransport

	madeUp    func() (assertion.Authenticator, error) // authenticates with one that the server cannot know
	selective *atomic.Bool                            // the server has refused such a one
}

// verify has the server accept the credential.
func (c *Client) verify(ctx context.Context, cred selfservice.Credential, auth func(clientID, audience string, cred selfservice.Credential) assertion.Authenticator) error {
	r, _, err := c.stored(ctx)
	if err != nil {
		return err
	}
	m, err := c.serverMetadata(ctx)
	if err != nil {
		return err
	}
	as := func(cred selfservice.Credential) assertion.Authenticator {
		return auth(r.ClientID, cmp.Or(c.Audience, m.Issuer), cred)
	}
	verify := c.Verify
	if verify == nil {
		verify = ClientCredentials{}.Verify
	}
	return internal.Verdict(verify(ctx, Attempt{
		ClientID: r.ClientID, Server: m, Auth: as(cred), Base: c.Base,
		madeUp: func() (assertion.Authenticator, error) {
			other, err := like(cred)
			return as(other), err
		},
		selective: &c.selective,
	}))
}

// like makes a credential of the same kind and algorithm.
func like(cred selfservice.Credential) (other selfservice.Credential, err error) {
	if cred.Key == nil {
		return selfservice.Credential{Secret: keys.NewSecret(rand.Text() + rand.Text())}, nil
	}
	switch alg := cred.Key.Algorithm(); alg[0] {
	case 'R', 'P':
		other.Key, err = keys.GenerateRSA(alg, 2048) // in a tenth of the time of 4096
	default:
		other.Key, err = keys.Generate(alg)
	}
	return other, err
}

// ClientCredentials gets a fresh access token with the client-credentials grant
// (RFC 6749 §4.4) and discards it. Success means that the server accepts the
// credential, and assertion.ErrInvalidClient that it does not; Keycloak answers
// so to a client without that grant, too.
type ClientCredentials struct {
	Scopes []string         // for servers that want one
	Params url.Values       // more of the form, such as resource or audience
	Prover assertion.Prover // a *dpop.Prover: the token is bound to a new DPoP key, as a client with "dpop_bound_access_tokens" must have it (RFC 9449 §5.2)
}

// Verify is for [Client.Verify].
func (v ClientCredentials) Verify(ctx context.Context, a Attempt) error {
	tokens := internal.ApartTokens(&assertion.TokenSource{
		Endpoint: a.Server.TokenEndpoint, Auth: a.Auth, Base: a.Base,
		Scopes: v.Scopes, Params: v.Params, Prover: v.Prover,
	})
	_, err := tokens.Token(ctx)
	return err
}
