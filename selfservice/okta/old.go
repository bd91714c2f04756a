package okta

import (
	"context"

	"github.com/nokkel/nokkel/selfservice"
)

// old deactivates, reactivates and deletes an earlier credential, secrets and
// keys alike. It looks the credential up first: an adopted one has no ID, and
// Okta's calls need one.
type old struct {
	*Client
	of   family
	find func(ctx context.Context, a *Admin, as selfservice.Credential, r selfservice.Registration) (*entry, error) // nil: it is gone
}

func (o old) activate(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	a := o.admin(as)
	found, err := o.find(ctx, a, as, r)
	switch {
	case err != nil:
		return o.verdict(err)
	case found == nil:
		return o.verdict(refuse(ErrNotFound, "the old credential has been deleted"))
	case found.Status == Active:
		return nil
	}
	return o.verdict(a.change(ctx, o.AppID, o.of, found.ID, activate))
}

func (o old) deactivate(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	_, err := o.off(ctx, as, r)
	return o.verdict(err)
}

func (o old) remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	found, err := o.off(ctx, as, r)
	if err == nil && found != nil {
		err = o.admin(as).change(ctx, o.AppID, o.of, found.ID, deletion)
	}
	return o.verdict(err)
}

// off makes the credential inactive.
func (o old) off(ctx context.Context, as selfservice.Credential, r selfservice.Registration) (*entry, error) {
	a := o.admin(as)
	found, err := o.find(ctx, a, as, r)
	if err == nil && found != nil && found.Status == Active {
		err = a.change(ctx, o.AppID, o.of, found.ID, deactivate)
	}
	return found, err
}
