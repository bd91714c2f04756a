package main

import (
	"context"
	"strings"
	"time"

	"github.com/nokkel/nokkel/selfservice/okta"
)

const aboutOktaStatus = `Prints how an app authenticates, and the keys and client secrets that Okta has of
it, with Okta's ids for them and without the values of secrets. It changes
nothing; Okta logs that secrets were read. For the state directory of a
rotation: "clientkeys state show".`

// oktaStatus is the command "okta status".
type oktaStatus struct{ oktaApp }

func (k *oktaStatus) run(ctx context.Context, c *console) error {
	admin, err := k.admin()
	if err != nil {
		return err
	}
	app, err := admin.App(ctx, k.id)
	if err != nil {
		return err
	}
	c.result("AppId: %s\nClientId: %s\nLabel: %s\nMethod: %s\nEnabled: %t", app.ID, app.ClientID, app.Label, app.Method, app.Status == string(okta.Active))
	switch {
	case app.KeysURL != "":
		c.result("JwksUrl: %s", app.KeysURL)
		return nil
	case app.Method == okta.MethodPrivateKey:
		return printOktaKeys(ctx, c, admin, k.id)
	case app.Method == okta.MethodNone:
		c.tell("The app is public: it authenticates in no way.")
		return nil
	}
	return printOktaSecrets(ctx, c, admin, k.id)
}

func printOktaKeys(ctx context.Context, c *console, admin *okta.Admin, appID string) error {
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
		c.credential("Key", key.ID, key.Created, time.Time{}, facts...)
	}
	return err
}

func printOktaSecrets(ctx context.Context, c *console, admin *okta.Admin, appID string) error {
	list, err := admin.Secrets(ctx, appID)
	for _, s := range list {
		c.credential("Secret", s.ID, s.Created, time.Time{}, strings.ToLower(string(s.Status)))
	}
	return err
}
