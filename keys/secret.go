package keys

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Secret is a shared client secret (RFC 6749 §2.3.1) that does not print
// itself, not even to reflection. The zero value is no secret. Secrets compare
// with [Secret.Equal]; == and reflect.DeepEqual hold only between copies of one
// Secret.
type Secret struct {
	value *func() string // reflection cannot look into a func; the pointer keeps Secrets comparable
}

// SecretSource gives the client secret of the moment. A [Secret] is one
// (always itself) and so is a selfservice.Rotator.
type SecretSource interface {
	ClientSecret(ctx context.Context) (Secret, error)
}

// NewSecret wraps a secret; the empty string gives the zero Secret.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	reveal := func() string { return value }
	return Secret{&reveal}
}

// Reveal returns the secret itself.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return (*s.value)()
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.value == nil }

// Equal reports, in constant time, whether both hold the same secret. Two absent
// ones are equal: where a request is authenticated, refuse those first.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// ClientSecret returns the secret itself: a Secret is a [SecretSource] that
// never changes.
func (s Secret) ClientSecret(context.Context) (Secret, error) { return s, nil }

const redacted = "[redacted]"

// String returns a fixed text, never the secret.
func (s Secret) String() string { return redacted }

// GoString returns the same as String.
func (s Secret) GoString() string { return redacted }

// Format prints String for every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// LogValue logs a fixed text.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON returns a fixed text; storing a secret takes [Secret.Reveal].
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
