package admin

import (
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
	// removed until keycloak.Client.ReloadKeys reaches it.
	Nodes []string
}

// URL returns the realm's URL, which is the issuer of its tokens.
func (r Realm) URL() string {
	if r.Issuer != "" {
		return r.Issuer
	}
	return strings.TrimSuffix(r.Server, "/") + "/realms/" + url.PathEscape(r.Name)
}

// Endpoint returns the URL of an endpoint of OpenID Connect, such as "token" or
// "auth".
func (r Realm) Endpoint(name string) string {
	return r.URL() + "/protocol/openid-connect/" + name
}

// Signer authenticates a client of the realm with private_key_jwt. The
// audience is the issuer alone: from 26.2 on a second one is refused.
func (r Realm) Signer(clientID string, key keys.Source) *assertion.Signer {
	return &assertion.Signer{ClientID: clientID, Audience: r.URL(), Key: key}
}

// Tokens returns a source of tokens that auth gets at the realm: bearer
// tokens, or with a prover tokens bound to a DPoP key (26.4 or later, or the
// feature dpop).
func (r Realm) Tokens(auth assertion.Authenticator, prover *dpop.Prover) *assertion.TokenSource {
	s := &assertion.TokenSource{Endpoint: r.Endpoint("token"), Auth: auth, Base: r.Base}
	if prover != nil {
		s.Prover = prover
	}
	return s
}

// RegistrationURI is where a client manages its registration.
func (r Realm) RegistrationURI(clientID string) string {
	return r.URL() + "/clients-registrations/openid-connect/" + url.PathEscape(clientID)
}
