package admin

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/nokkel/nokkel/internal/redact"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/internal/rest"
	"github.com/nokkel/nokkel/selfservice/keycloak/internal/signing"
)

// maxJWKS bounds a stored JWKS. Servers store 60 keys without trouble.
const maxJWKS = 64 << 10

// Keys returns the keys in the client's stored JWKS that this module supports.
// It fails with [ErrMode] if the client's keys come from elsewhere.
func (a *API) Keys(ctx context.Context, id string) (keys.Set, error) {
	info, err := a.Client(ctx, id)
	if err != nil {
		return keys.Set{}, err
	}
	return info.Keys()
}

// Keys is like [API.Keys], for a client that was read already.
func (c *Client) Keys() (keys.Set, error) {
	document, err := c.jwks()
	return keys.Set{Keys: document.public()}, err
}

// JWKSURL returns the URL that the server fetches the client's keys from, empty if
// it does not.
func (c *Client) JWKSURL() string {
	if c.Attributes[useJWKSURL] != "true" {
		return ""
	}
	return c.Attributes[jwksURL]
}

// StoresJWKS reports whether the client's keys are in a JWKS that the server
// stores.
func (c *Client) StoresJWKS() bool {
	return c.Attributes[useJWKSString] == "true" && c.Attributes[useJWKSURL] != "true"
}

// SetKeys makes a client authenticate with private_key_jwt and exactly these
// keys. It takes effect at once. A client has one method at a time: the server
// keeps the secret of a client that had one, for a way back ([Change.Method]),
// but refuses it. Tokens stay valid, and a program that authenticates with an
// assertion.Moving starts to sign by itself.
func (a *API) SetKeys(ctx context.Context, id string, set keys.Set) error {
	if len(set.Keys) == 0 {
		return refuse(ErrLastKey, "")
	}
	var document jwks
	for _, k := range set.Keys {
		if err := document.add(k); err != nil {
			return err
		}
	}
	info, err := a.Client(ctx, id)
	if err != nil {
		return err
	}
	if err := a.storeKeys(ctx, info, document, Change{Method: MethodSignedJWT}); err != nil {
		return err
	}
	return a.confirmKeys(ctx, id, func(stored jwks) bool {
		return !slices.ContainsFunc(set.Keys, func(k *keys.PublicKey) bool { return len(stored.find(k.Thumbprint())) == 0 })
	})
}

// AddKey stores one more key and keeps the others, including those that this
// module does not support. It is idempotent. Where a client policy demands a
// single signing algorithm, as FAPI's do, a key with another algorithm than the
// others is refused ([ErrAlgorithm]); see [API.SwitchKey].
func (a *API) AddKey(ctx context.Context, id string, key *keys.PublicKey) error {
	return a.addKey(ctx, id, key, Change{})
}

// SwitchKey stores one more key, as AddKey does, and makes its algorithm the
// only one that the server accepts from the client. Keys with other algorithms
// end at once.
func (a *API) SwitchKey(ctx context.Context, id string, key *keys.PublicKey) error {
	return a.addKey(ctx, id, key, Change{Attributes: map[string]string{SigningAlgorithm: string(key.Algorithm())}})
}

func (a *API) addKey(ctx context.Context, id string, key *keys.PublicKey, change Change) error {
	return a.editKeys(ctx, id, func(document *jwks) (bool, error) {
		stored := document.find(key.Thumbprint())
		if len(stored) == 0 {
			document.remove(key.Thumbprint()) // where it is stored in a way that the server does not use
			return true, document.add(key)
		}
		if !slices.ContainsFunc(stored, func(k *keys.PublicKey) bool { return k.KeyID() == key.KeyID() }) {
			return false, refuse(ErrConfig, "the key is stored under another kid")
		}
		return false, nil
	}, key.Thumbprint(), true, change)
}

// RemoveKey removes the stored key with the given RFC 7638 thumbprint, unless it
// is the last one that the server uses ([ErrLastKey]). It is idempotent.
func (a *API) RemoveKey(ctx context.Context, id, thumbprint string) error {
	return a.editKeys(ctx, id, func(document *jwks) (bool, error) {
		used := len(document.used())
		if !document.remove(thumbprint) {
			return false, nil
		}
		if used > 0 && len(document.used()) == 0 {
			return false, refuse(ErrLastKey, "")
		}
		return true, nil
	}, thumbprint, false, Change{})
}

// editKeys changes the stored JWKS and checks that the change stayed. It does
// nothing else between reading and writing, since a key that somebody else
// stores in that time is lost.
func (a *API) editKeys(ctx context.Context, id string, edit func(*jwks) (bool, error), thumbprint string, present bool, change Change) error {
	info, err := a.Client(ctx, id)
	if err != nil {
		return err
	}
	document, err := info.jwks()
	if err != nil {
		return err
	}
	changed, err := edit(&document)
	if err != nil || !changed {
		return err
	}
	if err := a.storeKeys(ctx, info, document, change); err != nil {
		return err
	}
	return a.confirmKeys(ctx, id, func(stored jwks) bool { return (len(stored.find(thumbprint)) > 0) == present })
}

// confirmKeys checks that the change stayed, and that the server accepts what
// the keys sign: a policy that this module does not know may have changed more.
func (a *API) confirmKeys(ctx context.Context, id string, stayed func(jwks) bool) error {
	info, err := a.Client(ctx, id)
	if err != nil {
		return err
	}
	document, err := info.jwks()
	if err != nil {
		return err
	}
	algorithm, list := info.Attributes[SigningAlgorithm], signing.Algorithms([]byte(info.Attributes[jwksString]))
	switch {
	case !stayed(document):
		return refuse(ErrLost, "somebody else changed the client's keys")
	case len(list) > 0 && algorithm != "" && !slices.ContainsFunc(list, func(key string) bool { return signing.Fits(key, algorithm) }):
		return refuse(ErrAlgorithm, "the server set "+redact.Line(algorithm, redact.MaxText)+", and none of the client's keys signs with that")
	}
	return nil
}

func (a *API) storeKeys(ctx context.Context, info *Client, document jwks, change Change) error {
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	if len(text) > maxJWKS {
		return refuse(ErrConfig, "a JWKS over 64 KiB")
	}
	attributes := map[string]string{useJWKSString: "true", jwksString: string(text), useJWKSURL: "false"}
	maps.Copy(attributes, change.Attributes)
	return a.update(ctx, info, Change{Method: change.Method, Attributes: attributes})
}

// SetJWKSURL makes a client authenticate with private_key_jwt and the keys that
// the server fetches from address: an https URL, or http on loopback, without
// userinfo and fragment. Anything else, which servers would store, is
// [ErrConfig]. Servers may refuse to fetch from addresses in their own network.
func (a *API) SetJWKSURL(ctx context.Context, id, address string) error {
	if _, ok := rest.SafeURL(address); !ok || strings.Contains(address, "#") {
		return refuse(ErrConfig, "the JWKS URL must be https")
	}
	return a.UpdateClient(ctx, id, Change{Method: MethodSignedJWT, Attributes: map[string]string{
		useJWKSURL: "true", jwksURL: address, useJWKSString: "false",
	}})
}

// ClearKeysCache clears the cached keys of all clients of all realms, on each of
// the realm's Nodes or on the node that handles the call. For one client an
// empty [API.UpdateClient] is enough. It needs the role manage-realm.
//
// From then on until it restarts, the node also follows key updates made on
// other nodes, which otherwise it does not (26.7.4). So calling this on each
// node after its start is worthwhile.
func (a *API) ClearKeysCache(ctx context.Context) error {
	return a.atEach(func(node *API) error {
		return node.exchange(ctx, http.MethodPost, node.realm("clear-keys-cache"), nil, nil)
	})
}
