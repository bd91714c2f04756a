package keys

import (
	"encoding/json"
	"errors"
	"fmt"
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
// ([ErrPrivateKey]), and so do two keys of one kty and kid ([ErrAmbiguous]).
func ParseSet(data []byte) (Set, error) {
	data, form, err := unwrap(data)
	if err != nil {
		return Set{}, err
	}
	if form != formJSON {
		return Set{}, refuse(ErrMalformed, "not a JWKS")
	}
	return parseSet(data, Options{})
}

func parseSet(data []byte, o Options) (Set, error) {
	raws, err := splitSet(data)
	if err != nil {
		return Set{}, err
	}
	var set Set
	seen := make(map[string]bool, len(raws))
	for _, raw := range raws {
		k, err := readMembers(raw).publicKey(o)
		if errors.Is(err, ErrPrivateKey) {
			return Set{}, err
		}
		if err != nil {
			continue
		}
		name := fmt.Sprintf("%T %s", k.Public(), k.KeyID())
		if seen[name] {
			return Set{}, refuse(ErrAmbiguous, "two keys of one kty and kid in the JWKS")
		}
		seen[name] = true
		set.Keys = append(set.Keys, k)
	}
	return set, nil
}

// parseSetKey finds the one private signing key in a JWKS.
func parseSetKey(data []byte, o Options) (*Key, error) {
	raws, err := splitSet(data)
	if err != nil {
		return nil, err
	}
	var found *Key
	for _, raw := range raws {
		k, err := readMembers(raw).key(o)
		switch {
		case err != nil && len(raws) == 1:
			return nil, err // says more than "none"
		case err != nil:
		case found != nil:
			return nil, refuse(ErrAmbiguous, "the JWKS holds several private keys")
		default:
			found = k
		}
	}
	if found == nil {
		return nil, refuse(ErrNoPrivateKey, "the JWKS holds no usable one")
	}
	return found, nil
}

// splitSet returns the JWKs of a JWKS. Each is read for itself, so that one
// bad key does not cost the others.
func splitSet(data []byte) ([]json.RawMessage, error) {
	var raws []json.RawMessage
	set, ok := setObject(data)
	if !ok || set["keys"] == nil || json.Unmarshal(set["keys"], &raws) != nil || raws == nil {
		return nil, refuse(ErrMalformed, "not a JWKS: one JSON object with an array of keys")
	}
	if len(raws) > maxSetKeys {
		return nil, refuse(ErrTooLarge, "more than 1000 keys in the JWKS")
	}
	return raws, nil
}

// Key returns the key of that kid, or nil.
func (s Set) Key(kid string) *PublicKey {
	for _, k := range s.Keys {
		if k != nil && k.kid == kid {
			return k
		}
	}
	return nil
}

// MarshalJSON returns {"keys":[…]} with public members only. Nil keys and
// zero ones are left out.
func (s Set) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 16+512*len(s.Keys)), `{"keys":[`...)
	for _, k := range s.Keys {
		if k == nil || k.key == nil {
			continue
		}
		if b[len(b)-1] == '}' {
			b = append(b, ',')
		}
		b = append(k.appendMembers(b), '}')
	}
	return append(b, "]}"...), nil
}

// UnmarshalJSON reads a JWKS like [ParseSet].
func (s *Set) UnmarshalJSON(data []byte) error {
	parsed, err := ParseSet(data)
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}
