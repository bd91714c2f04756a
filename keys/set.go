package keys

import (
	"errors"

	"github.com/go-jose/go-jose/v4/json"
)

// maxSetKeys bounds a JWKS; more is no honest set.
const maxSetKeys = 1000

// Set is a JWK Set (RFC 7517 §5) of public signing keys, in order.
type Set struct {
	Keys []*PublicKey
}

// ParseSet reads a JWKS of at most 64 KiB. As RFC 7517 §5 asks, keys that this
// package cannot use (other types, other purposes, out of range, unparsable)
// are left out; private or symmetric members refuse the whole set
// ([ErrPrivateKey]), and so do two keys of one kid ([ErrAmbiguous]).
func ParseSet(data []byte) (Set, error) {
	data, form, err := unwrap(data)
	if err != nil {
		return Set{}, err
	}
	if form != formJSON {
		return Set{}, refuse(ErrMalformed, "not a JWKS")
	}
	raws, err := splitSet(data)
	if err != nil {
		return Set{}, err
	}
	var set Set
	seen := make(map[string]bool, len(raws))
	for _, raw := range raws {
		k, err := parseJSONPublic(raw, Options{})
		if errors.Is(err, ErrPrivateKey) {
			return Set{}, err
		}
		if err != nil {
			continue
		}
		if seen[k.KeyID()] {
			return Set{}, refuse(ErrAmbiguous, "two keys of one kid in the JWKS")
		}
		seen[k.KeyID()] = true
		set.Keys = append(set.Keys, k)
	}
	return set, nil
}

// Key returns the key of that kid, or nil.
func (s Set) Key(kid string) *PublicKey {
	for _, k := range s.Keys {
		if k.KeyID() == kid {
			return k
		}
	}
	return nil
}

// MarshalJSON returns {"keys":[…]} with public members only.
func (s Set) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 16+512*len(s.Keys)), `{"keys":[`...)
	for i, k := range s.Keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(k.appendMembers(b), '}')
	}
	return append(b, "]}"...), nil
}

func splitSet(data []byte) ([]json.RawMessage, error) {
	var s struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(data, &s) != nil || s.Keys == nil {
		return nil, refuse(ErrMalformed, "neither a JWK (no kty) nor a JWKS (no keys)")
	}
	if len(*s.Keys) > maxSetKeys {
		return nil, refuse(ErrTooLarge, "more than 1000 keys in the JWKS")
	}
	return *s.Keys, nil
}
