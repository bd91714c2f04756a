package okta

import (
	"context"
	"errors"
	"fmt"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/internal/redact"
	"github.com/nokkel/nokkel/selfservice"
)

var (
	_ selfservice.Checker = JWKS{}
	_ selfservice.Checker = JWKSURL{}
	_ selfservice.Checker = Secrets{}
)

// Check finds out whether a rotation would work: the app authenticates with
// keys that are stored at Okta, the registered keys admit another one, and
// whoever manages the app may change them. No read can show the last, so Check
// activates the active key again, which changes nothing but may appear in
// Okta's System Log.
func (p JWKS) Check(ctx context.Context, as selfservice.Credential) error {
	a := p.admin(as)
	key, err := as.SigningKey(ctx)
	if err != nil {
		return err
	}
	app, err := p.app(ctx, a)
	if err != nil {
		return p.verdict(err)
	}
	switch {
	case app.Method != MethodPrivateKey:
		return p.verdict(refuse(ErrMethod, "by "+string(app.Method)+"; okta.Secrets rotates a secret"))
	case app.KeysURL != "":
		return p.verdict(refuse(ErrMethod, "its keys are at a URL; okta.JWKSURL rotates them"))
	}
	all, err := a.Keys(ctx, p.AppID)
	if err != nil {
		return p.verdict(err)
	}
	var full, changes error
	if len(all) >= MaxKeys {
		full = p.verdict(refuse(ErrFull, "delete keys that nobody uses"))
	}
	active, clash := preflight(all, key.PublicKey())
	if active != nil {
		changes = p.verdict(a.ActivateKey(ctx, p.AppID, active.ID))
	}
	return errors.Join(full, p.verdict(clash), changes)
}

// Check finds out whether a rotation would work: the app authenticates with a
// secret, there is room for another one, or Yield may make some, and whoever
// manages the app sees which secret is which and may change them. No read can
// show the last, so Check activates the active secret again, which changes
// nothing but may appear in Okta's System Log.
//
// During the overlap of the previous secret there is no room: [ErrFull].
func (p Secrets) Check(ctx context.Context, as selfservice.Credential) error {
	a := p.admin(as)
	app, err := p.app(ctx, a)
	if err != nil {
		return p.verdict(err)
	}
	if !app.Method.usesSecret() {
		return p.verdict(refuse(ErrMethod, "by "+string(app.Method)+"; okta.JWKS or okta.JWKSURL rotates its keys"))
	}
	all, err := a.Secrets(ctx, p.AppID)
	if err != nil {
		return p.verdict(err)
	}
	var full, unknown, changes error
	var others []string
	for _, s := range all {
		mine, err := told(all, &s, as)
		switch {
		case err != nil:
			unknown = p.verdict(err)
		case !mine:
			others = append(others, s.describe())
		case s.Status == Active:
			changes = p.verdict(a.ActivateSecret(ctx, p.AppID, s.ID))
		}
	}
	if unknown == nil && len(all) >= MaxSecrets && p.Yield == nil {
		full = p.verdict(noRoom(others))
	}
	return errors.Join(full, unknown, changes)
}

// Check finds out whether a rotation would work: the app fetches its keys from
// a URL, which whoever manages it may read, and the active key is published
// there.
func (p JWKSURL) Check(ctx context.Context, as selfservice.Credential) error {
	app, err := p.app(ctx, p.admin(as))
	if err == nil && app.Method != MethodPrivateKey {
		err = refuse(ErrMethod, "by "+string(app.Method))
	}
	if err != nil {
		return p.verdict(err)
	}
	url, err := p.urlOf(app)
	if err != nil {
		return p.verdict(err)
	}
	set, err := url.Published(ctx)
	if err != nil {
		return err
	}
	for _, k := range set.Keys {
		if k.Thumbprint() == as.Fingerprint() && k.KeyID() == as.KeyID() {
			return nil
		}
	}
	return fmt.Errorf("okta: the active key is not published at %s", redact.Line(app.KeysURL, redact.MaxText))
}

// app reads the app and checks that it is the one that authenticates.
func (c *Client) app(ctx context.Context, a *Admin) (*App, error) {
	app, err := a.App(ctx, c.AppID)
	if err == nil && app.ClientID != c.clientID() {
		err = refuse(ErrConfig, "the app's client_id is not the Client's ClientID or, without one, AppID")
	}
	return app, err
}

// ungranted names the scopes to grant when a token was refused for them.
func ungranted(err error) error {
	var token *assertion.Error
	if errors.As(err, &token) && token.Code == "invalid_scope" {
		return fmt.Errorf("%w: %w", refuse(ErrScope, "grant "+ScopeRead+" and "+ScopeManage+" to the service app"), err)
	}
	return err
}
