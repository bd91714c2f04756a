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
	find func(ctx context.Context, a *Admin, as selfservice.Credential, r selfservice.Registration) ([]entry, error) // none: it is gone
}

func (o old) activate(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	a := o.admin(as)
	found, err := o.find(ctx, a, as, r)
	if err == nil && len(found) == 0 {
		err = refuse(ErrNotFound, "the old credential has been deleted")
	}
	for _, e := range found {
		if err == nil && e.Status != Active {
			err = a.change(ctx, o.AppID, o.of, e.ID, activate)
		}
	}
	return o.verdict(err)
}

func (o old) deactivate(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	_, err := o.off(ctx, as, r)
	return o.verdict(err)
}

func (o old) remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	found, err := o.off(ctx, as, r)
	for _, e := range found {
		if err == nil {
			err = o.admin(as).change(ctx, o.AppID, o.of, e.ID, deletion)
		}
	}
	return o.verdict(err)
}

// off makes the credential inactive.
func (o old) off(ctx context.Context, as selfservice.Credential, r selfservice.Registration) ([]entry, error) {
	a := o.admin(as)
	found, err := o.find(ctx, a, as, r)
	for _, e := range found {
		if err == nil && e.Status == Active {
			err = a.change(ctx, o.AppID, o.of, e.ID, deactivate)
		}
	}
	return found, err
}
