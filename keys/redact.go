package keys

import (
	"fmt"
	"io"
	"log/slog"
)

// These methods have value receivers so that a copied Key (*key, or a field of
// type Key) prints like the *Key it came from.

// String returns the algorithm and key id, never a private part.
func (k Key) String() string {
	if k.public == nil {
		return "keys.Key(none)"
	}
	return "keys.Key(" + string(k.public.alg) + " " + k.public.kid + ")"
}

// GoString returns the same as String: %#v does not look inside.
func (k Key) GoString() string { return k.String() }

// Format prints String for every verb and flag.
func (k Key) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// MarshalJSON returns the *public* JWK, or null for the zero Key. The private
// one takes an explicit call: [Key.PrivateJWK].
func (k Key) MarshalJSON() ([]byte, error) { return k.PublicKey().MarshalJSON() }

// UnmarshalJSON reads a private JWK or JWKS like [Parse]. It refuses what
// MarshalJSON wrote, for no private key is in it ([ErrNoPrivateKey]).
func (k *Key) UnmarshalJSON(data []byte) error {
	parsed, err := Parse(data, Options{})
	if err != nil {
		return err
	}
	*k = *parsed
	return nil
}

// LogValue logs algorithm and key id. Unlike fmt and JSON, slog calls it on
// nil pointers; hence the pointer receiver. A copy is logged by String or
// MarshalJSON.
func (k *Key) LogValue() slog.Value {
	if k == nil || k.public == nil {
		return slog.StringValue("none")
	}
	return slog.GroupValue(slog.String("alg", string(k.Algorithm())), slog.String("kid", k.KeyID()))
}

// String returns the algorithm and key id.
func (p *PublicKey) String() string {
	if p == nil || p.key == nil {
		return "keys.PublicKey(none)"
	}
	return "keys.PublicKey(" + string(p.alg) + " " + p.kid + ")"
}
