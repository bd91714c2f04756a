package keycloak

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/nokkel/nokkel/selfservice/keycloak/internal/signing"
)

// Registered returns the client as one that manages itself with its registration
// access token (RFC 7592), which is kept in the store. Its providers are those of
// package dcr. If the Client has an Admin, a lost token is replaced.
//
// An update sends back all that was read, with the change (RFC 7592 §2.2): what
// an administrator changes in between is lost. Providers that use the Admin API
// send only the credential. If all keys have one algorithm, the update also sets
// it as the client's signing algorithm.
//
// A credential is verified as by [Client.Verify], on each of the realm's Nodes,
// with DPoP if the Client says so, and also without a service account.
// Authenticate is not used: dcr.Client.Secret has its own.
//
// The server makes a new secret, with the old one still accepted, only in an
// update within the remaining rotation period of a policy. Set the Rotator's
// RenewBefore to less than that.
func (c *Client) Registered(store selfservice.Store) *dcr.Client {
	r := &dcr.Client{
		Store: store, Issuer: c.Realm.URL(), Base: c.Realm.Base,
		Change: keep, Propagation: lag, Purge: c.ReloadKeys,
		Verify: func(ctx context.Context, a dcr.Attempt) error { return c.verify(ctx, a.Auth) },
	}
	if c.Admin != nil {
		r.Recover = func(ctx context.Context) (keys.Secret, error) {
			info, err := c.Admin.FindClient(ctx, c.ClientID)
			if err != nil {
				return keys.Secret{}, err
			}
			return c.Admin.RegistrationToken(ctx, info.ID)
		}
	}
	return r
}

// keep removes from an update what would change if it were sent back. Servers
// fail on scopes (500). And a client that may send its secret in either way is
// shown as client_secret_basic, which would then be the only way (from 26.6 on).
func keep(m dcr.Metadata) {
	delete(m, "scope")
	if string(m["token_endpoint_auth_method"]) == `"client_secret_basic"` {
		delete(m, "token_endpoint_auth_method")
	}
	nameAlgorithm(m)
}

// nameAlgorithm sets the client's signing algorithm to that of its keys, since
// FAPI's policies set their own in an update without one. If the keys have
// several it is removed, unless such a policy has acted, which shows in the
// algorithm of request objects: then the policy would accept neither.
func nameAlgorithm(m dcr.Metadata) {
	if string(m["token_endpoint_auth_method"]) != `"private_key_jwt"` {
		return
	}
	switch list := slices.Compact(slices.Sorted(slices.Values(signing.Algorithms(m["jwks"])))); {
	case len(list) == 1 && list[0] != signing.AnyRSA:
		m["token_endpoint_auth_signing_alg"], _ = json.Marshal(list[0]) // a string can be marshaled
	case len(list) > 1 && m["request_object_signing_alg"] == nil:
		delete(m, "token_endpoint_auth_signing_alg")
	}
}
