package okta

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/nokkel/nokkel/selfservice"
)

// Secrets rotates the client secret of an app. The next one is generated and
// saved locally before Okta learns of it, so a lost reply does no harm. Okta
// has room for two, and accepts both until the old one is deactivated.
type Secrets struct {
	*Client

	// Yield reports whether a secret that takes up one of the two places may be
	// deleted; it is neither the active nor the next one. Inactive ones come
	// first. Nil: none is deleted, and the rotation waits with
	// selfservice.ErrLimit until a person makes room.
	//
	// A secret that a person added may be in use. After two rotations in quick
	// succession, the secret may also be one of this Rotator's whose overlap has
	// not ended: then [Secret.Is] is true of a Fingerprint in Status.Retiring.
	Yield func(ctx context.Context, s Secret) bool
}

var (
	_ selfservice.Registrar   = Secrets{}
	_ selfservice.Switch      = Secrets{}
	_ selfservice.Remover     = Secrets{}
	_ selfservice.Independent = Secrets{}
	_ selfservice.Propagator  = Secrets{}
)

// Adopted refuses anything but a secret.
func (Secrets) Adopted(c selfservice.Credential) (selfservice.Credential, error) {
	return selfservice.OnlySecrets(c)
}

// List returns the registered secrets.
func (p Secrets) List(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
	all, err := p.admin(as).Secrets(ctx, p.AppID)
	if err != nil {
		return nil, p.verdict(err)
	}
	list := make([]selfservice.Registration, len(all))
	for i := range all {
		list[i] = all[i].registration(as)
	}
	return list, nil
}

// registration has a fingerprint if the value is shown, or known to be that of
// c.
func (s *Secret) registration(c selfservice.Credential) selfservice.Registration {
	r := selfservice.Registration{ID: s.ID, Fingerprint: s.Fingerprint(), Inactive: s.Status != Active, Created: s.Created}
	if s.Is(c.Fingerprint()) {
		r.Fingerprint = c.Fingerprint()
	}
	return r
}

// Register adds the secret, or activates it if it is registered and inactive.
func (p Secrets) Register(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
	a := p.admin(as)
	s, err := p.register(ctx, a, as, c)
	if (errors.Is(err, ErrFull) || errors.Is(err, ErrUnknown)) && p.Verify(ctx, c) == nil {
		return selfservice.Registration{Fingerprint: c.Fingerprint()}, nil // it is there, though it cannot be told which it is
	}
	if err != nil {
		return selfservice.Registration{}, p.verdict(err)
	}
	return s.registration(c), nil
}

func (p Secrets) register(ctx context.Context, a *Admin, as, c selfservice.Credential) (*Secret, error) {
	value, err := c.ClientSecret(ctx)
	if err != nil {
		return nil, err
	}
	all, err := a.Secrets(ctx, p.AppID)
	if err != nil {
		return nil, err
	}
	for i := range all {
		switch s := &all[i]; {
		case !s.Is(c.Fingerprint()):
		case s.Status == Active:
			return s, nil
		default:
			s.Status = Active
			return s, a.ActivateSecret(ctx, p.AppID, s.ID)
		}
	}
	if len(all) >= MaxSecrets {
		if err := p.makeRoom(ctx, a, as, all); err != nil {
			return nil, err
		}
	}
	return a.addSecret(ctx, p.AppID, all, value)
}

// makeRoom deletes a secret that is not the active one, if Yield lets it.
func (p Secrets) makeRoom(ctx context.Context, a *Admin, as selfservice.Credential, all []Secret) error {
	slices.SortStableFunc(all, func(a, b Secret) int { return strings.Compare(string(b.Status), string(a.Status)) }) // inactive ones first
	var others []string
	for _, s := range all {
		mine, err := told(all, &s, as)
		switch {
		case err != nil:
			return err
		case mine:
			continue
		case p.Yield == nil || !p.Yield(ctx, s):
			others = append(others, s.describe())
			continue
		}
		return p.drop(ctx, a, as, s, slices.ContainsFunc(all, func(o Secret) bool { return o.Is(as.Fingerprint()) }))
	}
	return noRoom(others)
}

func noRoom(others []string) *Error {
	return refuse(ErrFull, "besides the active one there is "+strings.Join(others, " and ")+
		": the one before goes by itself when its overlap ends; delete another if nobody uses it, or let Secrets.Yield say so")
}

// describe names the secret for the person who may delete it.
func (s *Secret) describe() string {
	return s.ID + " (" + strings.ToLower(string(s.Status)) + ", created " + s.Created.Format("2006-01-02") + ")"
}

// told reports whether s is the secret c. If the value is hidden it compares
// hashes, which is conclusive only if one of those listed is that of c.
func told(all []Secret, s *Secret, c selfservice.Credential) (bool, error) {
	known := slices.ContainsFunc(all, func(o Secret) bool { return o.Is(c.Fingerprint()) })
	if s.Value.IsZero() && !known {
		return false, refuse(ErrUnknown, "secret "+s.ID+": the administrator needs the permission okta.apps.clientCredentials.read")
	}
	return s.Is(c.Fingerprint()), nil
}

// drop deletes a secret, after checking that the active one works without it
// while that can still be undone. That goes for an inactive secret too, which an
// attempt that got no further may have left. But if the active one is not
// registered, it cannot work, and the next one needs the room.
func (p Secrets) drop(ctx context.Context, a *Admin, as selfservice.Credential, s Secret, registered bool) error {
	if err := p.Verify(ctx, as); err != nil && (registered || s.Status == Active) {
		return s.stays(err, "does not work now")
	}
	if s.Status == Active {
		err := a.DeactivateSecret(ctx, p.AppID, s.ID)
		if err == nil {
			err = s.stays(p.Verify(ctx, as), "does not work without it")
		}
		if err != nil { // also of the first call, which may have been carried out
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
			defer cancel()
			return errors.Join(a.ActivateSecret(ctx, p.AppID, s.ID), err)
		}
	}
	return a.DeleteSecret(ctx, p.AppID, s.ID)
}

// stays says why a secret is not deleted. It keeps how long err asks to wait.
func (s *Secret) stays(err error, active string) error {
	if err == nil {
		return nil
	}
	return errors.Join(err, refuse(ErrFull, "secret "+s.ID+" stays, since the active one "+active))
}

// Activate makes an old secret accepted again.
func (p Secrets) Activate(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	return p.old().activate(ctx, as, r)
}

// Deactivate makes Okta refuse a secret, until it is activated again.
func (p Secrets) Deactivate(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	return p.old().deactivate(ctx, as, r)
}

// Remove deletes a secret. It deactivates it first if somebody has activated it
// again.
func (p Secrets) Remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	return p.old().remove(ctx, as, r)
}

func (p Secrets) old() old { return old{p.Client, secrets, p.find} }

// find goes by the value, or by its hash where the value is hidden. The ID is
// the last resort: its value may have changed.
func (p Secrets) find(ctx context.Context, a *Admin, as selfservice.Credential, r selfservice.Registration) ([]entry, error) {
	all, err := a.Secrets(ctx, p.AppID)
	if err != nil {
		return nil, err
	}
	var found []entry
	for _, s := range all {
		if s.Is(r.Fingerprint) {
			found = append(found, entry{s.ID, s.Status})
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	var untold error
	for _, s := range all {
		_, err := told(all, &s, as)
		if err != nil && s.ID == r.ID {
			return []entry{{s.ID, s.Status}}, nil
		}
		untold = errors.Join(untold, err)
	}
	return nil, untold
}
