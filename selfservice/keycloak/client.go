package keycloak

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/internal/redact"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/rest"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

// Realm is one realm of a server.
type Realm = admin.Realm

// Client is a confidential client. Each provider of this package embeds one, and
// rotates one kind of credential for it. Its methods are safe for concurrent
// use; its fields must not change after the first call.
type Client struct {
	Realm    Realm
	ClientID string

	// Admin manages the client. Nil: the client manages itself, with the
	// credential of each call; its service account then needs the role
	// manage-clients.
	Admin *admin.API

	// Authenticate returns how the client authenticates with a credential. Nil:
	// private_key_jwt for a key and client_secret_basic for a secret.
	Authenticate func(selfservice.Credential) assertion.Authenticator

	// DPoP binds tokens to a DPoP key: those with which the client manages
	// itself, and those that verify a credential. Set it for a client that is
	// required to use DPoP. Servers before 26.4 need the feature dpop.
	DPoP bool

	// RestoreMethod lets a rotation set the client's method back to that of the
	// provider after somebody has changed it. False: the rotation stops with
	// [admin.ErrMode].
	RestoreMethod bool

	prover dpop.Prover
	mu     sync.Mutex
	own    []ownAdmin // most recently used first
}

// ownAdmin is the client as its own administrator, with one credential.
type ownAdmin struct {
	fingerprint, kid string
	api              *admin.API
}

// maxOwn is room for the tokens of a pending, an active and a retiring
// credential, and one more.
const maxOwn = 4

func (c *Client) authenticator(cred selfservice.Credential) assertion.Authenticator {
	switch {
	case c.Authenticate != nil:
		return c.Authenticate(cred)
	case cred.Key != nil:
		return c.Realm.Signer(c.ClientID, cred)
	}
	return &assertion.Basic{ClientID: c.ClientID, Secret: cred}
}

func (c *Client) tokens(realm Realm, auth assertion.Authenticator) *assertion.TokenSource {
	if c.DPoP {
		return realm.Tokens(auth, &c.prover)
	}
	return realm.Tokens(auth, nil)
}

// admin returns who manages the client when a call is made as cred.
func (c *Client) admin(as selfservice.Credential) *admin.API {
	if c.Admin != nil {
		return c.Admin
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.own, func(o ownAdmin) bool { return o.fingerprint == as.Fingerprint() && o.kid == as.KeyID() })
	var o ownAdmin
	if i >= 0 {
		o = c.own[i]
		c.own = slices.Delete(c.own, i, i+1)
	} else {
		o = ownAdmin{as.Fingerprint(), as.KeyID(), &admin.API{Realm: c.Realm, Tokens: c.tokens(c.Realm, c.authenticator(as))}}
	}
	c.own = slices.Insert(c.own, 0, o)
	c.own = c.own[:min(len(c.own), maxOwn)]
	return o.api
}

// Independent reports whether an Admin manages the client, which can end a
// lock-out.
func (c *Client) Independent() bool { return c.Admin != nil }

// Server returns the URL of the server, see selfservice.Located.
func (c *Client) Server() string { return c.Realm.Server }

// manage returns who manages the client, and the client. It fails if the client
// has none of these methods.
func (c *Client) manage(ctx context.Context, as selfservice.Credential, methods ...admin.Method) (*admin.API, *admin.Client, error) {
	a := c.admin(as)
	info, err := a.FindClient(ctx, c.ClientID)
	if err == nil {
		err = usable(info)
	}
	if err == nil && !slices.Contains(methods, info.Method) && !c.RestoreMethod {
		err = refuse(admin.ErrMode, "its method is "+redact.Line(string(info.Method), redact.MaxText)+", not "+string(methods[0]))
	}
	return a, info, err
}

// check makes an update that changes nothing, to find out whether a rotation may
// update the client.
func (c *Client) check(ctx context.Context, as selfservice.Credential, methods ...admin.Method) (*admin.Client, error) {
	a, info, err := c.manage(ctx, as, methods...)
	if err == nil {
		err = a.UpdateClient(ctx, info.ID, admin.Change{})
	}
	if err == nil {
		info, err = a.Client(ctx, info.ID)
	}
	return info, c.verdict(err)
}

// restore sets the client's method back. It is called only if that is allowed.
func (c *Client) restore(ctx context.Context, a *admin.API, info *admin.Client, methods ...admin.Method) error {
	if slices.Contains(methods, info.Method) {
		return nil
	}
	err := a.UpdateClient(ctx, info.ID, admin.Change{Method: methods[0]})
	if err == nil {
		info.Method = methods[0]
	}
	return err
}

// Verify gets a new token with exactly this credential, on a connection of its
// own, or on each of the realm's Nodes. A client without a service account gets
// no tokens. It introspects a token that does not exist instead, which the server
// answers only to an authenticated client.
//
// If an Admin manages the client, the error also says what the Admin sees: the
// client was deleted ([admin.ErrNotFound]) or disabled ([admin.ErrDisabled]), or
// it has another method ([admin.ErrMode]), or not this key.
func (c *Client) Verify(ctx context.Context, cred selfservice.Credential) error {
	err := c.verify(ctx, c.authenticator(cred))
	if c.Admin != nil && errors.Is(err, selfservice.ErrInvalidClient) {
		return c.explain(ctx, cred, err)
	}
	return err
}

// verify has every node accept the client, authenticated by auth.
func (c *Client) verify(ctx context.Context, auth assertion.Authenticator) error {
	for _, realm := range c.Realm.AtEachNode() {
		if err := c.ask(ctx, realm, auth); err != nil {
			return err
		}
	}
	return nil
}

// ask has the server, or the node that realm leads to, accept the client.
func (c *Client) ask(ctx context.Context, realm Realm, auth assertion.Authenticator) error {
	_, err := c.tokens(realm, auth).Token(ctx)
	var token *assertion.Error
	// The same answer means "wrong secret" and "no service account".
	if errors.As(err, &token) && token.Status == http.StatusUnauthorized && token.Code == "unauthorized_client" {
		err = introspect(ctx, realm, auth, err)
	}
	return rest.Verdict(err)
}

// introspect returns nil if the client may introspect tokens, and the refusal of
// the token endpoint if it may not. Any other answer, such as that of
// a proxy, says nothing about the credential.
func introspect(ctx context.Context, realm Realm, auth assertion.Authenticator, refusedToken error) error {
	err := rest.Introspect(ctx, realm.Base, auth, realm.Endpoint("token/introspect"))
	var answer *assertion.Error
	isPublic := errors.As(err, &answer) && answer.Status == http.StatusForbidden && answer.Code == "invalid_request"
	switch {
	case err == nil:
		return nil
	case isPublic || errors.Is(err, assertion.ErrInvalidClient):
		return refusedToken
	}
	return rest.Wrap("keycloak", err)
}

// verdict tells the engine what a failed call of the client's manager means. If an
// Admin is refused, that says nothing about the client.
func (c *Client) verdict(err error) error {
	err = rest.Verdict(err)
	var e *selfservice.CallError
	if c.Admin != nil && errors.As(err, &e) {
		e.Rule = nil
	}
	return err
}
