package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

const aboutSecretRegenerate = `Has Keycloak make a new secret for a client. It goes into the file of
--SecretPath, with mode 0600, or with --Show to standard output. Prints when
it expires.

Under a rotation policy ("keycloak policy create") the old secret is accepted for a
while longer, but the one before that ends now. Without a policy the old secret
ends now. Which it is, is said before you are asked. To find it out the client
is updated without a change; that starts the clock of a secret under a new
policy. The command "keycloak rotate" does all of this by itself.`

// secretRegenerate is the command "keycloak secret regenerate".
type secretRegenerate struct {
	managed
	handover
	consent
}

func (s *secretRegenerate) declare(o *options) {
	s.managed.declare(o)
	s.handover.declare(o)
	s.consent.declare(o)
}

func (s *secretRegenerate) run(ctx context.Context, c *console) error {
	if s.isZero() {
		return errNowhere
	}
	api, info, err := s.find(ctx)
	if err != nil {
		return err
	}
	overlap, err := api.Overlap(ctx, info.ID)
	if err != nil {
		return err
	}
	until := "no rotation policy applies, so the old one ends at once"
	if overlap {
		until = "the old one is accepted for a while, as the rotation policy says"
	}
	if err := s.ask(ctx, c, "Make a new secret for client %q? (%s)", s.clientID, until); err != nil {
		return err
	}
	if err := s.reserve(); err != nil {
		return err
	}
	secret, expires, err := s.regenerate(uninterrupted(ctx), api)
	if err != nil {
		return errors.Join(err, s.keep(keys.Secret{}))
	}
	if err := s.keep(secret); err != nil {
		return fmt.Errorf("a new secret was made but not saved, so make another one: %w", err)
	}
	c.result("ClientId: %s\nExpiration: %s", s.clientID, date(expires))
	return s.print(c, secret)
}

// regenerate asks again where an answer was lost: the provider then finds the
// secret that was made, and makes no second one, which would end the old.
func (s *secretRegenerate) regenerate(ctx context.Context, api *admin.API) (keys.Secret, time.Time, error) {
	provider := keycloak.Secret{Client: &keycloak.Client{Realm: s.Realm, ClientID: s.clientID, Admin: api}}
	before, err := provider.List(ctx, selfservice.Credential{})
	if err != nil {
		return keys.Secret{}, time.Time{}, err
	}
	made, registered, err := provider.Issue(ctx, selfservice.Credential{}, before)
	var refused *admin.Error
	if errors.As(err, &refused) && refused.Status >= 400 && refused.Status < 500 {
		return keys.Secret{}, time.Time{}, err
	}
	if err != nil {
		made, registered, err = provider.Issue(ctx, selfservice.Credential{}, before)
	}
	if err != nil {
		err = fmt.Errorf("%w; the secret may have been replaced all the same: \"keycloak status\" tells when it was made", err)
	}
	return made.Secret, registered.Expires, err
}
