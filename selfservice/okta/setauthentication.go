package okta

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/nokkel/nokkel/keys"
	internal "github.com/nokkel/nokkel/selfservice/internal/rest"
)

// Loss is a registered credential that a change of the app deletes permanently.
type Loss struct {
	ID     string // of the secret or key
	Status Status
	KeyID  string // "kid" of a key
}

// Losses returns what [Admin.SetAuthentication] would delete: another method
// deletes all client secrets, and a URL, another method, or a set without them
// all stored keys. A key that has another kid in the set is another one to the
// programs that send it.
func (a *Admin) Losses(ctx context.Context, appID string, to Authentication) ([]Loss, error) {
	if err := to.check(); err != nil {
		return nil, err
	}
	app, err := a.App(ctx, appID)
	if err != nil {
		return nil, err
	}
	list, _, err := a.losses(ctx, app, to)
	return list, err
}

// losses returns the stored keys too, if keys are what the app has or is to have.
func (a *Admin) losses(ctx context.Context, app *App, to Authentication) (list []Loss, stored []Key, err error) {
	if app.Method.usesSecret() && to.Method != app.Method {
		all, err := a.Secrets(ctx, app.ID)
		if err != nil {
			return nil, nil, err
		}
		for _, s := range all {
			list = append(list, Loss{ID: s.ID, Status: s.Status})
		}
	}
	if app.Method != MethodPrivateKey && to.Method != MethodPrivateKey {
		return list, nil, nil
	}
	if stored, err = a.Keys(ctx, app.ID); err != nil {
		return nil, nil, err
	}
	for _, k := range stored {
		stays := k.Use == encryption && len(to.Keys.Keys) > 0 || slices.ContainsFunc(to.Keys.Keys, func(p *keys.PublicKey) bool {
			return p.Thumbprint() == k.Thumbprint() && (p.KeyID() == k.KeyID || k.KeyID == "")
		})
		if !stays {
			list = append(list, Loss{ID: k.ID, Status: k.Status, KeyID: k.KeyID})
		}
	}
	return list, stored, nil
}

// SetAuthentication changes how an app authenticates, which takes effect at
// once. It can delete secrets and keys for good, and programs that use them
// fail from then on. So confirmed must name all of them, by their IDs as
// [Admin.Losses] returns them; otherwise nothing is changed, and the error is
// [ErrUnconfirmed].
//
// The keys that remain get new IDs. Those that are inactive stay so: use
// [Admin.ActivateKey]; if there are no others, the error is [ErrInactive]. An app
// that switches back to a secret gets a new one, which [Admin.Secrets] shows.
//
// [ErrLost] means that somebody else updated the app at the same time. A change
// may not reach all of Okta's servers at once, so it takes 7 s to be sure.
//
// Between a secret and a key there is no overlap. To move a running service, give
// every replica an [assertion.Moving] over the secret and a Rotator, with one
// store for all, and have the Rotator adopt a key: it is saved then, before Okta
// knows it. Only then make this call. A replica that needs a token is refused
// once and goes on with the key; nothing that Okta documents ends the tokens
// already issued. A replica without a Moving fails as its token expires.
func (a *Admin) SetAuthentication(ctx context.Context, appID string, to Authentication, confirmed []string) error {
	if err := to.check(); err != nil {
		return err
	}
	app, err := a.App(ctx, appID)
	if err != nil {
		return err
	}
	losses, stored, err := a.losses(ctx, app, to)
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
	active := func(k *keys.PublicKey) bool { return statusOf(k, stored) == Active }
	if len(to.Keys.Keys) > 0 && !slices.ContainsFunc(to.Keys.Keys, active) {
		return refuse(ErrInactive, "all keys that the app is to have")
	}
	if err := a.replace(ctx, app, stored, to); err != nil {
		return err
	}
	return a.await(ctx, appID, to)
}

// statusOf returns the status that a key is to have: what it has among those that
// are stored, under its own kid or else under others. A new one is active.
func statusOf(key *keys.PublicKey, stored []Key) Status {
	same := slices.DeleteFunc(slices.Clone(stored), func(k Key) bool { return k.Thumbprint() != key.Thumbprint() })
	if k := under(same, key.Thumbprint(), key.KeyID()); k != nil {
		return k.Status
	}
	if len(same) == 0 || slices.ContainsFunc(same, func(k Key) bool { return k.Status == Active }) {
		return Active
	}
	return Inactive
}

// longestWait is the last of the waits before a change counts as lost: 1 s, 2 s
// and 4 s.
const longestWait = 4 * time.Second

// await reads the app until it authenticates as to says. The server that answers
// may not have learned of the change yet.
func (a *Admin) await(ctx context.Context, appID string, to Authentication) error {
	for wait := time.Second; ; wait *= 2 {
		app, err := a.App(ctx, appID)
		switch {
		case err != nil || app.has(to):
			return err
		case wait > longestWait:
			return refuse(ErrLost, "another administrator wrote the app")
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return internal.Wrap("okta", ctx.Err())
		}
	}
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
		if under(app.Keys, k.Thumbprint(), k.KeyID()) == nil {
			return false
		}
	}
	return app.KeysURL == to.KeysURL
}
