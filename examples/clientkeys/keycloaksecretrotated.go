package main

import "context"

const aboutSecretRotated = `Reports whether Keycloak keeps the secret before the main one, and until when it
is accepted. The secret itself goes into the file of --SecretPath, or with
--Show to standard output; without either nobody sees it.`

// secretRotated is the command "keycloak secret rotated".
type secretRotated struct {
	managed
	handover
}

func (s *secretRotated) declare(o *options) {
	s.managed.declare(o)
	s.handover.declare(o)
}

func (s *secretRotated) run(ctx context.Context, c *console) error {
	api, info, err := s.find(ctx)
	if err != nil {
		return err
	}
	secret, err := api.RotatedSecret(ctx, info.ID)
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
	if err := s.keep(secret); err != nil {
		return err
	}
	times := info.SecretTimes()
	c.result("Rotated: made %s expires %s", date(times.RotatedCreated), date(times.RotatedExpires))
	return s.print(c, secret)
}

const aboutSecretInvalidate = `Ends the secret before the main one now: whoever still uses it is locked out.
That there is none is no error.`

// secretInvalidate is the command "keycloak secret invalidate".
type secretInvalidate struct {
	managed
	consent
}

func (s *secretInvalidate) declare(o *options) {
	s.managed.declare(o)
	s.consent.declare(o)
}

func (s *secretInvalidate) run(ctx context.Context, c *console) error {
	api, info, err := s.find(ctx)
	if err != nil {
		return err
	}
	if err := s.ask(ctx, c, "End the old secret of client %q now?", s.clientID); err != nil {
		return err
	}
	return api.InvalidateRotatedSecret(ctx, info.ID)
}
