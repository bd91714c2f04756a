package okta

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/selfservice"
	internal "github.com/nokkel/nokkel/selfservice/internal/rest"
)

// Client is one app whose credential is rotated. The providers of this package
// hold one, and say what kind of credential it is. Its methods may be called
// from many goroutines; its fields must not change after the first call.
type Client struct {
	Org      Org
	AppID    string // "0oa…": what the management API knows the app by
	ClientID string // "client_id"; empty: AppID, as it is unless the app was given one of its own

	// Admin manages the app. Nil: the app is a service app that manages
	// itself, each time as the key that the call is made with, and so has to be
	// a Super Administrator.
	Admin *Admin

	// TokenEndpoint is the one that Verify gets a token from, for an app of a
	// custom authorization server ([AuthorizationServer.TokenEndpoint]). Empty: the
	// org's own.
	TokenEndpoint string

	// Scopes of that token. A custom authorization server needs one for the
	// client credentials grant. An app without TokenEndpoint and Scopes that does
	// not manage itself is assumed to lack that grant: a credential is then
	// verified by introspecting a nonexistent token.
	Scopes []string

	// Authenticate says how the app proves a credential to an endpoint. Nil:
	// private_key_jwt for a key and client_secret_basic for a secret.
	Authenticate func(endpoint string, c selfservice.Credential) assertion.Authenticator

	// Bearer is set for an app whose tokens are not bound to a DPoP key. Without
	// it, an org that ignores proofs makes calls fail with
	// assertion.ErrTokenType.
	Bearer bool

	// Propagates is how long a change may take to reach all of Okta's servers;
	// zero: 1 minute. Okta does not say. A new credential is used only after it
	// has been accepted for that long.
	Propagates time.Duration

	prover dpop.Prover
	mu     sync.Mutex
	own    []ownAdmin // the one used last is in front
}

// Format prints a fixed text for every verb.
func (c *Client) Format(f fmt.State, _ rune) { io.WriteString(f, "okta.Client") }

// ownAdmin is the app as its own administrator, authenticated by one
// credential.
type ownAdmin struct {
	fingerprint, kid string
	admin            *Admin
}

// maxOwn bounds the tokens that are kept: those of a pending, an active and a
// retiring key.
const maxOwn = 4

func (c *Client) clientID() string {
	if c.ClientID == "" {
		return c.AppID
	}
	return c.ClientID
}

func (c *Client) authenticator(endpoint string, cred selfservice.Credential) assertion.Authenticator {
	switch {
	case c.Authenticate != nil:
		return c.Authenticate(endpoint, cred)
	case cred.Key != nil:
		return signer(c.clientID(), cred, endpoint)
	}
	return &assertion.Basic{ClientID: c.clientID(), Secret: cred}
}

// tokens uses a new connection each time, which may lead to another of Okta's
// servers.
func (c *Client) tokens(endpoint string, cred selfservice.Credential, scopes []string) *assertion.TokenSource {
	prover := &c.prover
	if c.Admin != nil {
		prover = &c.Admin.prover // one nonce for all the apps that it manages
	}
	if c.Bearer {
		prover = nil
	}
	return internal.ApartTokens(c.Org.tokens(endpoint, c.authenticator(endpoint, cred), prover, scopes))
}

// admin returns who manages the app when a call is made as cred.
func (c *Client) admin(as selfservice.Credential) *Admin {
	if c.Admin != nil {
		return c.Admin
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.own, func(o ownAdmin) bool { return o.fingerprint == as.Fingerprint() && o.kid == as.KeyID() })
	if i >= 0 {
		o := c.own[i]
		c.own = slices.Insert(slices.Delete(c.own, i, i+1), 0, o)
		return o.admin
	}
	return c.keep(as, c.tokens(c.Org.endpoint(tokenPath), as, []string{ScopeRead, ScopeManage}))
}

// keep makes tokens the ones with which the app manages itself as cred. The
// caller holds the lock.
func (c *Client) keep(cred selfservice.Credential, tokens *assertion.TokenSource) *Admin {
	o := ownAdmin{cred.Fingerprint(), cred.KeyID(), &Admin{Org: c.Org, Tokens: tokens}}
	c.own = slices.DeleteFunc(c.own, func(other ownAdmin) bool { return other.fingerprint == o.fingerprint && other.kid == o.kid })
	c.own = slices.Insert(c.own, 0, o)
	c.own = c.own[:min(len(c.own), maxOwn)]
	return o.admin
}

// Independent reports whether an Admin manages the app, and so can end a
// lockout.
func (c *Client) Independent() bool { return c.Admin != nil }

// Server is the org, see selfservice.Located: its rate limits are for all apps.
func (c *Client) Server() string { return c.Org.URL }

// Propagation returns Propagates, for a Rotator.
func (c *Client) Propagation() time.Duration {
	if c.Propagates == 0 {
		return time.Minute
	}
	return c.Propagates
}

// verdict tells the engine what the failure of a management call means. A
// refused Admin says nothing about the app.
func (c *Client) verdict(err error) error {
	var api *Error
	if errors.As(err, &api) {
		e := &selfservice.CallError{Wait: api.Wait, Err: err}
		if errors.Is(err, ErrFull) {
			e.Rule = selfservice.ErrLimit
		}
		return e
	}
	err = internal.Verdict(err)
	var e *selfservice.CallError
	if c.Admin != nil && errors.As(err, &e) {
		e.Rule = nil
	}
	return err
}
