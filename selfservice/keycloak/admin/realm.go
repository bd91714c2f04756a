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
	Base   http.RoundTripper // nil: a copy of http.DefaultTransport

	// Nodes are the URLs of all of the server's nodes, https or on loopback, if
	// they can be reached past the load balancer. Requests to them carry the
	// Host of Server. Each node caches keys for itself. With Nodes, an update of
	// keys is followed by an empty one on each of them, and acts at once.
	// Without, a node may refuse a new key for 11 s, and accept a removed one
	// until keycloak.Client.ReloadKeys reaches it.
	Nodes []string
}

// URL returns the realm's URL, which is the issuer of its tokens: the field
// Issuer if it is set.
func (r Realm) URL() string {
	if r.Issuer != "" {
		return r.Issuer
	}
	return strings.TrimSuffix(r.Server, "/") + "/realms/" + url.PathEscape(r.Name)
}

// Endpoint returns the URL of an OpenID Connect endpoint, such as "token" or
// "auth".
func (r Realm) Endpoint(name string) string {
	return r.URL() + "/protocol/openid-connect/" + name
}

// Signer authenticates a client of the realm with private_key_jwt. The audience
// is the issuer alone, since servers from 26.2 on refuse a second one.
func (r Realm) Signer(clientID string, key keys.Source) *assertion.Signer {
	return &assertion.Signer{ClientID: clientID, Audience: r.URL(), Key: key}
}

// Tokens returns a source of the realm's tokens, authenticated by auth. With a
// prover they are bound to a DPoP key (from 26.4 on, or with the feature dpop).
func (r Realm) Tokens(auth assertion.Authenticator, prover *dpop.Prover) *assertion.TokenSource {
	s := &assertion.TokenSource{Endpoint: r.Endpoint("token"), Auth: auth, Base: r.Base}
	if prover != nil {
		s.Prover = prover
	}
	return s
}

// RegistrationURI returns the URL at which a client manages its registration
// (RFC 7592).
func (r Realm) RegistrationURI(clientID string) string {
	return r.URL() + "/clients-registrations/openid-connect/" + url.PathEscape(clientID)
}
