package main

import "context"

const aboutJWKSURLSet = `Has Keycloak fetch the public keys of a client from a URL, in place of those that
are stored. The client authenticates with a signed assertion (private_key_jwt)
from then on. Keycloak asks the URL when it meets a kid that it does not know,
at most every 10 seconds, and believes a key that it knows for longer than it is
at the URL: see "keycloak cache clear".`

// jwksURLSet is the command "keycloak jwksurl set".
type jwksURLSet struct {
	managed
	consent
	address string
}

func (k *jwksURLSet) declare(o *options) {
	k.managed.declare(o)
	o.requiredURL(&k.address, "JwksUrl", "j", "where the client's public keys are")
	k.consent.declare(o)
}

func (k *jwksURLSet) run(ctx context.Context, c *console) error {
	api, info, err := k.find(ctx)
	if err != nil {
		return err
	}
	if err := k.ask(ctx, c, "Let the keys of client %q be those at %s?", k.clientID, k.address); err != nil {
		return err
	}
	return api.SetJWKSURL(ctx, info.ID, k.address)
}

const aboutCacheClear = `Makes Keycloak forget the public keys that it has cached, of all clients of all
realms, on the node that gets the request. It fetches or reads them again when
they are next needed.`

// cacheClear is the command "keycloak cache clear".
type cacheClear struct{ realm }

func (k *cacheClear) run(ctx context.Context, _ *console) error {
	api, err := k.admin()
	if err != nil {
		return err
	}
	return api.ClearKeysCache(ctx)
}
