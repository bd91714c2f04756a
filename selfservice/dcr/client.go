// Package dcr registers a client at an authorization server (RFC 7591), manages
// it (RFC 7592), and rotates its keys or its secret using only its registration
// access token.
//
//	client := &dcr.Client{Store: filestore.Dir("/var/lib/app/registration"), Issuer: issuer}
//	rotator := &selfservice.Rotator{Provider: client.Keys(), Store: filestore.Dir("/var/lib/app/key")}
//	_, err := client.Register(ctx, dcr.Application{Metadata: metadata, Rotator: rotator})
//
// A client that is registered already is adopted instead:
//
//	err := client.Adopt(ctx, dcr.Registration{ClientID: id, URI: uri, AccessToken: token})
//
// Many servers replace the registration access token with every update, and
// only an administrator can replace one that is lost. So it has a store of its
// own, and is saved before anything else is done with an answer. It is sent to
// the origin (scheme, host and port) of the URI that was adopted or registered,
// and to no other, whatever an answer says.
package dcr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
)

// Client is one registered client. Its methods may be called from many
// goroutines; its fields must not change after the first call.
type Client struct {
	// Store keeps the registration. It is not the Rotator's.
	Store selfservice.Store

	// Issuer of the authorization server, whose metadata names the token
	// endpoint.
	Issuer string

	// Audience is "aud" of the client's assertions; empty: the issuer. Some
	// servers take only the URL of their token endpoint (RFC 7523 §3), Ory
	// Hydra for one.
	Audience string

	// Verify asks the server to accept a credential; nil:
	// ClientCredentials{}.Verify, a bearer token without scope. [PushedRequest]
	// and [UnknownCode] are for clients that cannot get such a token. An error
	// that is assertion.ErrInvalidClient means that the server refuses the
	// credential.
	Verify func(ctx context.Context, a Attempt) error

	// Recover returns a new registration access token when the server refuses the
	// stored one, because the reply to an update was lost. Keycloak and others
	// let an administrator make one. Nil: the refusal is an error,
	// [ErrAccessToken].
	Recover func(ctx context.Context) (keys.Secret, error)

	// Change is applied to the metadata of every update, for servers that return
	// metadata which they do not accept; may be nil.
	Change func(Metadata)

	// Propagation is how long a node of the server may take to learn of a
	// change: a new credential becomes active after that, see
	// selfservice.Propagator. Zero: 10 seconds, as for a Rotator; negative: the
	// server has one node, and Purge is not called. The Timing.Propagation of a
	// Rotator overrides it.
	Propagation time.Duration

	// Purge is called, Propagation after a key was removed, to make all nodes
	// of the server refuse it; nil: they do. See selfservice.Purger.
	Purge func(ctx context.Context, as selfservice.Credential) error

	Base http.RoundTripper // nil: a copy of http.DefaultTransport

	once       sync.Once
	turn       chan struct{} // one update at a time: each ends the token of the one before
	discovered *assertion.Metadata
	unsaved    *unsaved
	selective  atomic.Bool // see UnknownCode
}

// lock waits for its turn, or until ctx ends.
func (c *Client) lock(ctx context.Context) error {
	c.once.Do(func() { c.turn = make(chan struct{}, 1) })
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) unlock() { <-c.turn }

const defaultPropagation = 10 * time.Second // as that of a selfservice.Timing

// propagation is what a Rotator is told.
func (c *Client) propagation() time.Duration {
	return max(cmp.Or(c.Propagation, defaultPropagation), 0)
}

// serverMetadata is discover for a caller without the lock.
func (c *Client) serverMetadata(ctx context.Context) (*assertion.Metadata, error) {
	if err := c.lock(ctx); err != nil {
		return nil, err
	}
	defer c.unlock()
	return c.discover(ctx)
}

// discover reads the server's metadata once. The caller holds the lock.
func (c *Client) discover(ctx context.Context) (*assertion.Metadata, error) {
	if c.discovered != nil {
		return c.discovered, nil
	}
	m, err := assertion.Discover(ctx, c.Base, c.Issuer)
	if err == nil {
		c.discovered = m
	}
	return m, err
}

// Read returns the client's metadata as the server has it (RFC 7592 §2.1): at
// most 1 MiB, within 30 s. It fails with an *[Error], or an error of the store
// or the network.
func (c *Client) Read(ctx context.Context) (Metadata, error) {
	a, err := c.ask(ctx)
	return a.Metadata, err
}

func (c *Client) ask(ctx context.Context) (answer, error) {
	if err := c.lock(ctx); err != nil {
		return answer{}, err
	}
	defer c.unlock()
	r, version, err := c.registration(ctx)
	if err != nil {
		return answer{}, err
	}
	a, _, _, err := c.read(ctx, r, version)
	return a, err
}

// read also returns the registration as it is after the answer: a server may
// give a new access token with every answer.
func (c *Client) read(ctx context.Context, r Registration, version string) (answer, Registration, string, error) {
	a, err := c.send(ctx, http.MethodGet, r, nil)
	if errors.Is(err, ErrAccessToken) && c.Recover != nil {
		if r, version, err = c.recover(ctx, r, version); err == nil {
			a, err = c.send(ctx, http.MethodGet, r, nil)
		}
	}
	if err != nil {
		return answer{}, r, version, err
	}
	r, version, err = c.keep(ctx, a, r, version)
	return a, r, version, err
}

// recover replaces a registration access token that is refused: by a newer one
// that another replica has saved, or else by one from an administrator.
func (c *Client) recover(ctx context.Context, refused Registration, version string) (Registration, string, error) {
	r, now, err := c.registration(ctx)
	if err != nil || now != version {
		return r, now, err
	}
	token, err := c.Recover(ctx)
	if err != nil {
		return refused, version, fmt.Errorf("dcr: recovering the registration access token: %w", err)
	}
	r.AccessToken = token
	version, err = c.save(ctx, r, version)
	return r, version, err
}
