package selfservice

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/nokkel/nokkel/keys"
)

// Credential is what a client proves itself with: a private key or a shared
// secret, exactly one of the two. It prints without either.
type Credential struct {
	Key    *keys.Key
	Secret keys.Secret
}

// IsZero reports whether there is neither key nor secret.
func (c Credential) IsZero() bool { return c.Key == nil && c.Secret.IsZero() }

// Fingerprint identifies the credential without revealing it: the RFC 7638
// thumbprint of a key, or base64url(SHA-256) of a secret.
func (c Credential) Fingerprint() string {
	if c.Key != nil {
		return c.Key.Thumbprint()
	}
	if c.Secret.IsZero() {
		return ""
	}
	sum := sha256.Sum256([]byte(c.Secret.Reveal()))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// KeyID returns the key's "kid"; empty for a secret.
func (c Credential) KeyID() string {
	if c.Key == nil {
		return ""
	}
	return c.Key.KeyID()
}

// SigningKey returns the key: a Credential is a keys.Source that never
// changes.
func (c Credential) SigningKey(context.Context) (*keys.Key, error) {
	if c.Key == nil {
		return nil, errSecret
	}
	return c.Key, nil
}

// ClientSecret returns the secret: a Credential is a keys.SecretSource that
// never changes.
func (c Credential) ClientSecret(context.Context) (keys.Secret, error) {
	if c.Secret.IsZero() {
		return keys.Secret{}, errKey
	}
	return c.Secret, nil
}

// The two ways to be of the wrong kind.
var (
	errSecret = fmt.Errorf("%w: the credential is a secret, not a key", ErrConfig)
	errKey    = fmt.Errorf("%w: the credential is a key, not a secret", ErrConfig)
)

// OnlyKeys implements [Adopter] for a server that takes only keys: it refuses a
// secret with [ErrConfig].
func OnlyKeys(c Credential) (Credential, error) {
	_, err := c.SigningKey(context.Background())
	return c, err
}

// OnlySecrets implements [Adopter] for a server that takes only secrets: it
// refuses a key with [ErrConfig].
func OnlySecrets(c Credential) (Credential, error) {
	_, err := c.ClientSecret(context.Background())
	return c, err
}

func (c Credential) check() error {
	if (c.Key == nil) == c.Secret.IsZero() {
		return errors.New("selfservice: a credential is a key or a secret, exactly one")
	}
	if !utf8.ValidString(c.Secret.Reveal()) {
		return errors.New("selfservice: a secret must be UTF-8 (RFC 6749 appendix A.2 allows no more than ASCII)") // JSON would change it
	}
	return nil
}
