package keycloak

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
)

const (
	// lag is how long a node may refuse a new key. A node loads the keys of a
	// client when it meets an unknown kid, but not within 10 s of the last time,
	// counted in whole seconds.
	lag = 12 * time.Second

	// knocks is how many requests are made to reach every node behind a load
	// balancer: if each goes to one of three at random, all but one time in
	// 3,000 they do.
	knocks = 22
)

// ReloadKeys makes the server's nodes load this client's keys again: all of
// [Realm.Nodes], or without them those that 22 requests on separate connections
// happen to reach. A node that loaded them less than 11 s ago does not, so wait
// 12 s after the removal of a key: then all nodes that are reached refuse it.
//
// ReloadKeys needs no role. Each request is a token request, signed with the key
// of as under an unknown kid. The server refuses it and logs an event
// CLIENT_LOGIN_ERROR. That does not lock the client.
func (c *Client) ReloadKeys(ctx context.Context, as selfservice.Credential) error {
	key, err := as.SigningKey(ctx)
	if err != nil {
		return err
	}
	nodes := c.Realm.AtEachNode()
	if len(c.Realm.Nodes) == 0 {
		nodes = slices.Repeat(nodes, knocks)
	}
	for _, realm := range nodes {
		stranger, err := key.With(keys.Options{KeyID: rand.Text()})
		if err != nil {
			return err
		}
		err = c.ask(ctx, realm, c.authenticator(selfservice.Credential{Key: stranger}))
		if err != nil && !errors.Is(err, selfservice.ErrInvalidClient) {
			return err
		}
	}
	return nil
}
