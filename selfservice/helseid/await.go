package helseid

import (
	"context"
	"errors"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
)

// AwaitKey waits until HelseID accepts a key that has just been registered: it
// calls [Client.VerifyKey] once a second for as long as the client is not
// accepted, until ctx ends. Then it returns the last refusal.
func (c *Client) AwaitKey(ctx context.Context, key *keys.Key) error {
	var refused error
	for {
		err := c.VerifyKey(ctx, key)
		switch {
		case errors.Is(err, assertion.ErrInvalidClient):
			refused = err
		case err != nil && ctx.Err() != nil && refused != nil:
			return refused
		default:
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return refused
		}
	}
}
