package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

func secretCommands() []command {
	return []command{
		{"keycloak secret regenerate", clientOptions(append(handoverOptions(), yes())...), "", secretRegenerate},
		{"keycloak secret rotated", clientOptions(handoverOptions()...), "", onClient(secretRotated)},
		{"keycloak secret invalidate", clientOptions(), "End the old secret of client {ClientId} now?",
			onClient(func(ctx context.Context, _ *input, a *admin.API, info *admin.Client) error {
				return a.InvalidateRotatedSecret(ctx, info.ID)
			})},
	}
}

func secretRegenerate(ctx context.Context, in *input) error {
	if err := in.somewhere(); err != nil {
		return err
	}
	return onClient(regenerate)(ctx, in)
}

func regenerate(ctx context.Context, in *input, api *admin.API, info *admin.Client) error {
	overlap, err := api.Overlap(ctx, info.ID)
	if err != nil {
		return err
	}
	until := "no rotation policy applies, so the old one ends at once"
	if overlap {
		until = "the old one is accepted for a while, as the rotation policy says"
	}
	if err := in.ask(ctx, "Make a new secret for client {ClientId}? ("+until+")"); err != nil {
		return err
	}
	if err := in.reserve("SecretPath"); err != nil {
		return err
	}
	provider := keycloak.Secret{Client: &keycloak.Client{Realm: in.realm(), ClientID: info.ClientID, Admin: api}}
	made, registered, err := issue(in.uninterrupted(ctx), provider)
	if err != nil {
		return errors.Join(err, in.saveSecret(keys.Secret{}))
	}
	if err := in.saveSecret(made.Secret); err != nil {
		err = fmt.Errorf("a new secret was made but not saved, so make another one unless it is shown: %w", err)
		return errors.Join(err, in.reveal(made.Secret))
	}
	in.result("ClientId: %s\nExpiration: %s", info.ClientID, date(registered.Expires))
	return in.showSecret(made.Secret)
}

// issue asks again where a reply was lost: the provider then finds the secret
// that was made, and makes no second one, which would end the old.
func issue(ctx context.Context, provider keycloak.Secret) (selfservice.Credential, selfservice.Registration, error) {
	var none selfservice.Credential
	before, err := provider.List(ctx, none)
	if err != nil {
		return none, selfservice.Registration{}, err
	}
	made, registered, err := provider.Issue(ctx, none, before)
	var refused *admin.Error
	if err == nil || errors.As(err, &refused) && refused.Status >= 400 && refused.Status < 500 {
		return made, registered, err
	}
	if made, registered, err = provider.Issue(ctx, none, before); err != nil {
		err = fmt.Errorf("%w; the secret may have been replaced all the same: \"keycloak status\" says when it was made", err)
	}
	return made, registered, err
}

func secretRotated(ctx context.Context, in *input, api *admin.API, info *admin.Client) error {
	secret, err := api.RotatedSecret(ctx, info.ID)
	if err != nil {
		return err
	}
	if secret.IsZero() {
		in.result("Rotated: none")
		return nil
	}
	if err := in.reserve("SecretPath"); err != nil {
		return err
	}
	if err := in.saveSecret(secret); err != nil {
		return err
	}
	times := info.SecretTimes()
	in.result("Rotated: made %s expires %s", date(times.RotatedCreated), date(times.RotatedExpires))
	return in.showSecret(secret)
}
