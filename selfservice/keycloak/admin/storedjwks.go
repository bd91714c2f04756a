package admin

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"

	strict "github.com/go-jose/go-jose/v4/json" // case-sensitive, no duplicate members

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak/internal/signing"
)

// jwks is a stored JWKS, with every key and other member as it was written. The
// server stores any text, and finds no key in a malformed one, so that
// everything written goes through this type.
type jwks struct {
	Keys   []json.RawMessage
	others map[string]json.RawMessage
}

// MarshalJSON returns the text to store.
func (j jwks) MarshalJSON() ([]byte, error) {
	list, err := json.Marshal(append([]json.RawMessage{}, j.Keys...))
	if err != nil {
		return nil, err
	}
	members := map[string]json.RawMessage{}
	maps.Copy(members, j.others)
	members["keys"] = list
	return json.Marshal(members)
}

// jwks returns the stored JWKS. It is empty if somebody cleared the keys of a
// client that signs, so that new ones can be added.
func (c *Client) jwks() (jwks, error) {
	switch {
	case c.Attributes[useJWKSURL] == "true":
		return jwks{}, refuse(ErrMode, "its keys are at a URL")
	case c.Attributes[useJWKSString] != "true" && (c.Attributes[storedCertificate] != "" || c.Attributes[storedPublicKey] != ""):
		return jwks{}, refuse(ErrMode, "it has a certificate or a public key, and no JWKS")
	case c.Attributes[useJWKSString] != "true" && c.Method != MethodSignedJWT:
		return jwks{}, refuse(ErrMode, "it has no JWKS stored")
	case c.Attributes[useJWKSString] != "true" || c.Attributes[jwksString] == "":
		return jwks{}, nil
	}
	text := []byte(c.Attributes[jwksString])
	var document jwks
	if len(text) > maxJWKS || strict.Unmarshal(text, &map[string]any{}) != nil || json.Unmarshal(text, &document.others) != nil ||
		json.Unmarshal(document.others["keys"], &document.Keys) != nil || document.Keys == nil {
		return jwks{}, refuse(ErrMalformed, "the stored JWKS")
	}
	for _, raw := range document.Keys {
		if _, err := keys.ParsePublic(raw, keys.Options{}); errors.Is(err, keys.ErrPrivateKey) {
			return jwks{}, refuse(ErrMalformed, "a private key in the stored JWKS")
		}
	}
	return document, nil
}

// add appends a key. The server looks keys up by kid, so that one of two keys
// with the same kid is never found.
func (j *jwks) add(key *keys.PublicKey) error {
	if !signing.Known(key.Algorithm()) {
		return refuse(ErrAlgorithm, signing.UnknownText)
	}
	for _, raw := range j.Keys {
		var other struct {
			Kid string `json:"kid"`
		}
		if json.Unmarshal(raw, &other) == nil && other.Kid == key.KeyID() {
			return refuse(ErrConfig, "two keys with one kid")
		}
	}
	j.Keys = append(j.Keys, key.JWK())
	return nil
}

// remove removes all entries of the key with that thumbprint. It reports whether
// there was one.
func (j *jwks) remove(thumbprint string) bool {
	before := len(j.Keys)
	j.Keys = slices.DeleteFunc(j.Keys, func(raw json.RawMessage) bool {
		key, err := keys.ParsePublic(raw, keys.Options{})
		return err == nil && key.Thumbprint() == thumbprint
	})
	return len(j.Keys) < before
}

// public returns the keys that this module supports. In a set made by hand two
// of them may share a kid, or be equal.
func (j jwks) public() []*keys.PublicKey { return parse(j.Keys) }

// used returns those of them that the server uses: the ones with "use":"sig".
func (j jwks) used() []*keys.PublicKey {
	return parse(slices.DeleteFunc(slices.Clone(j.Keys), func(raw json.RawMessage) bool { return !signing.Used(raw) }))
}

func parse(raws []json.RawMessage) (list []*keys.PublicKey) {
	for _, raw := range raws {
		if key, err := keys.ParsePublic(raw, keys.Options{}); err == nil {
			list = append(list, key)
		}
	}
	return list
}

// find returns the keys with that thumbprint that the server uses.
func (j jwks) find(thumbprint string) []*keys.PublicKey {
	return slices.DeleteFunc(j.used(), func(k *keys.PublicKey) bool { return k.Thumbprint() != thumbprint })
}
