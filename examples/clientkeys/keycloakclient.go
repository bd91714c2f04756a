package main

import (
	"context"

	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

const aboutClientConfidential = `Makes a public or bearer-only client confidential: from then on it must log in,
with a secret that Keycloak makes ("keycloak secret regenerate" shows a new one)
or with the keys of "keycloak key upload". Its programs are refused until they
do. With --ServiceAccount it may get tokens of its own (client credentials).`

// clientConfidential is the command "keycloak client confidential".
type clientConfidential struct {
	managed
	consent
	serviceAccount bool
}

func (k *clientConfidential) declare(o *options) {
	k.managed.declare(o)
	o.toggle(&k.serviceAccount, "ServiceAccount", "sa", "let the client get tokens of its own")
	k.consent.declare(o)
}

func (k *clientConfidential) run(ctx context.Context, c *console) error {
	api, info, err := k.find(ctx)
	if err != nil {
		return err
	}
	if err := k.ask(ctx, c, "Make client %q confidential? Programs that do not log in as it will be refused.", k.clientID); err != nil {
		return err
	}
	return api.UpdateClient(ctx, info.ID, admin.Change{Confidential: true, ServiceAccount: k.serviceAccount})
}

const aboutRoleCreate = `Defines a role on a client, so that a policy with --ClientRole of that name meets
the client ("keycloak policy create"). One that is there already is no error.`

// roleCreate is the command "keycloak role create".
type roleCreate struct {
	managed
	role string
}

func (k *roleCreate) declare(o *options) {
	k.managed.declare(o)
	o.required(&k.role, "ClientRole", "cr", "name of the role")
}

func (k *roleCreate) run(ctx context.Context, _ *console) error {
	api, info, err := k.find(ctx)
	if err != nil {
		return err
	}
	return api.DefineRole(ctx, info.ID, k.role)
}
