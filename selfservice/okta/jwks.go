package okta

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/nokkel/nokkel/keys"
)

// MaxKeys is how many public keys an app can have, inactive ones included.
const MaxKeys = 50

// Key is one public key of an app.
type Key struct {
	ID          string // Okta's own, not the "kid"; empty inside an app
	Status      Status
	KeyID       string          // "kid"; empty: it has none
	Use         string          // "sig", "enc" or empty
	PublicKey   *keys.PublicKey // nil: not of a kind that signs
	Created     time.Time       // whole seconds; zero: unknown
	LastUpdated time.Time
}

// encryption is the Use of a key that does not sign.
const encryption = "enc"

// Thumbprint returns the RFC 7638 thumbprint; empty without a PublicKey.
func (k *Key) Thumbprint() string {
	if k.PublicKey == nil {
		return ""
	}
	return k.PublicKey.Thumbprint()
}

// under returns the key of that thumbprint that is registered under that kid;
// nil: none is. The same key may be there under other kids too.
func under(list []Key, thumbprint, kid string) *Key {
	i := slices.IndexFunc(list, func(k Key) bool { return k.Thumbprint() == thumbprint && k.KeyID == kid })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// UnmarshalJSON reads Okta's form of a key: a JWK, in which members may be null
// or empty, with members of Okta's own.
func (k *Key) UnmarshalJSON(data []byte) error {
	var in struct {
		entry
		times
		Kid string `json:"kid"`
		Use string `json:"use"`
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &in) != nil || json.Unmarshal(data, &members) != nil {
		return errors.New("okta: not a JSON Web Key")
	}
	*k = Key{ID: in.ID, Status: in.Status, KeyID: in.Kid, Use: in.Use, Created: in.created(), LastUpdated: in.lastUpdated()}
	if k.Status == "" {
		k.Status = Active // the default, which keys inside an app may leave out
	}
	for name, value := range members {
		if !isJWKMember(name) || string(value) == "null" || string(value) == `""` { // absent
			delete(members, name)
		}
	}
	jwk, err := json.Marshal(members)
	if err != nil {
		return err
	}
	if public, err := keys.ParsePublic(jwk, keys.Options{}); err == nil {
		k.PublicKey = public
	}
	return nil
}

// isJWKMember reports whether Okta accepts the member of a JWK.
func isJWKMember(name string) bool {
	return slices.Contains([]string{"kty", "kid", "use", "alg", "n", "e", "crv", "x", "y"}, name)
}

// Keys lists an app's public keys, in no particular order, those for encryption
// among them. An app that authenticates without one has none.
func (a *Admin) Keys(ctx context.Context, appID string) ([]Key, error) {
	path, err := appPath(appID, "credentials", string(jwks))
	if err != nil {
		return nil, err
	}
	var raw json.RawMessage
	if err := a.call(ctx, http.MethodGet, path, nil, &raw); err != nil {
		return nil, err
	}
	return parseKeys(raw)
}

// parseKeys reads the three forms in which Okta has listed keys, and an empty
// list.
func parseKeys(raw json.RawMessage) ([]Key, error) {
	var list []Key
	if isObject(raw) {
		var object struct {
			Keys json.RawMessage `json:"keys"`
			JWKS struct {
				Keys json.RawMessage `json:"keys"`
			} `json:"jwks"`
		}
		if json.Unmarshal(raw, &object) != nil {
			return nil, refuse(ErrMalformed, "the list of keys")
		}
		raw = object.Keys
		if raw == nil {
			raw = object.JWKS.Keys
		}
	}
	if len(raw) > 0 && json.Unmarshal(raw, &list) != nil {
		return nil, refuse(ErrMalformed, "the list of keys")
	}
	return list, nil
}

func isObject(raw json.RawMessage) bool { return bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) }

// Key reads one public key by Okta's ID.
func (a *Admin) Key(ctx context.Context, appID, keyID string) (*Key, error) {
	path, err := appPath(appID, "credentials", string(jwks), keyID)
	if err != nil {
		return nil, err
	}
	k := new(Key)
	return k, a.one(ctx, http.MethodGet, path, nil, k, &k.ID)
}

// AddKey registers a public key beside the others, active at once. Adding one
// that is active already is not an error.
//
// Once there is more than one key, every assertion must name its key. So before
// a second one is added, the first must have a kid ([ErrKeyID]), and every
// program must send it, as this module does; that Okta cannot check.
func (a *Admin) AddKey(ctx context.Context, appID string, key *keys.PublicKey) (*Key, error) {
	if _, err := jwk(key, Active); err != nil {
		return nil, err
	}
	list, err := a.Keys(ctx, appID)
	if err != nil {
		return nil, err
	}
	return a.addKey(ctx, appID, list, key)
}

// addKey adds a key to those that have been listed.
func (a *Admin) addKey(ctx context.Context, appID string, list []Key, key *keys.PublicKey) (*Key, error) {
	body, err := jwk(key, Active)
	if err != nil {
		return nil, err
	}
	path, err := appPath(appID, "credentials", string(jwks))
	if err != nil {
		return nil, err
	}
	if found, err := preflight(list, key); found != nil || err != nil {
		return found, err
	}
	added := new(Key)
	err = a.one(ctx, http.MethodPost, path, body, added, &added.ID)
	var refused *Error
	if errors.As(err, &refused) && refused.isRule() {
		return a.noKey(ctx, appID, key, refused)
	}
	if err != nil {
		return nil, err
	}
	return added, nil
}

// jwk returns the public JWK as Okta accepts it: with the members that it would
// otherwise store as null, and without certificates.
func jwk(key *keys.PublicKey, status Status) (json.RawMessage, error) {
	if key == nil {
		return nil, refuse(ErrConfig, "no key")
	}
	if err := checkAlgorithm(key.Algorithm()); err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(key.JWK(), &members); err != nil {
		return nil, err
	}
	for name := range members {
		if !isJWKMember(name) {
			delete(members, name)
		}
	}
	if err := object(members).set("status", status); err != nil {
		return nil, err
	}
	return json.Marshal(members)
}

// checkAlgorithm refuses an algorithm that Okta does not accept.
func checkAlgorithm(alg keys.Algorithm) error {
	switch alg {
	case keys.RS256, keys.RS384, keys.RS512, keys.ES256, keys.ES384, keys.ES512:
		return nil
	}
	return refuse(ErrAlgorithm, "")
}

// preflight returns the key if it is registered and active. Otherwise its error
// says what would make the registration fail, or break the programs that use
// the registered keys.
func preflight(list []Key, key *keys.PublicKey) (*Key, error) {
	if k := under(list, key.Thumbprint(), key.KeyID()); k != nil {
		if k.Status != Active {
			return nil, refuse(ErrInactive, k.ID)
		}
		return k, nil
	}
	for _, k := range list {
		switch {
		case k.Thumbprint() == key.Thumbprint():
			return nil, refuse(ErrKeyID, "the key is registered as "+k.ID+" under another kid or none")
		case k.KeyID == "":
			return nil, refuse(ErrKeyID, "key "+k.ID+" has none: replace it by the same key with a kid (SetAuthentication) before a second one is added")
		case k.KeyID == key.KeyID():
			return nil, refuse(ErrKeyID, "key "+k.ID+" is another one with the same kid: delete it, or give the new key a kid of its own")
		}
	}
	return nil, nil
}

// noKey says why a key was not added, unless it was.
func (a *Admin) noKey(ctx context.Context, appID string, key *keys.PublicKey, refused *Error) (*Key, error) {
	list, err := a.Keys(ctx, appID)
	if err != nil {
		return nil, unexplained(refused, err)
	}
	if found, err := preflight(list, key); found != nil || err != nil {
		return found, err
	}
	if len(list) >= MaxKeys {
		return nil, refused.because(ErrFull, "delete keys that nobody uses")
	}
	app, err := a.App(ctx, appID)
	if err != nil {
		return nil, unexplained(refused, err)
	}
	if app.KeysURL != "" {
		return nil, refused.because(ErrMethod, "its keys are fetched from a URL")
	}
	return nil, refused
}

// ActivateKey makes a public key accepted again. Activating an encryption key
// deactivates the other one.
func (a *Admin) ActivateKey(ctx context.Context, appID, keyID string) error {
	return a.change(ctx, appID, jwks, keyID, activate)
}

// DeactivateKey deactivates a public key; it can be activated again. For the
// only active one it fails with [ErrLastActive].
func (a *Admin) DeactivateKey(ctx context.Context, appID, keyID string) error {
	return a.change(ctx, appID, jwks, keyID, deactivate)
}

// DeleteKey permanently deletes an inactive public key. Deleting one that is
// gone is not an error; for an active one it fails with [ErrActive].
func (a *Admin) DeleteKey(ctx context.Context, appID, keyID string) error {
	return a.change(ctx, appID, jwks, keyID, deletion)
}
