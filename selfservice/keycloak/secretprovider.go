package keycloak

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
)

// Secret rotates a client secret that Keycloak makes.
//
// While a rotation policy applies to the client the old secret lives on for
// the policy's time, which should be longer than the Rotator's overlap. Without
// one it ends in the instant in which the new one is made, and requests fail
// until the program has it; [Admin.Overlap] tells which it is. A client that
// manages itself is refused that ([ErrNoOverlap]): were the reply lost, it
// could not ask again. [OwnSecret] can do it.
type Secret struct{ *Client }

// secretMethods are the ways to authenticate with a secret.
func secretMethods() []Method { return []Method{MethodSecret, MethodSecretJWT} }

var (
	_ selfservice.Issuer  = Secret{}
	_ selfservice.Remover = Secret{}
)

// Adopted refuses what is no secret.
func (Secret) Adopted(c selfservice.Credential) (selfservice.Credential, error) {
	return selfservice.OnlySecrets(c)
}

// Propagation returns zero: every node knows a new secret at once.
func (p Secret) Propagation() time.Duration { return 0 }

// List returns the main secret and, where there is one, the rotated one.
func (p Secret) List(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
	a, info, err := p.manage(ctx, as, secretMethods()...)
	if err != nil {
		return nil, p.verdict(err)
	}
	main, err := a.ClientSecret(ctx, info.ID)
	if err != nil {
		return nil, p.verdict(err)
	}
	rotated, err := a.RotatedSecret(ctx, info.ID)
	if err != nil {
		return nil, p.verdict(err)
	}
	var list []selfservice.Registration
	if !main.IsZero() {
		list = append(list, info.registration(main))
	}
	if !rotated.IsZero() {
		t := info.SecretTimes()
		list = append(list, selfservice.Registration{
			Fingerprint: selfservice.Credential{Secret: rotated}.Fingerprint(), Created: t.RotatedCreated, Expires: t.RotatedExpires,
			Inactive: !t.RotatedExpires.IsZero() && time.Now().After(t.RotatedExpires), // it is shown on after its end
		})
	}
	return list, nil
}

func (c *ClientInfo) registration(main keys.Secret) selfservice.Registration {
	t := c.SecretTimes()
	return selfservice.Registration{Fingerprint: selfservice.Credential{Secret: main}.Fingerprint(), Created: t.Created, Expires: t.Expires}
}

// Check is that of [OwnSecret]; an Admin needs no policy.
func (p Secret) Check(ctx context.Context, as selfservice.Credential) error {
	return OwnSecret{Client: p.Client, Cut: p.Admin != nil}.Check(ctx, as)
}

// Issue has a new secret made, or finds the one that was made when the reply
// was lost.
func (p Secret) Issue(ctx context.Context, as selfservice.Credential, before []selfservice.Registration) (selfservice.Credential, selfservice.Registration, error) {
	secret, info, err := p.issue(ctx, as, before)
	if err != nil {
		return selfservice.Credential{}, selfservice.Registration{}, p.verdict(err)
	}
	return selfservice.Credential{Secret: secret}, info.registration(secret), nil
}

func (p Secret) issue(ctx context.Context, as selfservice.Credential, before []selfservice.Registration) (keys.Secret, *ClientInfo, error) {
	a, info, err := p.manage(ctx, as, secretMethods()...)
	if err != nil {
		return keys.Secret{}, nil, err
	}
	if err := p.restore(ctx, a, info, secretMethods()...); err != nil {
		return keys.Secret{}, nil, err
	}
	main, err := a.ClientSecret(ctx, info.ID)
	if err != nil {
		return keys.Secret{}, nil, err
	}
	known := func(r selfservice.Registration) bool {
		return r.Fingerprint == selfservice.Credential{Secret: main}.Fingerprint()
	}
	if !main.IsZero() && !slices.ContainsFunc(before, known) {
		return main, info, nil
	}
	if err := notInVault(main); err != nil {
		return keys.Secret{}, nil, err
	}
	if p.Admin == nil {
		switch overlap, err := a.Overlap(ctx, info.ID); {
		case err != nil:
			return keys.Secret{}, nil, err
		case !overlap:
			return keys.Secret{}, nil, refuse(ErrNoOverlap, "no rotation policy applies")
		}
	}
	next, err := a.RegenerateSecret(ctx, info.ID)
	if err != nil {
		return keys.Secret{}, nil, err
	}
	info, err = a.Client(ctx, info.ID)
	return next, info, err
}

// inVault tells a reference to a vault from a secret.
func inVault(secret keys.Secret) bool { return strings.HasPrefix(secret.Reveal(), "${vault.") }

// notInVault refuses to replace a reference to a vault (from 26.6 on) by a
// secret.
func notInVault(main keys.Secret) error {
	if inVault(main) {
		return refuse(ErrMode, "its secret is kept in a vault, and a new one would replace the reference")
	}
	return nil
}

// Remove ends the secret before the main one, if it is this one.
func (p Secret) Remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	a, info, err := p.manage(ctx, as, secretMethods()...)
	if err != nil {
		return p.verdict(err)
	}
	rotated, err := a.RotatedSecret(ctx, info.ID)
	if err == nil && (selfservice.Credential{Secret: rotated}).Fingerprint() == r.Fingerprint {
		err = a.InvalidateRotatedSecret(ctx, info.ID)
	}
	return p.verdict(err)
}

// OwnSecret rotates a client secret that is made here, so that it is saved
// before Keycloak knows it. Under a rotation policy the old one lives on, see
// [Admin.CarryOver].
type OwnSecret struct {
	*Client
	Lifetime time.Duration // of a new secret; zero: 29 days, as a new profile has
	Overlap  time.Duration // how long the one before is accepted; zero: 2 days; longer than the Rotator's

	// Cut allows a rotation where no policy applies: the old secret ends in
	// the instant in which the new one takes its place. False: ErrNoOverlap.
	Cut bool
}

var (
	_ selfservice.Registrar = OwnSecret{}
	_ selfservice.Remover   = OwnSecret{}
)

// Adopted refuses what is no secret.
func (OwnSecret) Adopted(c selfservice.Credential) (selfservice.Credential, error) {
	return selfservice.OnlySecrets(c)
}

// Propagation is that of [Secret].
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

// Check finds out whether the client, or its Admin, may change it, and, unless
// Cut is set, whether a rotation policy lets the old secret live on
// ([ErrNoOverlap]). Under a policy it starts the clock of a secret that has no
// expiry yet, as every update does.
func (p OwnSecret) Check(ctx context.Context, as selfservice.Credential) error {
	info, err := p.check(ctx, as, secretMethods()...)
	if err == nil && !p.Cut && info.SecretTimes().Expires.IsZero() {
		err = refuse(ErrNoOverlap, "no rotation policy applies")
	}
	return err
}

// List is that of [Secret].
func (p OwnSecret) List(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
	return Secret{p.Client}.List(ctx, as)
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
	return info.registration(next), nil
}

func (p OwnSecret) replace(ctx context.Context, a *Admin, info *ClientInfo, active, next keys.Secret) error {
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
		old = active // the main one is of somebody who has not told us
	}
	err = a.CarryOver(ctx, id, old, next, p.lifetime(), p.overlap())
	if p.Cut && errors.Is(err, ErrNoOverlap) {
		err = a.UpdateClient(ctx, id, Change{Secret: next})
		if err == nil {
			main, err = a.ClientSecret(ctx, id)
		}
		if err == nil && !main.Equal(next) {
			err = refuse(ErrLost, "the main secret is another one")
		}
	}
	return err
}

// Remove is that of [Secret].
func (p OwnSecret) Remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	return Secret{p.Client}.Remove(ctx, as, r)
}
