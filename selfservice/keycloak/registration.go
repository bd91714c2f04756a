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

// Registered returns the client as one that manages itself by its registration
// access token (RFC 7592), which the store keeps; see package dcr, which also
// gives its providers. Where the Client has an Admin, a token that was lost is
// replaced.
//
// An update is what the client has just read, with the change in it, sent back
// whole (RFC 7592 §2.2): what an administrator changes in that instant is lost.
// The providers of this package send nothing but the credential, and with keys
// of one algorithm name that as the client's signing algorithm.
//
// Its secret is made again, and the old one lives on, only by an update within
// a rotation policy's remaining rotation period; set the Rotator's RenewBefore
// to less than that.
func (c *Client) Registered(store selfservice.Store) *dcr.Client {
	r := &dcr.Client{
		Store: store, Issuer: c.Realm.URL(), Base: c.Realm.Base,
		Change: keep, Propagation: lag, Purge: c.ReloadKeys,
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

// keep leaves out of an update what then stays as it is, but would change when
// it is sent back: servers fail at the scopes (500), and a client that may send its
// secret in either way is shown as client_secret_basic, which from then on
// would be the only one (from 26.6 on).
func keep(m dcr.Metadata) {
	delete(m, "scope")
	if string(m["token_endpoint_auth_method"]) == `"client_secret_basic"` {
		delete(m, "token_endpoint_auth_method")
	}
	nameAlgorithm(m)
}

// nameAlgorithm makes the client's signing algorithm that of its keys, since a
// policy of FAPI sets its own in an update that names none. While the keys have
// several it is left out, unless such a policy has been at work: that has set
// the one of request objects too, and would take neither.
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
