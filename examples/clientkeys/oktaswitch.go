package main

import (
	"context"

	"github.com/nokkel/nokkel/selfservice/okta"
)

const aboutActivate = `Okta then accepts it at once. That it is active already is no error.`

const aboutDeactivate = `Whoever still uses it is locked out, until it is activated again. The only active
one stays.`

const aboutDelete = `It must be inactive, and there is no way back. That it is gone already is no error.`

// oktaSwitch is the commands that do one thing to one key or secret.
type oktaSwitch struct {
	oktaApp
	consent
	what, option string
	question     string // empty: nothing is asked
	credentialID string
	do           func(a *okta.Admin, ctx context.Context, appID, id string) error
}

func (k *oktaSwitch) declare(o *options) {
	k.oktaApp.declare(o)
	o.required(&k.credentialID, k.option, "i", "Okta's id of the "+k.what+", as list prints it")
	if k.question != "" {
		k.consent.declare(o)
	}
}

func (k *oktaSwitch) run(ctx context.Context, c *console) error {
	admin, err := k.admin()
	if err != nil {
		return err
	}
	if k.question != "" {
		err = k.ask(ctx, c, "%s %s %s of app %s?", k.question, k.what, k.credentialID, k.id)
	}
	if err != nil {
		return err
	}
	return k.do(admin, ctx, k.id, k.credentialID)
}
