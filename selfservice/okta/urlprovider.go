package okta

import (
	"context"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/jwksurl"
)

// JWKSURL rotates the key of an app whose keys Okta fetches from a URL
// ([Admin.SetAuthentication]). The program publishes at the URL what the
// Rotator holds:
//
//	http.Handle("/jwks.json", &keys.Handler{Keys: rotator.Published})
//
// Nothing at Okta has to change for a new key; its kid distinguishes it.
type JWKSURL struct {
	*Client

	// Cached is how long Okta may keep what it fetched, and a new key waits
	// before it is used; zero: 1 hour. Okta does not say. The Rotator's
	// Overlap should not be shorter.
	Cached time.Duration

	Margin time.Duration // how much later than others some replicas publish a key; zero: 1 minute, the Rotator's Reread
}

var (
	_ selfservice.Registrar = JWKSURL{}
	_ selfservice.Switch    = JWKSURL{}
	_ selfservice.Remover   = JWKSURL{}
)

const defaultCached = time.Hour

// Adopted refuses anything but a key, and a key whose algorithm Okta does not
// accept ([ErrAlgorithm]).
func (JWKSURL) Adopted(c selfservice.Credential) (selfservice.Credential, error) { return adopted(c) }

// List returns nothing: the server keeps no list of its own.
func (p JWKSURL) List(context.Context, selfservice.Credential) ([]selfservice.Registration, error) {
	return nil, nil
}

// Register waits for the key to be published; nothing at Okta changes.
func (p JWKSURL) Register(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
	key, err := c.SigningKey(ctx)
	if err != nil {
		return selfservice.Registration{}, err
	}
	if err := checkAlgorithm(key.Algorithm()); err != nil {
		return selfservice.Registration{}, err
	}
	url, err := p.url(ctx, as)
	if err != nil {
		return selfservice.Registration{}, p.verdict(err)
	}
	return url.Register(ctx, as, c)
}

// Deactivate does nothing: after it, the Rotator no longer publishes the key.
func (p JWKSURL) Deactivate(context.Context, selfservice.Credential, selfservice.Registration) error {
	return nil
}

// Activate does nothing: after it, the Rotator publishes the key again.
func (p JWKSURL) Activate(context.Context, selfservice.Credential, selfservice.Registration) error {
	return nil
}

// Remove waits until the key is no longer published.
func (p JWKSURL) Remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	url, err := p.url(ctx, as)
	if err != nil {
		return p.verdict(err)
	}
	set, err := url.Published(ctx)
	if err != nil {
		return err
	}
	for _, k := range set.Keys {
		if k.Thumbprint() == r.Fingerprint {
			return p.verdict(&Error{Rule: ErrPublished, Wait: 10 * time.Second})
		}
	}
	return nil
}

func (p JWKSURL) url(ctx context.Context, as selfservice.Credential) (*jwksurl.Provider, error) {
	app, err := p.admin(as).App(ctx, p.AppID)
	if err != nil {
		return nil, err
	}
	return p.urlOf(app)
}

func (p JWKSURL) urlOf(app *App) (*jwksurl.Provider, error) {
	if app.KeysURL == "" {
		return nil, refuse(ErrMethod, "it has no JWKS URL")
	}
	cached := p.Cached
	if cached == 0 {
		cached = defaultCached
	}
	return &jwksurl.Provider{URL: app.KeysURL, MaxAge: cached, Margin: p.Margin, Base: p.Org.Base}, nil
}
