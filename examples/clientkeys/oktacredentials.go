package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/okta"
)

const aboutKeyList = `Prints the public keys that Okta has stored for an app, active or not, with Okta's
ids for them, which the other commands take.`

// oktaKeyList is the command "okta key list".
type oktaKeyList struct{ oktaApp }

func (k *oktaKeyList) run(ctx context.Context, c *console) error {
	admin, err := k.admin()
	if err != nil {
		return err
	}
	return printOktaKeys(ctx, c, admin, k.id)
}

const aboutSecretList = `Prints the client secrets of an app, active or not, with Okta's ids for them, which
the other commands take, and without their values. Okta logs that they were read.`

// oktaSecretList is the command "okta secret list".
type oktaSecretList struct{ oktaApp }

func (k *oktaSecretList) run(ctx context.Context, c *console) error {
	admin, err := k.admin()
	if err != nil {
		return err
	}
	return printOktaSecrets(ctx, c, admin, k.id)
}

const aboutKeyAdd = `Stores one more public key for an app, active at once, and prints Okta's id for it.
With two keys every assertion must name its key: the first one must have a kid,
and the programs must send it. A private key is refused.`

// oktaKeyAdd is the command "okta key add".
type oktaKeyAdd struct {
	oktaApp
	path string
}

func (k *oktaKeyAdd) declare(o *options) {
	k.oktaApp.declare(o)
	o.requiredPath(&k.path, "PublicKeyPath", "p", "file with the public key: JWK or PEM")
}

func (k *oktaKeyAdd) run(ctx context.Context, c *console) error {
	key, err := (&given{name: "PublicKey", file: k.path}).public()
	if err != nil {
		return err
	}
	admin, err := k.admin()
	if err != nil {
		return err
	}
	added, err := admin.AddKey(ctx, k.id, key)
	if err != nil {
		return err
	}
	c.result("KeyId: %s\nKid: %s", added.ID, added.KeyID)
	return nil
}

const aboutSecretAdd = `Makes a client secret, saves it in the file of --SecretPath, with mode 0600, or
prints it with --Show, and has Okta accept it beside the one that is there. Prints
Okta's id for it. Okta has room for two, inactive ones included.`

// oktaSecretAdd is the command "okta secret add".
type oktaSecretAdd struct {
	oktaApp
	handover
}

func (k *oktaSecretAdd) declare(o *options) {
	k.oktaApp.declare(o)
	k.handover.declare(o)
}

func (k *oktaSecretAdd) run(ctx context.Context, c *console) error {
	if k.handover.isZero() {
		return errNowhere
	}
	admin, err := k.admin()
	if err != nil {
		return err
	}
	if err := k.reserve(); err != nil {
		return err
	}
	secret := keys.NewSecret(rand.Text() + rand.Text())
	if err := k.keep(secret); err != nil { // before Okta knows it
		return err
	}
	added, err := admin.AddSecret(uninterrupted(ctx), k.id, secret)
	var refused *okta.Error
	switch {
	case errors.As(err, &refused) && refused.Status >= 400 && refused.Status < 500:
		return errors.Join(err, k.keep(keys.Secret{}))
	case err != nil:
		return fmt.Errorf("%w; it may have been added all the same, so the file is kept: \"okta secret list\" shows", err)
	}
	c.result("SecretId: %s", added.ID)
	return k.print(c, secret)
}
