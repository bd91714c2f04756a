package main

import "context"

const aboutRotate = `Makes a new credential like the old one, saves it in the state directory,
registers it, gets a real token with it, and only then makes it the active one.
Of a key it prints old and new kid, and of either the new expiration date.

With --IfDue it is for cron: it makes the steps that are due (which may be the
removal of an old key, or the rest of a rotation that was interrupted), and
where there are none it does nothing and exits with 0 all the same.

The first time the credential that is registered is read from the file of
--ExistingPrivateJwkPath: a JWK, PEM, or the .pfx of generatecertificate. From
then on the state directory is what counts: keep it, back it up, and give each
client its own. If the server should ever refuse all that is in it, register a
new one by hand and give that one here. The program that logs in must take its
key from there too (filestore.Dir); for one that reads a key file, use
"clientkeys state export" after each rotation.

It may be interrupted or killed at any moment. Run it again, and it goes on
with the key that was saved; after a kill or a failure it may first wait, up to
four times --CallTimeout, until it is sure that no other process is at it. With
--IfDue it leaves that to the next time.`

// rotate is the command of the same name of each system.
type rotate struct {
	rotation
	turn
}

func (r *rotate) declare(o *options) {
	r.rotation.declare(o)
	r.turn.declare(o)
}

func (r *rotate) run(ctx context.Context, c *console) error {
	rotator, before, err := r.start(ctx, c)
	if err != nil {
		return err
	}
	return r.make(ctx, c, rotator, before)
}
