package keycloak

import (
	"context"
	"slices"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

// Secret rotates a client secret that Keycloak makes.
//
// While a rotation policy applies to the client, the old secret is still accepted
// for the policy's period, which should be longer than the Rotator's overlap.
// Without one the old secret ends as soon as the new one is made, and requests
// fail until the program has the new one; [admin.API.Overlap] reports which case
// it is. A client that manages itself may not do the latter
// ([admin.ErrNoOverlap]), since it could not recover from a lost reply. Use
// [OwnSecret] there.
type Secret struct {
	*Client
	KeepOld bool // refuse an Admin too, where the old secret would end at once
}

// secretMethods returns the methods that use a secret.
func secretMethods() []admin.Method { return []admin.Method{admin.MethodSecret, admin.MethodSecretJWT} }

var (
	_ selfservice.Issuer  = Secret{}
	_ selfservice.Remover = Secret{}
)

// Adopted refuses keys.
func (Secret) Adopted(c selfservice.Credential) (selfservice.Credential, error) {
	return selfservice.OnlySecrets(c)
}

// Propagation returns zero: nodes learn of a new secret within milliseconds.
func (p Secret) Propagation() time.Duration { return 0 }

// List returns the main secret and, if there is one, the rotated one.
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
		list = append(list, registration(info, main))
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

func registration(info *admin.Client, main keys.Secret) selfservice.Registration {
	t := info.SecretTimes()
	return selfservice.Registration{Fingerprint: selfservice.Credential{Secret: main}.Fingerprint(), Created: t.Created, Expires: t.Expires}
}

// overlaps reports whether the old secret must outlive the new one's making.
func (p Secret) overlaps() bool { return p.Admin == nil || p.KeepOld }

// Check is like [OwnSecret.Check]. An Admin needs no policy, unless KeepOld is
// set.
func (p Secret) Check(ctx context.Context, as selfservice.Credential) error {
	return OwnSecret{Client: p.Client, AllowGap: !p.overlaps()}.Check(ctx, as)
}

// Issue has the server make a new secret, or finds the one that was made before a
// reply was lost. Where the old secret must outlive that, and somebody else has
// made a newer one already, it returns the newer one: a third would end the old.
func (p Secret) Issue(ctx context.Context, as selfservice.Credential, before []selfservice.Registration) (selfservice.Credential, selfservice.Registration, error) {
	secret, info, err := p.issue(ctx, as, before)
	if err != nil {
		return selfservice.Credential{}, selfservice.Registration{}, p.verdict(err)
	}
	return selfservice.Credential{Secret: secret}, registration(info, secret), nil
}

func (p Secret) issue(ctx context.Context, as selfservice.Credential, before []selfservice.Registration) (keys.Secret, *admin.Client, error) {
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
	if err := notInVault(main); err != nil {
		return keys.Secret{}, nil, err
	}
	if isNew(main, before) {
		return main, info, nil
	}
	if p.overlaps() {
		switch overlap, err := a.Overlap(ctx, info.ID); {
		case err != nil:
			return keys.Secret{}, nil, err
		case !overlap:
			return keys.Secret{}, nil, refuse(admin.ErrNoOverlap, "no rotation policy applies")
		}
		// Any update renews a main secret that has expired, as Overlap's does.
		if main, err = a.ClientSecret(ctx, info.ID); err != nil {
			return keys.Secret{}, nil, err
		}
	}
	// Only the last main secret outlives the making of a new one. If that is not
	// the one in use, the main one is the newer of the two, and does.
	superseded := p.overlaps() && !main.IsZero() && !main.Equal(as.Secret)
	if !superseded && !isNew(main, before) {
		if main, err = a.RegenerateSecret(ctx, info.ID); err != nil {
			return keys.Secret{}, nil, err
		}
	}
	info, err = a.Client(ctx, info.ID)
	return main, info, err
}

// isNew reports whether a main secret was made since before.
func isNew(main keys.Secret, before []selfservice.Registration) bool {
	fingerprint := selfservice.Credential{Secret: main}.Fingerprint()
	return !main.IsZero() && !slices.ContainsFunc(before, func(r selfservice.Registration) bool { return r.Fingerprint == fingerprint })
}

// notInVault returns an error for a reference to a vault, which must not be
// replaced by a secret.
func notInVault(main keys.Secret) error {
	if admin.InVault(main) {
		return refuse(admin.ErrMode, "its secret is kept in a vault, and a new one would replace the reference")
	}
	return nil
}

// Remove ends the rotated secret, if it is this one.
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
