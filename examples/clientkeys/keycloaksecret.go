package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
)

// handover holds the options that say where a secret goes.
type handover struct {
	path string
	show bool
}

func (h *handover) declare(o *options) {
	o.text(&h.path, "SecretPath", "p", "file to write the secret to, which must not exist; only its owner can read it")
	o.toggle(&h.show, "Show", "show", "print the secret to standard output")
}

// reserve makes the file before there is a secret to lose.
func (h *handover) reserve() error {
	if h.path == "" {
		return nil
	}
	err := keys.WriteFile(h.path, nil, false)
	if errors.Is(err, keys.ErrExists) {
		return errors.New("the file of --SecretPath exists; it is not replaced")
	}
	return err
}

// save puts the secret into the file; a zero one leaves no file behind.
func (h *handover) save(secret keys.Secret) error {
	switch {
	case h.path == "":
		return nil
	case secret.IsZero():
		return os.Remove(h.path)
	}
	return keys.WriteFile(h.path, []byte(secret.Reveal()), true)
}

// print shows the secret or its place. Nothing is printed before save: output
// into a pipe that nobody reads ends the process.
func (h *handover) print(c *console, secret keys.Secret) {
	if h.show {
		c.result("Secret: %s", secret.Reveal())
	}
	if h.path != "" {
		c.result("SecretPath: %s", h.path)
	}
}

const aboutSecretRegenerate = `Has Keycloak make a new secret for a client. It goes into the file of
--SecretPath, with mode 0600, or with --Show to standard output. Prints when
it expires.

Under a rotation policy (keycloakpolicycreate) the old secret is accepted for a
while longer, but the one before that ends now. Without a policy the old secret
ends now. Which it is, is said before you are asked. To find it out the client
is updated without a change; that starts the clock of a secret under a new
policy. The command keycloakrotate does all of this by itself.` + aboutAdmin

// secretRegenerate is the command keycloaksecretregenerate.
type secretRegenerate struct {
	managed
	handover
	yes bool
}

func (s *secretRegenerate) declare(o *options) {
	s.managed.declare(o)
	s.handover.declare(o)
	o.toggle(&s.yes, "Yes", "y", "do not ask before")
}

func (s *secretRegenerate) run(ctx context.Context, c *console) error {
	if s.path == "" && !s.show {
		return errors.New("missing --SecretPath or --Show: the new secret must go somewhere")
	}
	admin, info, err := s.client(ctx)
	if err != nil {
		return err
	}
	overlap, err := admin.Overlap(ctx, info.ID)
	if err != nil {
		return err
	}
	until := "no rotation policy applies, so the old one ends at once"
	if overlap {
		until = "the old one is accepted for a while, as the rotation policy says"
	}
	if !s.yes && !c.confirm(fmt.Sprintf("Make a new secret for client %q? (%s)", s.clientID, until)) {
		return errors.New("nothing was changed, as not confirmed")
	}
	if err := s.reserve(); err != nil {
		return err
	}
	// From here on an interrupt would lose the secret that the server makes.
	// The wait is short: every call has its limit.
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	secret, expires, err := s.regenerate(ctx, admin)
	if err != nil {
		return errors.Join(err, s.save(keys.Secret{}))
	}
	if err := s.save(secret); err != nil {
		return fmt.Errorf("a new secret was made but not saved, so make another one: %w", err)
	}
	c.result("ClientId: %s\nExpiration: %s", s.clientID, date(expires))
	s.print(c, secret)
	return nil
}

// regenerate asks again where an answer was lost: the provider then finds the
// secret that was made, and makes no second one, which would end the old.
func (s *secretRegenerate) regenerate(ctx context.Context, admin *keycloak.Admin) (keys.Secret, time.Time, error) {
	provider := keycloak.Secret{Client: &keycloak.Client{Realm: s.Realm, ClientID: s.clientID, Admin: admin}}
	before, err := provider.List(ctx, selfservice.Credential{})
	if err != nil {
		return keys.Secret{}, time.Time{}, err
	}
	made, registered, err := provider.Issue(ctx, selfservice.Credential{}, before)
	var refused *keycloak.Error
	if errors.As(err, &refused) && refused.Status >= 400 && refused.Status < 500 {
		return keys.Secret{}, time.Time{}, err
	}
	if err != nil {
		made, registered, err = provider.Issue(ctx, selfservice.Credential{}, before)
	}
	if err != nil {
		err = fmt.Errorf("%w; the secret may have been replaced all the same: keycloakstatus tells when it was made", err)
	}
	return made.Secret, registered.Expires, err
}

const aboutSecretRotated = `Tells whether Keycloak keeps the secret before the main one, and until when it
is accepted. The secret itself goes into the file of --SecretPath, or with
--Show to standard output; without either nobody sees it.` + aboutAdmin

// secretRotated is the command keycloaksecretrotated.
type secretRotated struct {
	managed
	handover
}

func (s *secretRotated) declare(o *options) {
	s.managed.declare(o)
	s.handover.declare(o)
}

func (s *secretRotated) run(ctx context.Context, c *console) error {
	admin, info, err := s.client(ctx)
	if err != nil {
		return err
	}
	secret, err := admin.RotatedSecret(ctx, info.ID)
	if err != nil {
		return err
	}
	if secret.IsZero() {
		c.result("Rotated: none")
		return nil
	}
	if err := s.reserve(); err != nil {
		return err
	}
	if err := s.save(secret); err != nil {
		return err
	}
	times := info.SecretTimes()
	c.result("Rotated: made %s expires %s", date(times.RotatedCreated), date(times.RotatedExpires))
	s.print(c, secret)
	return nil
}

const aboutSecretInvalidate = `Ends the secret before the main one now: whoever still uses it is locked out.
That there is none is no error.` + aboutAdmin

// secretInvalidate is the command keycloaksecretinvalidate.
type secretInvalidate struct {
	managed
	yes bool
}

func (s *secretInvalidate) declare(o *options) {
	s.managed.declare(o)
	o.toggle(&s.yes, "Yes", "y", "do not ask before")
}

func (s *secretInvalidate) run(ctx context.Context, c *console) error {
	admin, info, err := s.client(ctx)
	if err != nil {
		return err
	}
	if !s.yes && !c.confirm(fmt.Sprintf("End the old secret of client %q now?", s.clientID)) {
		return errors.New("nothing was changed, as not confirmed")
	}
	return admin.InvalidateRotatedSecret(ctx, info.ID)
}
