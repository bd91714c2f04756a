package main

import (
	"context"
	"errors"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

const aboutKeycloakStatus = `Prints how a client authenticates at Keycloak, when its secret and the one
before it were made and expire, and which public keys Keycloak has for it. It
changes nothing and prints no secret. For the state directory of a rotation:
"clientkeys state show".`

// keycloakStatus is the command "keycloak status".
type keycloakStatus struct{ managed }

func (k *keycloakStatus) run(ctx context.Context, c *console) error {
	api, info, err := k.find(ctx)
	if err != nil {
		return err
	}
	if info.Public || info.BearerOnly {
		c.result("ClientId: %s\nEnabled: %t", info.ClientID, info.Enabled)
		c.tell("The client is public or bearer-only: it authenticates in no way.")
		return nil
	}
	c.result("ClientId: %s\nMethod: %s\nEnabled: %t", info.ClientID, info.Method, info.Enabled)
	if info.Method == admin.MethodSecret || info.Method == admin.MethodSecretJWT {
		times := info.SecretTimes()
		made := "unknown" // of one that somebody chose
		if !times.Created.IsZero() {
			made = date(times.Created)
		}
		c.result("Secret: made %s expires %s", made, date(times.Expires))
		if !times.RotatedCreated.IsZero() {
			c.result("Rotated: made %s expires %s", date(times.RotatedCreated), date(times.RotatedExpires))
		}
		return nil
	}
	if address := info.Attributes["jwks.url"]; info.Attributes["use.jwks.url"] == "true" {
		c.result("JwksUrl: %s", address)
		return nil
	}
	return printKeys(ctx, c, api, info.ID)
}

// printKeys prints the public keys that are stored for a client.
func printKeys(ctx context.Context, c *console, api *admin.API, id string) error {
	set, err := api.Keys(ctx, id)
	if err == nil {
		for _, key := range set.Keys {
			c.result("Key: %s %s", key.KeyID(), key.Algorithm())
		}
		return nil
	}
	if !errors.Is(err, admin.ErrMode) {
		return err
	}
	stored, err := api.StoredKey(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case stored.Certificate != nil:
		c.result("Certificate: %s expires %s", certs.KeyID(stored.PublicKey), date(stored.Certificate.NotAfter))
	case stored.PublicKey != nil:
		c.result("PublicKey: %s", certs.KeyID(stored.PublicKey))
	default:
		c.tell("Keycloak has no key for the client.")
	}
	return nil
}
