package keycloak

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/rest"
)

const (
	// lag is how long a node may refuse a new key. It loads the keys of a
	// client when it meets a kid that it does not know, but not within 10 s of
	// the last time, counted in whole seconds.
	lag = 12 * time.Second

	// knocks is how many requests are to reach every node behind a balancer:
	// where each goes to any of three, they miss one in 3,000 times.
	knocks = 22
)

// toNode is a way to one node of a server.
type toNode struct {
	node string
	base http.RoundTripper
}

// RoundTrip sends a request to the node that is meant for the server.
func (n toNode) RoundTrip(r *http.Request) (*http.Response, error) {
	u, ok := rest.SafeURL(n.node)
	if !ok {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, refuse(ErrConfig, "the URL of a node, which is to be https")
	}
	r = r.Clone(r.Context())
	if r.Host == "" {
		r.Host = r.URL.Host
	}
	r.URL.Scheme, r.URL.Host = u.Scheme, u.Host
	return n.base.RoundTrip(r)
}

// each returns the ways to the realm's nodes, or when they are not known n
// times the one that leads to any of them.
func (r Realm) each(n int) []Realm {
	base := rest.Apart(r.Base)
	if len(r.Nodes) == 0 {
		r.Base = base
		ways := make([]Realm, n)
		for i := range ways {
			ways[i] = r
		}
		return ways
	}
	nodes := r.Nodes
	r.Nodes = nil
	var ways []Realm
	for _, node := range nodes {
		r.Base = toNode{node, base}
		ways = append(ways, r)
	}
	return ways
}

// spread makes every known node drop what it has cached of a client's keys, by
// an update that changes nothing: not even the algorithm that it would take
// from the keys.
func (a *Admin) spread(ctx context.Context, id string) error {
	if len(a.Realm.Nodes) == 0 {
		return nil
	}
	return a.atEach(func(node *Admin) error {
		info, err := node.Client(ctx, id)
		if err != nil {
			return err
		}
		var nothing Change
		if algorithm := info.Attributes[signingAlgorithm]; algorithm != "" {
			nothing.Attributes = map[string]string{signingAlgorithm: algorithm}
		}
		return node.update(ctx, info, nothing)
	})
}

// atEach makes a call at each known node, or at any where none is known.
func (a *Admin) atEach(call func(*Admin) error) error {
	var errs []error
	for _, way := range a.Realm.each(1) {
		errs = append(errs, call(&Admin{Realm: way, Tokens: a.Tokens}))
	}
	return errors.Join(errs...)
}

// ofKeys reports whether an update is about the client's keys.
func (c Change) ofKeys() bool {
	for _, name := range []string{useJWKSURL, jwksURL, useJWKSString, jwksString} {
		if _, ok := c.Attributes[name]; ok {
			return true
		}
	}
	return c.Method == "" && c.Secret.IsZero() && len(c.Attributes) == 0 && !c.Confidential && !c.ServiceAccount
}

// ReloadKeys makes the server's nodes load this client's keys again: at all of
// [Realm.Nodes], else at as many as 22 requests on connections of their own
// reach, which is not certain. A node that did so less than 11 s ago does not,
// so that a key which has been removed is refused by all that are reached from
// 12 s after its removal on.
//
// It needs no right: each request is a token request signed by the key of as
// under a kid that nobody knows. The server refuses it and logs an event
// CLIENT_LOGIN_ERROR; no client is locked for that.
func (c *Client) ReloadKeys(ctx context.Context, as selfservice.Credential) error {
	key, err := as.SigningKey(ctx)
	if err != nil {
		return err
	}
	for _, way := range c.Realm.each(knocks) {
		stranger, err := key.With(keys.Options{KeyID: rand.Text()})
		if err != nil {
			return err
		}
		err = c.verify(ctx, way, selfservice.Credential{Key: stranger})
		if err != nil && !errors.Is(err, selfservice.ErrInvalidClient) {
			return err
		}
	}
	return nil
}
