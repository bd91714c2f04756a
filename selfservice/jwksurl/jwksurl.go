// Package jwksurl rotates the key of a client whose authorization server
// fetches a JWKS (RFC 7591 "jwks_uri"): there is nothing to call. A new key is
// published, becomes usable when every cached copy has been renewed, signs,
// and is unpublished after its successor has taken over: when the Rotator retires
// it. A server may accept it until its own copy has been renewed.
//
//	provider := &jwksurl.Provider{
//		URL:   "https://app.example.no/jwks",
//		Token: func(ctx context.Context, key keys.Source) error { … get a token with key … },
//	}
//	rotator := &selfservice.Rotator{Provider: provider, Store: store}
//	http.Handle("/jwks", &keys.Handler{Keys: rotator.Published, MaxAge: provider.MaxAge})
//
// Any replica can answer, since what is published is what the store holds.
package jwksurl

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/rest"
)

// Provider is a selfservice.Provider for keys that are published at a URL.
type Provider struct {
	// URL is where the server fetches the JWKS: https, or http on loopback. A new
	// key is used only after it has been seen there.
	URL string

	// Token gets a fresh token with exactly this key, by an assertion.TokenSource
	// for example, and discards it. An error that is assertion.ErrInvalidClient
	// means that the server does not know the key.
	Token func(ctx context.Context, key keys.Source) error

	// MaxAge is how long servers may keep a copy of the JWKS; zero: 5 minutes,
	// as for a keys.Handler. A server that ignores Cache-Control needs its own
	// time here.
	MaxAge time.Duration

	// Margin is added to MaxAge; zero: 1 minute. Some replicas publish a key
	// later than others, by the Rotator's Reread at most.
	Margin time.Duration

	Base http.RoundTripper // nil: a copy of http.DefaultTransport
}

// The rules that a configuration or an answer can break.
var (
	ErrURL          = errors.New("jwksurl: the URL is not https")
	ErrUnpublished  = errors.New("jwksurl: the new key is not published yet")
	ErrNotReachable = errors.New("jwksurl: the published JWKS cannot be read")
)

const (
	defaultMaxAge = 5 * time.Minute
	defaultMargin = time.Minute
	maxSet        = 64 << 10
)

func (p *Provider) settling() time.Duration {
	age, margin := p.MaxAge, p.Margin
	if age == 0 {
		age = defaultMaxAge
	}
	if margin == 0 {
		margin = defaultMargin
	}
	return age + margin
}

// Adopted refuses anything but a key.
func (*Provider) Adopted(c selfservice.Credential) (selfservice.Credential, error) {
	return selfservice.OnlyKeys(c)
}

// Verify gets a token with the key. A key that the server does not know is
// selfservice.ErrInvalidClient.
func (p *Provider) Verify(ctx context.Context, c selfservice.Credential) error {
	key, err := c.SigningKey(ctx)
	if err != nil {
		return err
	}
	if p.Token == nil {
		return fmt.Errorf("%w: a jwksurl.Provider without Token", selfservice.ErrConfig)
	}
	return rest.Verdict(p.Token(ctx, key))
}

// Server is the URL, see selfservice.Located: what a Provider waits for is that
// its own keys are published.
func (p *Provider) Server() string { return p.URL }

// List returns nothing: the server keeps no list of its own.
func (p *Provider) List(context.Context, selfservice.Credential) ([]selfservice.Registration, error) {
	return nil, nil
}

// Register checks, without waiting, whether the key is published, and returns
// when it may be used. The engine has saved the key, which is what publishes
// it. A key that is not there yet is [ErrUnpublished], to be retried after 5 s.
func (p *Provider) Register(ctx context.Context, _, c selfservice.Credential) (selfservice.Registration, error) {
	set, err := p.Published(ctx)
	if err != nil {
		return selfservice.Registration{}, err
	}
	now := time.Now().Round(0)
	for _, k := range set.Keys {
		if k.Thumbprint() == c.Fingerprint() && k.KeyID() == c.KeyID() {
			return selfservice.Registration{KeyID: k.KeyID(), Fingerprint: k.Thumbprint(), Created: now, UsableFrom: now.Add(p.settling())}, nil
		}
	}
	return selfservice.Registration{}, &selfservice.CallError{Wait: 5 * time.Second, Err: ErrUnpublished}
}

// Published reads the JWKS as a server without a cached copy does: at most 64
// KiB, within 30 s, without following a redirect. It fails with [ErrURL], or
// with [ErrNotReachable] and the cause.
func (p *Provider) Published(ctx context.Context) (keys.Set, error) {
	got, err := rest.Call{
		Method: http.MethodGet, URL: p.URL, MaxBody: maxSet, Base: p.Base,
		Header: http.Header{"Accept": {"application/jwk-set+json, application/json"}, "Cache-Control": {"no-cache"}},
	}.Do(ctx)
	switch {
	case errors.Is(err, rest.ErrURL):
		return keys.Set{}, ErrURL
	case errors.Is(err, rest.ErrTooLarge):
		return keys.Set{}, fmt.Errorf("%w: %w", ErrNotReachable, &keys.Error{Rule: keys.ErrTooLarge})
	case err != nil:
		return keys.Set{}, fmt.Errorf("%w: %w", ErrNotReachable, err)
	case got.Status != http.StatusOK:
		return keys.Set{}, fmt.Errorf("%w: status %d", ErrNotReachable, got.Status)
	}
	set, err := keys.ParseSet([]byte(got.Body.Reveal()))
	if err != nil {
		return keys.Set{}, fmt.Errorf("%w: %w", ErrNotReachable, err)
	}
	return set, nil
}
