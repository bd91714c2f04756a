package main

import (
	"context"
	"errors"

	"github.com/nokkel/nokkel/selfservice/helseid"
)

const aboutReadExpiration = `Prints when the given key expires, in seconds since 1970 (Unix time), and
"never" when HelseID has no such date for it. Fails when the key is not among
the client's.`

// readExpiration is the command readclientsecretexpiration.
type readExpiration struct {
	connection
	existing given
}

func (r *readExpiration) declare(o *options) {
	r.connection.declare(o)
	r.existing.declarePrivate(o, "ExistingPrivateJwk", "e", "ep", "the private key to look up")
}

func (r *readExpiration) run(ctx context.Context, c *console) error {
	key, err := r.existing.private(c)
	if err != nil {
		return err
	}
	list, err := r.at().ClientSecrets(ctx, key)
	if err != nil {
		return err
	}
	for _, s := range list {
		c.tell("key %q of origin %q expires %s", s.KeyID, s.Origin, date(s.Expiration))
	}
	found, ok := helseid.Find(list, key.PublicKey())
	switch {
	case !ok:
		return errors.New("HelseID lists no key with this thumbprint or kid for the client")
	case found.Expiration.IsZero():
		c.result("never")
	default:
		c.result("%d", found.Expiration.Unix())
	}
	return nil
}
