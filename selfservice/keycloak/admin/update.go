package admin

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak/internal/signing"
)

// Change is what [API.UpdateClient] changes; zero fields stay as they are.
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

	// KeyAlgorithm is what the client's one key signs with, where the server
	// does not know the key: at a JWKS URL.
	KeyAlgorithm keys.Algorithm
}

// UpdateClient changes parts of a client. A method or a secret for one that is
// public or bearer-only is refused ([ErrMode]), unless the change also makes
// it confidential; so is a secret of less than 32 characters that is not a
// reference to a vault ([ErrConfig]).
//
// Every update drops what has been cached of the client's keys by the node
// that took it, and by no other but the realm's Nodes; an empty Change does
// only that. At other nodes a new key may be refused for 11 s, and a removed
// one lives on: see keycloak.Client.ReloadKeys, and [API.ClearKeysCache] for a way
// to make nodes heed each other. Everything else takes effect at all nodes at
// once.
//
// A client policy acts in every update. What of FAPI's profiles would replace
// the client's method and algorithms is sent along as it is; what they demand
// besides (bound tokens, PKCE, consent, no full scope) the server turns on.
// Where a policy wants one signing algorithm named, it becomes that of the
// client's keys; if those have several, or are at a URL, the update is refused
// and nothing changes ([ErrAlgorithm]).
//
// Under a rotation policy an update also starts the clock of a secret that has
// no expiry yet, and replaces one that has expired by a new one of the server's
// choice, whatever the update says; read it afterwards.
func (a *API) UpdateClient(ctx context.Context, id string, change Change) error {
	secret := change.Secret.Reveal()
	switch {
	case isMask(secret), slices.ContainsFunc(slices.Collect(maps.Values(change.Attributes)), isMask):
		return refuse(ErrMasked, "the mask is not a secret")
	case secret != "" && len(secret) < minSecret && !InVault(change.Secret):
		return refuse(ErrConfig, "a secret of less than 32 characters")
	}
	info, err := a.Client(ctx, id)
	if err != nil {
		return err
	}
	return a.update(ctx, info, change)
}

// update sends what change names, and what the server would otherwise change
// by itself. The first signing algorithm that it takes becomes the client's.
func (a *API) update(ctx context.Context, info *Client, change Change) error {
	if !change.Confidential && (change.Method != "" || !change.Secret.IsZero() || change.ServiceAccount) {
		if err := info.confidential(); err != nil {
			return err // the server would store it, and go on asking for nothing
		}
	}
	body, attributes := info.body(change), info.attributes(change)
	body["attributes"] = attributes
	candidates := info.candidates(change)
	var err error
	for i, algorithm := range candidates {
		if attributes[SigningAlgorithm] = algorithm; algorithm == signing.Leave {
			delete(attributes, SigningAlgorithm)
		}
		err = a.exchange(ctx, http.MethodPut, a.realm("clients", info.ID), body, nil)
		if i == len(candidates)-1 || !refusesAlgorithm(err) {
			break
		}
	}
	var refused *Error
	if refusesAlgorithm(err) && errors.As(err, &refused) {
		refused.Rule, refused.Detail = ErrAlgorithm, "nothing was changed"
	}
	if err == nil && change.ofKeys() {
		err = a.spread(ctx, info.ID)
	}
	return err
}

// body says without attributes what is to change, and what the server changes
// when it is not sent: it switches authorization services off, and before 26.1
// front-channel logout and the service account, whose user it deletes with all
// its roles. Policies of FAPI replace a method that is not sent.
func (c *Client) body(change Change) map[string]any {
	body := map[string]any{}
	if c.AuthorizationServices {
		body["authorizationServicesEnabled"] = true
	}
	if c.ServiceAccount || change.ServiceAccount {
		body["serviceAccountsEnabled"] = true
	}
	if c.FrontchannelLogout {
		body["frontchannelLogout"] = true
	}
	if change.Confidential {
		body["publicClient"], body["bearerOnly"] = false, false
	}
	if method := cmp.Or(change.Method, c.Method); method != "" {
		body["clientAuthenticatorType"] = method
	}
	if !change.Secret.IsZero() {
		body["secret"] = change.Secret.Reveal()
	}
	return body
}

// attributes returns those that change names and the client's algorithms;
// never nil: without attributes the rotation executor fails where it has a time
// to write (500).
func (c *Client) attributes(change Change) map[string]string {
	attributes := map[string]string{}
	for _, name := range algorithmAttributes() {
		if c.Attributes[name] != "" {
			attributes[name] = c.Attributes[name]
		}
	}
	maps.Copy(attributes, change.Attributes)
	return attributes
}

// candidates are the signing algorithms to try, in this order.
func (c *Client) candidates(change Change) []string {
	if named, ok := change.Attributes[SigningAlgorithm]; ok {
		return []string{named}
	}
	current := c.Attributes[SigningAlgorithm]
	if cmp.Or(change.Method, c.Method) != MethodSignedJWT {
		return signing.Candidates(current, nil)
	}
	after := map[string]string{}
	maps.Copy(after, c.Attributes)
	maps.Copy(after, change.Attributes)
	switch {
	case change.KeyAlgorithm != "":
		return signing.Candidates(current, []string{string(change.KeyAlgorithm)})
	case after[useJWKSURL] == "true":
		return []string{current} // its keys are not known here
	}
	return signing.Candidates(current, keyAlgorithms(after))
}

// refusesAlgorithm tells the answer of a policy that does not take the signing
// algorithm, and has changed nothing.
func refusesAlgorithm(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Status == http.StatusBadRequest && strings.Contains(refused.Description, "signature algorithm")
}
