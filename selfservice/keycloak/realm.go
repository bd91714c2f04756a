package keycloak

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
)

// Realm is one realm of a server.
type Realm struct {
	Server string            // the server's URL, with its http-relative-path if it has one: https, or http on loopback
	Name   string            // the realm's name
	Issuer string            // empty: Server/realms/Name; another one where the server has a hostname of its own for clients
	Base   http.RoundTripper // nil: http.DefaultTransport

	// Nodes are the URLs of all of the server's nodes, https or on loopback,
	// where they can be reached past the balancer; they are sent the Host of
	// Server. Each node caches keys for itself. With Nodes an update of keys
	// is repeated, without its change, at each of them, and acts at once.
	// Empty: a node may refuse a new key for 11 s, and accept one that was
	// removed until [Client.ReloadKeys] reaches it.
	Nodes []string
}

func (r Realm) issuer() string {
	if r.Issuer != "" {
		return r.Issuer
	}
	return strings.TrimSuffix(r.Server, "/") + "/realms/" + url.PathEscape(r.Name)
}

func (r Realm) endpoint(name string) string {
	return r.issuer() + "/protocol/openid-connect/" + name
}

// Signer authenticates a client of the realm with private_key_jwt. The
// audience is the issuer alone: from 26.2 on a second one is refused.
func (r Realm) Signer(clientID string, key keys.Source) *assertion.Signer {
	return &assertion.Signer{ClientID: clientID, Audience: r.issuer(), Key: key}
}

// Tokens returns a source of tokens that auth gets at the realm: bearer
// tokens, or with a prover tokens bound to a DPoP key (26.4 or later, or the
// feature dpop).
func (r Realm) Tokens(auth assertion.Authenticator, prover *dpop.Prover) *assertion.TokenSource {
	s := &assertion.TokenSource{Endpoint: r.endpoint("token"), Auth: auth, Base: r.Base}
	if prover != nil {
		s.Prover = prover
	}
	return s
}

// Password authenticates a user with the password grant (RFC 6749 §4.3)
// through a public client. It is for the first administrator of a new server,
// who makes the client that everything else is done with.
type Password struct {
	Username string
	Password keys.Secret
	ClientID string // empty: admin-cli, which every realm has
}

// Authenticate turns the token request into one of the password grant.
func (p *Password) Authenticate(_ context.Context, _ http.Header, form url.Values) error {
	form.Set("grant_type", "password")
	form.Set("client_id", p.clientID())
	form.Set("username", p.Username)
	form.Set("password", p.Password.Reveal())
	return nil
}

func (p *Password) clientID() string {
	if p.ClientID == "" {
		return "admin-cli"
	}
	return p.ClientID
}
