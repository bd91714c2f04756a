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

// Change is what [API.UpdateClient] changes. Zero fields change nothing.
type Change struct {
	Method     Method
	Secret     keys.Secret
	Attributes map[string]string // an empty value removes an attribute

	// Confidential makes a public or bearer-only client authenticate, by Method
	// or by the method it has; until its programs do so they are refused. The
	// server makes a secret for it if it has none.
	Confidential bool

	// ServiceAccount lets the client get tokens of its own
	// (client_credentials, RFC 6749 §4.4).
	ServiceAccount bool

	// KeyAlgorithm is what the client's key signs with, if the server does not
	// store the key but fetches it from a JWKS URL.
	KeyAlgorithm keys.Algorithm
}

// UpdateClient changes parts of a client. It refuses a method or a secret for a
// public or bearer-only client ([ErrMode]), unless the change also makes it
// confidential, and a secret of fewer than 32 characters that is not a
// reference to a vault ([ErrConfig]).
//
// Keys: every update clears the client's keys from the cache of the node that
// handles it, and of the realm's Nodes; an empty Change does only that. Other
// nodes may refuse a new key for 11 s, and go on accepting a removed one: see
// keycloak.Client.ReloadKeys, and [API.ClearKeysCache]. Everything else takes
// effect on all nodes at once.
//
// Client policies act on every update. To stop FAPI's profiles from replacing
// the client's method and algorithms, the update repeats them. What else those
// profiles demand (bound tokens, PKCE, consent, no full scope) the server turns
// on. Where a policy demands one signing algorithm, the client gets that of its
// keys. If the keys have several, or are at a URL, the update fails with
// [ErrAlgorithm] and changes nothing.
//
// Secrets: under a rotation policy an update also starts the clock of a secret
// without an expiry. It replaces an expired secret by a new one that the server
// makes, even if the change names one. Read the secret afterwards.
func (a *API) UpdateClient(ctx context.Context, id string, change Change) error {
	secret := change.Secret.Reveal()
	switch {
	case isMask(secret), slices.ContainsFunc(slices.Collect(maps.Values(change.Attributes)), isMask):
		return refuse(ErrMasked, "the mask is not a secret")
	case secret != "" && len(secret) < minSecret && !InVault(change.Secret):
		return refuse(ErrConfig, "a secret of fewer than 32 characters")
	}
	info, err := a.Client(ctx, id)
	if err != nil {
		return err
	}
	return a.update(ctx, info, change)
}

// update sends the change, and all that the server would otherwise change by
// itself. It tries the candidates for the signing algorithm in turn.
func (a *API) update(ctx context.Context, info *Client, change Change) error {
	if !change.Confidential && (change.Method != "" || !change.Secret.IsZero() || change.ServiceAccount) {
		if err := info.confidential(); err != nil {
			return err // the server would store it and still not ask for it
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

// body returns the update without its attributes: the change, and what the
// server resets if it is not sent. That is authorization services, and before
// 26.1 front-channel logout and the service account, whose user it deletes with
// all its roles. FAPI's policies replace a method that is not sent.
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

// attributes returns those of the change and the client's algorithms. It is
// never nil: without attributes the rotation executor fails (500) when it has a
// time to write.
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

// candidates returns the signing algorithms to try, in order.
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

// refusesAlgorithm reports whether a policy refused the signing algorithm. Then
// nothing was changed.
func refusesAlgorithm(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Status == http.StatusBadRequest && strings.Contains(refused.Description, "signature algorithm")
}
