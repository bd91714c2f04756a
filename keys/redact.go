package keys

import (
	"fmt"
	"io"
	"log/slog"
)

// String returns the algorithm and key id, never a private part.
func (k *Key) String() string {
	if k == nil || k.public == nil {
		return "keys.Key(none)"
	}
	return "keys.Key(" + string(k.Algorithm()) + " " + k.KeyID() + ")"
}

// GoString returns the same as String: %#v does not look inside.
func (k *Key) GoString() string { return k.String() }

// Format prints String for every verb and flag.
func (k *Key) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// LogValue logs algorithm and key id.
func (k *Key) LogValue() slog.Value {
	if k == nil || k.public == nil {
		return slog.StringValue("none")
	}
	return slog.GroupValue(slog.String("alg", string(k.Algorithm())), slog.String("kid", k.KeyID()))
}

// MarshalJSON returns the *public* JWK. The private one takes an explicit
// call: [Key.PrivateJWK].
func (k *Key) MarshalJSON() ([]byte, error) {
	if k == nil || k.public == nil {
		return []byte("null"), nil
	}
	return k.public.MarshalJSON()
}

// String returns the algorithm and key id.
func (p *PublicKey) String() string {
	if p == nil {
		return "keys.PublicKey(none)"
	}
	return "keys.PublicKey(" + string(p.alg) + " " + p.kid + ")"
}
