package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/okta"
)

func oktaCredentialCommands() []command {
	return slices.Concat([]command{
		{"okta key list", appOptions(), "", onApp(oktaKeys)},
		{"okta key add", appOptions(required(path("PublicKeyPath", "p", "file with the public key: JWK or PEM"))), "", oktaKeyAdd},
		{"okta secret list", appOptions(), "", onApp(oktaSecrets)},
		{"okta secret add", appOptions(handoverOptions()...), "", oktaSecretAdd},
	},
		oktaSwitches("okta key", "KeyId", (*okta.Admin).ActivateKey, (*okta.Admin).DeactivateKey, (*okta.Admin).DeleteKey),
		oktaSwitches("okta secret", "SecretId", (*okta.Admin).ActivateSecret, (*okta.Admin).DeactivateSecret, (*okta.Admin).DeleteSecret))
}

// oktaSwitches are the commands that do one thing to one key or secret.
func oktaSwitches(words, id string, activate, deactivate, remove func(a *okta.Admin, ctx context.Context, appID, id string) error) []command {
	options := appOptions(required(text(id, "i", "Okta's id of it, as list prints it")))
	do := func(call func(a *okta.Admin, ctx context.Context, appID, id string) error) action {
		return onApp(func(ctx context.Context, in *input, admin *okta.Admin, appID string) error {
			return call(admin, ctx, appID, in.text(id))
		})
	}
	return []command{
		{words + " activate", options, "", do(activate)},
		{words + " deactivate", options, "Deactivate {" + id + "} of app {AppId}?", do(deactivate)},
		{words + " delete", options, "Delete {" + id + "} of app {AppId}?", do(remove)},
	}
}

func oktaKeys(ctx context.Context, in *input, admin *okta.Admin, appID string) error {
	list, err := admin.Keys(ctx, appID)
	for _, key := range list {
		facts := []string{strings.ToLower(string(key.Status))}
		if key.KeyID != "" {
			facts = append(facts, "kid "+key.KeyID)
		}
		if key.PublicKey != nil {
			facts = append(facts, string(key.PublicKey.Algorithm()))
		}
		if key.Use == "enc" {
			facts = append(facts, "for encryption")
		}
		in.credential("Key", key.ID, key.Created, time.Time{}, facts...)
	}
	return err
}

func oktaSecrets(ctx context.Context, in *input, admin *okta.Admin, appID string) error {
	list, err := admin.Secrets(ctx, appID)
	for _, s := range list {
		in.credential("Secret", s.ID, s.Created, time.Time{}, strings.ToLower(string(s.Status)))
	}
	return err
}

func oktaKeyAdd(ctx context.Context, in *input) error {
	key, err := in.public("PublicKey")
	if err != nil {
		return err
	}
	return onApp(func(ctx context.Context, in *input, admin *okta.Admin, appID string) error {
		added, err := admin.AddKey(ctx, appID, key)
		if err == nil {
			in.result("KeyId: %s\nKid: %s", added.ID, added.KeyID)
		}
		return err
	})(ctx, in)
}

func oktaSecretAdd(ctx context.Context, in *input) error {
	if err := in.somewhere(); err != nil {
		return err
	}
	return onApp(func(ctx context.Context, in *input, admin *okta.Admin, appID string) error {
		if err := in.reserve("SecretPath"); err != nil {
			return err
		}
		secret := keys.NewSecret(rand.Text() + rand.Text())
		if err := in.saveSecret(secret); err != nil { // before Okta knows it
			return err
		}
		added, err := admin.AddSecret(in.uninterrupted(ctx), appID, secret)
		var refused *okta.Error
		switch {
		case errors.As(err, &refused) && refused.Status >= 400 && refused.Status < 500:
			return errors.Join(err, in.saveSecret(keys.Secret{}))
		case err != nil:
			err = fmt.Errorf("%w; it may have been added all the same, so keep the secret: \"okta secret list\" shows", err)
			return errors.Join(err, in.reveal(secret))
		}
		in.result("SecretId: %s", added.ID)
		return in.showSecret(secret)
	})(ctx, in)
}
