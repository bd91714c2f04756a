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
	// lag is how long a node may refuse a new key. It loads the keys of a
	// client when it meets a kid that it does not know, but not within 10 s of
	// the last time, counted in whole seconds.
	lag = 12 * time.Second

	// knocks is how many requests are to reach every node behind a balancer:
	// where each goes to any of three, they miss one in 3,000 times.
	knocks = 22
)

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
	nodes := c.Realm.AtEachNode()
	if len(c.Realm.Nodes) == 0 {
		nodes = slices.Repeat(nodes, knocks)
	}
	for _, realm := range nodes {
		stranger, err := key.With(keys.Options{KeyID: rand.Text()})
		if err != nil {
			return err
		}
		err = c.verify(ctx, realm, selfservice.Credential{Key: stranger})
		if err != nil && !errors.Is(err, selfservice.ErrInvalidClient) {
			return err
		}
	}
	return nil
}
