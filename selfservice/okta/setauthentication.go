package okta

import (
	"context"
	"slices"
	"strings"

	"github.com/nokkel/nokkel/keys"
)

// Loss is a registered credential that a change of the app deletes permanently.
type Loss struct {
	ID     string // of the secret or key
	Status Status
	KeyID  string // "kid" of a key
}

// Losses returns what [Admin.SetAuthentication] would delete: another method
// deletes all client secrets, and a URL, another method, or a set without them
// all stored keys.
func (a *Admin) Losses(ctx context.Context, appID string, to Authentication) ([]Loss, error) {
	if err := to.check(); err != nil {
		return nil, err
	}
	app, err := a.App(ctx, appID)
	if err != nil {
		return nil, err
	}
	return a.losses(ctx, app, to)
}

func (a *Admin) losses(ctx context.Context, app *App, to Authentication) ([]Loss, error) {
	var list []Loss
	if app.Method.usesSecret() && to.Method != app.Method {
		all, err := a.Secrets(ctx, app.ID)
		if err != nil {
			return nil, err
		}
		for _, s := range all {
			list = append(list, Loss{ID: s.ID, Status: s.Status})
		}
	}
	if app.Method != MethodPrivateKey && to.Method != MethodPrivateKey {
		return list, nil
	}
	all, err := a.Keys(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		stays := k.Use == encryption && len(to.Keys.Keys) > 0 || slices.ContainsFunc(to.Keys.Keys, func(p *keys.PublicKey) bool { return p.Thumbprint() == k.Thumbprint() })
		if !stays {
			list = append(list, Loss{ID: k.ID, Status: k.Status, KeyID: k.KeyID})
		}
	}
	return list, nil
}

// SetAuthentication changes how an app authenticates, which takes effect at
// once. It can delete secrets and keys for good, and programs that use them
// fail from then on. So confirmed must name all of them, by their IDs as
// [Admin.Losses] returns them; otherwise nothing is changed, and the error is
// [ErrUnconfirmed].
//
// The keys that remain get new IDs. An app that switches back to a secret gets
// a new one, which [Admin.Secrets] shows. [ErrLost] means that somebody else
// updated the app at the same time.
func (a *Admin) SetAuthentication(ctx context.Context, appID string, to Authentication, confirmed []string) error {
	if err := to.check(); err != nil {
		return err
	}
	app, err := a.App(ctx, appID)
	if err != nil {
		return err
	}
	losses, err := a.losses(ctx, app, to)
	if err != nil {
		return err
	}
	var unnamed []string
	for _, l := range losses {
		if !slices.Contains(confirmed, l.ID) {
			unnamed = append(unnamed, l.ID)
		}
	}
	if len(unnamed) > 0 {
		return refuse(ErrUnconfirmed, strings.Join(unnamed, ", "))
	}
	if err := a.replace(ctx, app, to); err != nil {
		return err
	}
	if app, err = a.App(ctx, appID); err != nil {
		return err
	}
	if !app.has(to) {
		return refuse(ErrLost, "another administrator wrote the app")
	}
	return nil
}

// has reports whether the app authenticates as to says.
func (app *App) has(to Authentication) bool {
	if app.Method != to.Method {
		return false
	}
	if to.Method != MethodPrivateKey {
		return true
	}
	for _, k := range to.Keys.Keys {
		if !slices.ContainsFunc(app.Keys, func(s Key) bool { return s.Thumbprint() == k.Thumbprint() && s.KeyID == k.KeyID() }) {
			return false
		}
	}
	return app.KeysURL == to.KeysURL
}
