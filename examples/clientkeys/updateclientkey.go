package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/helseid"
)

const aboutUpdateKey = `Registers the new public key, logged in with a private key that is registered
already, and prints client id, kid of the new key and its expiration date.
HelseID may stop taking the old key at once: have the new private key in its
place before. With --NewPrivateJwkPath the new key is tried afterwards.

"clientkeys helseid rotate" does all of this by itself, and can be interrupted anywhere.`

// acceptance is how long a registered key may take to be accepted.
const acceptance = time.Minute

// updateKey is the command updateclientkey.
type updateKey struct {
	connection
	consent
	next, existing given
	nextPrivate    given
}

func (u *updateKey) declare(o *options) {
	u.connection.declare(o)
	u.next.declare(o, "NewPublicJwk", "n", "np", "the new public key")
	u.existing.declarePrivate(o, "ExistingPrivateJwk", "e", "ep", "the private key that is registered")
	u.nextPrivate.name = "NewPrivateJwk"
	o.path(&u.nextPrivate.file, "NewPrivateJwkPath", "npp", "file that holds the new private key, to try it after the update; it is never sent")
	u.consent.declare(o)
}

func (u *updateKey) run(ctx context.Context, c *console) error {
	next, err := u.next.public()
	if errors.Is(err, keys.ErrPrivateKey) {
		return fmt.Errorf("%w; nothing was sent", err)
	}
	if err != nil {
		return err
	}
	existing, err := u.existing.private(c)
	if err != nil {
		return err
	}
	switch {
	case next.Equal(existing.PublicKey()):
		return errors.New("the new key is the existing one")
	case next.KeyID() == existing.KeyID():
		return errors.New("the new key has the kid of the existing one: HelseID could not tell them apart")
	}
	var nextPrivate *keys.Key
	if !u.nextPrivate.isZero() {
		if nextPrivate, err = u.nextPrivate.private(c); err != nil {
			return err
		}
		if !next.Equal(nextPrivate.PublicKey()) || next.KeyID() != nextPrivate.KeyID() {
			return errors.New("--NewPrivateJwkPath holds the private part of another key, or another kid")
		}
	}
	if err := u.ask(ctx, c, "Register the key %s for client %q at %s?", next.KeyID(), u.clientID, u.authority); err != nil {
		return err
	}
	client := u.at()
	expires, err := client.UpdateClientSecret(ctx, existing, next)
	if err != nil {
		return doubtful(err)
	}
	c.result("ClientId: %s\nKid: %s\nExpiration: %s", u.clientID, next.KeyID(), date(expires))
	if nextPrivate == nil {
		c.tell("Registered. The new key has not been tried: its private part was not given (--NewPrivateJwkPath).")
		return nil
	}
	if err := accepted(ctx, client, nextPrivate); err != nil {
		return fmt.Errorf("registered, but HelseID does not accept the new key: %w", err)
	}
	c.tell("Registered, and HelseID accepts the new key.")
	return nil
}

// doubtful says when a failed update may have been carried out all the same.
func doubtful(err error) error {
	var token *assertion.Error
	var api *helseid.Error
	if errors.As(err, &token) || errors.As(err, &api) && !errors.Is(err, helseid.ErrMalformed) && api.Status < 500 {
		return err
	}
	return fmt.Errorf("%w; the key may be registered all the same: readclientsecretexpiration with the new private key tells", err)
}

// accepted waits until a token can be got with the key.
func accepted(ctx context.Context, client *helseid.Client, key *keys.Key) error {
	ctx, cancel := context.WithTimeout(ctx, acceptance)
	defer cancel()
	for {
		err := client.VerifyKey(ctx, key)
		if !errors.Is(err, assertion.ErrInvalidClient) {
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return err
		}
	}
}
