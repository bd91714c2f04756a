package keycloak

import (
	"context"
	"errors"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

// OwnSecret rotates a client secret that is made here, so that it is saved before
// Keycloak knows it. Under a rotation policy the old one is still accepted, see
// [admin.API.CarryOver].
type OwnSecret struct {
	*Client
	Lifetime time.Duration // of a new secret; zero: 29 days, as a new profile has
	Overlap  time.Duration // how long the old one is still accepted; zero: 2 days; longer than the Rotator's

	// AllowGap allows a rotation while no policy applies: the old secret ends as
	// soon as the new one is stored. False: such a rotation fails with
	// [admin.ErrNoOverlap].
	AllowGap bool
}

var (
	_ selfservice.Registrar = OwnSecret{}
	_ selfservice.Remover   = OwnSecret{}
)

// Adopted refuses keys.
func (OwnSecret) Adopted(c selfservice.Credential) (selfservice.Credential, error) {
	return selfservice.OnlySecrets(c)
}

// Propagation returns zero: nodes learn of a new secret within milliseconds.
func (p OwnSecret) Propagation() time.Duration { return 0 }

func (p OwnSecret) lifetime() time.Duration {
	if p.Lifetime == 0 {
		return 29 * 24 * time.Hour
	}
	return p.Lifetime
}

func (p OwnSecret) overlap() time.Duration {
	if p.Overlap == 0 {
		return 48 * time.Hour
	}
	return p.Overlap
}

// Check returns an error if the client, or its Admin, may not update the client,
// or if no rotation policy applies ([admin.ErrNoOverlap]) and AllowGap is not
// set. Under a policy it starts the clock of a secret without an expiry, and
// renews one that has expired, as every update does.
func (p OwnSecret) Check(ctx context.Context, as selfservice.Credential) error {
	info, err := p.check(ctx, as, secretMethods()...)
	if err == nil && !p.AllowGap && info.SecretTimes().Expires.IsZero() {
		err = refuse(admin.ErrNoOverlap, "no rotation policy applies")
	}
	return err
}

// List is like [Secret.List].
func (p OwnSecret) List(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
	return Secret{Client: p.Client}.List(ctx, as)
}

// Register makes the secret the main one.
func (p OwnSecret) Register(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
	next, err := c.ClientSecret(ctx)
	if err != nil {
		return selfservice.Registration{}, err
	}
	a, info, err := p.manage(ctx, as, secretMethods()...)
	if err != nil {
		return selfservice.Registration{}, p.verdict(err)
	}
	if err := p.restore(ctx, a, info, secretMethods()...); err != nil {
		return selfservice.Registration{}, p.verdict(err)
	}
	if err := p.replace(ctx, a, info, as.Secret, next); err != nil {
		return selfservice.Registration{}, p.verdict(err)
	}
	if info, err = a.Client(ctx, info.ID); err != nil {
		return selfservice.Registration{}, p.verdict(err)
	}
	return registration(info, next), nil
}

func (p OwnSecret) replace(ctx context.Context, a *admin.API, info *admin.Client, active, next keys.Secret) error {
	id := info.ID
	main, err := a.ClientSecret(ctx, id)
	if err != nil || main.Equal(next) {
		return err
	}
	if err := notInVault(main); err != nil {
		return err
	}
	rotated, err := a.RotatedSecret(ctx, id)
	if err != nil {
		return err
	}
	old := main
	if active.Equal(rotated) && time.Now().Before(info.SecretTimes().RotatedExpires) {
		old = active // somebody else made the main one
	}
	err = a.CarryOver(ctx, id, old, next, p.lifetime(), p.overlap())
	if p.AllowGap && errors.Is(err, admin.ErrNoOverlap) {
		err = a.UpdateClient(ctx, id, admin.Change{Secret: next})
		if err == nil {
			main, err = a.ClientSecret(ctx, id)
		}
		if err == nil && !main.Equal(next) {
			err = refuse(admin.ErrLost, "the main secret is another one")
		}
	}
	return err
}

// Remove is like [Secret.Remove].
func (p OwnSecret) Remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	return Secret{Client: p.Client}.Remove(ctx, as, r)
}
