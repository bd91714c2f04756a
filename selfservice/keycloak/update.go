package keycloak

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/nokkel/nokkel/keys"
)

// Change is what [Admin.UpdateClient] changes; zero fields stay as they are.
type Change struct {
	Method     Method
	Secret     keys.Secret
	Attributes map[string]string // those named; an empty value removes one

	// Confidential makes a public or bearer-only client one that has to
	// authenticate, with Method or the one that it has; its programs are
	// refused until they do. The server makes it a secret if it has none.
	Confidential bool

	// ServiceAccount lets the client get tokens of its own
	// (client_credentials, RFC 6749 §4.4).
	ServiceAccount bool
}

// UpdateClient changes parts of a client. A method or a secret for one that is
// public or bearer-only is refused ([ErrMode]), unless the change also makes
// it confidential. Keys take effect at once: every
// update drops what the server's nodes have cached of the client's keys, and
// an empty Change does only that.
//
// Under a rotation policy an update also starts the clock of a secret that has
// no expiry yet, and replaces one that has expired by a new one of the server's
// choice, whatever the update says; read it afterwards.
func (a *Admin) UpdateClient(ctx context.Context, id string, change Change) error {
	if isMask(change.Secret.Reveal()) || slices.ContainsFunc(slices.Collect(maps.Values(change.Attributes)), isMask) {
		return refuse(ErrMasked, "the mask is not a secret")
	}
	info, err := a.Client(ctx, id)
	if err != nil {
		return err
	}
	return a.update(ctx, info, change)
}

func (a *Admin) update(ctx context.Context, info *ClientInfo, change Change) error {
	if !change.Confidential && (change.Method != "" || !change.Secret.IsZero() || change.ServiceAccount) {
		if err := info.confidential(); err != nil {
			return err // the server would store it, and go on asking for nothing
		}
	}
	// Without attributes the rotation executor fails where it has a time to
	// write (500). What is not sent stays, but for the authorization services,
	// which that switches off, and before 26.1 the service account, whose user
	// it deletes with all its roles.
	body := map[string]any{"attributes": maps.Clone(change.Attributes)}
	if change.Attributes == nil {
		body["attributes"] = map[string]string{}
	}
	if info.AuthorizationServices {
		body["authorizationServicesEnabled"] = true
	}
	if info.ServiceAccount || change.ServiceAccount {
		body["serviceAccountsEnabled"] = true
	}
	if change.Confidential {
		body["publicClient"], body["bearerOnly"] = false, false
	}
	if change.Method != "" {
		body["clientAuthenticatorType"] = change.Method
	}
	if !change.Secret.IsZero() {
		body["secret"] = change.Secret.Reveal()
	}
	return a.exchange(ctx, http.MethodPut, a.realm("clients", info.ID), body, nil)
}
