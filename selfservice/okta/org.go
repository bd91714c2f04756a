package okta

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/internal/transport"
	"github.com/nokkel/nokkel/keys"
	internal "github.com/nokkel/nokkel/selfservice/internal/rest"
)

// The OAuth scopes of the calls of this package.
const (
	ScopeRead   = "okta.apps.read"   // for all that reads
	ScopeManage = "okta.apps.manage" // for all that changes something
)

// Org is one Okta org.
type Org struct {
	URL  string            // "https://acme.okta.com" or a domain of its own; not the one with -admin
	Base http.RoundTripper // nil: a copy of http.DefaultTransport
}

// Token endpoint and introspection endpoint of the org's own authorization
// server, the only one that gives tokens for the management API.
const (
	tokenPath      = "/oauth2/v1/token"
	introspectPath = "/oauth2/v1/introspect"
)

func (o Org) endpoint(path string) string { return strings.TrimSuffix(o.URL, "/") + path }

// Signer authenticates a client at the org's token endpoint with
// private_key_jwt. The audience is the full URL of that endpoint; at a custom
// authorization server use [AuthorizationServer.Signer].
func (o Org) Signer(clientID string, key keys.Source) *assertion.Signer {
	return signer(clientID, key, o.endpoint(tokenPath))
}

// signer makes assertions for one endpoint: Okta wants the URL that is called.
func signer(clientID string, key keys.Source, endpoint string) *assertion.Signer {
	return &assertion.Signer{ClientID: clientID, Audience: endpoint, Key: key, Type: "JWT"}
}

// Tokens returns a source of the org's tokens for the client that auth
// authenticates. The org's own server gives them to service apps with a key, for
// Okta's APIs; for yours see [AuthorizationServer.Tokens]. They are bound to a DPoP key, which API services apps require
// by default, or bearer tokens if prover is nil. Share one prover among all
// sources of a program: it knows the nonce to send with the first request.
// Without scopes, the tokens have [ScopeRead] and [ScopeManage].
func (o Org) Tokens(auth assertion.Authenticator, prover *dpop.Prover, scopes ...string) *assertion.TokenSource {
	if len(scopes) == 0 {
		scopes = []string{ScopeRead, ScopeManage}
	}
	return o.tokens(o.endpoint(tokenPath), auth, prover, scopes)
}

func (o Org) tokens(endpoint string, auth assertion.Authenticator, prover *dpop.Prover, scopes []string) *assertion.TokenSource {
	s := &assertion.TokenSource{Endpoint: endpoint, Auth: auth, Scopes: scopes, Base: o.Base}
	if prover != nil {
		s.Prover = limited{prover}
	} else {
		s.Base = o.transport()
	}
	return s
}

// address returns the URL of a path at the org. It refuses http, since tokens
// must not be sent in clear, and the console's host, which does not accept
// them.
func (o Org) address(path string) (string, error) {
	u, ok := internal.SafeURL(o.URL)
	if !ok || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", refuse(ErrConfig, "the org's URL must be https and nothing but a host")
	}
	if console(u) {
		return "", refuse(ErrConfig, "the org's URL is that of the admin console; leave -admin out")
	}
	return o.endpoint(path), nil
}

func console(u *url.URL) bool {
	host, domain, _ := strings.Cut(u.Hostname(), ".")
	switch domain {
	case "okta.com", "oktapreview.com", "okta-emea.com", "okta-gov.com", "okta.mil":
		return strings.HasSuffix(host, "-admin")
	}
	return false
}

func (o Org) transport() http.RoundTripper {
	return limits{transport.Of(o.Base)}
}
