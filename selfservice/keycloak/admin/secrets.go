package admin

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/nokkel/nokkel/keys"
)

// InVault reports whether a secret is a reference to one that the server keeps
// in a vault (from 26.6 on).
func InVault(secret keys.Secret) bool { return strings.HasPrefix(secret.Reveal(), "${vault.") }

// isMask reports whether s is the asterisks that servers show in place of a secret.
func isMask(s string) bool { return s != "" && strings.Trim(s, "*") == "" }

type secretAnswer struct {
	Value string `json:"value"`
}

func (s secretAnswer) secret() (keys.Secret, error) {
	if isMask(s.Value) {
		return keys.Secret{}, refuse(ErrMasked, "")
	}
	return keys.NewSecret(s.Value), nil
}

// ClientSecret returns the client's main secret, zero if it has none.
func (a *API) ClientSecret(ctx context.Context, id string) (keys.Secret, error) {
	var answer secretAnswer
	if err := a.get(ctx, a.realm("clients", id, "client-secret"), nil, &answer); err != nil {
		return keys.Secret{}, err
	}
	return answer.secret()
}

// RegenerateSecret has the server make a new main secret. While a rotation
// policy applies to the client, the old one is accepted as the rotated secret
// for the policy's period; otherwise it ends at once. If the reply is lost,
// [API.ClientSecret] returns the new secret.
func (a *API) RegenerateSecret(ctx context.Context, id string) (keys.Secret, error) {
	info, err := a.Client(ctx, id)
	if err != nil {
		return keys.Secret{}, err
	}
	if err := info.confidential(); err != nil {
		return keys.Secret{}, err // the server would make a secret even for those
	}
	var answer secretAnswer
	if err := a.exchange(ctx, http.MethodPost, a.realm("clients", id, "client-secret"), nil, &answer); err != nil {
		return keys.Secret{}, err
	}
	return answer.secret()
}

// RotatedSecret returns the secret before the main one, zero if there is none.
// The server may show it longer than it accepts it, see [Client.SecretTimes].
func (a *API) RotatedSecret(ctx context.Context, id string) (keys.Secret, error) {
	var answer secretAnswer
	err := a.get(ctx, a.realm("clients", id, "client-secret", "rotated"), nil, &answer)
	if errors.Is(err, ErrNotFound) {
		_, err := a.Client(ctx, id) // perhaps it is the client that is not there
		return keys.Secret{}, err
	}
	if err != nil {
		return keys.Secret{}, err
	}
	return answer.secret()
}

// InvalidateRotatedSecret ends the secret before the main one. It is idempotent.
func (a *API) InvalidateRotatedSecret(ctx context.Context, id string) error {
	return a.exchange(ctx, http.MethodDelete, a.realm("clients", id, "client-secret", "rotated"), nil, nil)
}

// Overlap reports whether a rotation policy applies to the client, so that its
// old secret is accepted beside a new one. Only the effect of an update shows
// that, so Overlap makes one that changes nothing else. If no policy applies,
// the update ends a rotated secret that a former policy left behind.
func (a *API) Overlap(ctx context.Context, id string) (bool, error) {
	info, err := a.touch(ctx, id)
	return err == nil && !info.SecretTimes().Expires.IsZero(), err
}

// touch makes an update that changes nothing, and returns the client as it is then.
func (a *API) touch(ctx context.Context, id string) (*Client, error) {
	if err := a.UpdateClient(ctx, id, Change{}); err != nil {
		return nil, err
	}
	return a.Client(ctx, id)
}

// CarryOver makes next the main secret and old the rotated one, in one update.
// Both are accepted until the overlap ends, so that a secret which was made and
// saved here replaces another without a gap. A rotation policy must apply to the
// client ([ErrNoOverlap] otherwise); lifetime and overlap replace its periods.
// Keycloak does not document this use. The contract tests check it on every
// version that this package names.
func (a *API) CarryOver(ctx context.Context, id string, old, next keys.Secret, lifetime, overlap time.Duration) error {
	switch {
	case old.IsZero() || next.IsZero() || old.Equal(next):
		return refuse(ErrConfig, "two different secrets are needed")
	case isMask(old.Reveal()) || isMask(next.Reveal()):
		return refuse(ErrMasked, "the mask is not a secret")
	case len(next.Reveal()) < minSecret:
		return refuse(ErrConfig, "a secret of fewer than 32 characters")
	case overlap < time.Second || lifetime <= overlap:
		return refuse(ErrConfig, "the overlap must be a second at least and shorter than the lifetime")
	}
	info, err := a.touch(ctx, id)
	if err != nil {
		return err
	}
	if info.SecretTimes().Expires.IsZero() {
		return refuse(ErrNoOverlap, "")
	}
	now := time.Now()
	if info.SecretTimes().Created.Sub(now) > overlap {
		return refuse(ErrConfig, "the secret was made in the future: the clock of this machine is wrong") // and both would end at once
	}
	err = a.update(ctx, info, Change{Secret: next, Attributes: map[string]string{
		rotatedSecret:  old.Reveal(),
		rotatedCreated: unix(now), rotatedExpires: unix(now.Add(overlap)),
		secretCreated: unix(now), secretExpires: unix(now.Add(lifetime)),
	}})
	if err != nil {
		return err
	}
	return a.confirmSecrets(ctx, id, next, old)
}

// confirmSecrets checks that the server kept the secrets: meanwhile somebody may
// have removed the policy or updated the client.
func (a *API) confirmSecrets(ctx context.Context, id string, main, rotated keys.Secret) error {
	got, err := a.ClientSecret(ctx, id)
	if err != nil {
		return err
	}
	if !got.Equal(main) {
		return refuse(ErrLost, "the main secret is another one")
	}
	got, err = a.RotatedSecret(ctx, id)
	if err != nil {
		return err
	}
	if !got.Equal(rotated) {
		return refuse(ErrNoOverlap, "the old secret was not kept")
	}
	return nil
}

// minSecret is the length of 128 random bits in hex. The server accepts any.
const minSecret = 32
