package keycloak

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
)

// JWKS rotates the key of a client whose public keys are stored at Keycloak as
// a JWKS, where old and new lie side by side. [Admin.SetKeys] brings a client
// there.
type JWKS struct{ *Client }

var (
	_ selfservice.Registrar = JWKS{}
	_ selfservice.Remover   = JWKS{}
)

// List returns the stored keys.
func (p JWKS) List(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
	_, info, err := p.manage(ctx, as)
	if err != nil {
		return nil, verdict(err)
	}
	set, err := info.keys()
	return registrations(set), err
}

func registrations(set keys.Set) []selfservice.Registration {
	var list []selfservice.Registration
	for _, k := range set.Keys {
		list = append(list, selfservice.Registration{KeyID: k.KeyID(), Fingerprint: k.Thumbprint()})
	}
	return list
}

// Register stores the key beside the others. It is accepted at once.
func (p JWKS) Register(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
	key, err := c.SigningKey(ctx)
	if err != nil {
		return selfservice.Registration{}, err
	}
	a, info, err := p.manage(ctx, as)
	if err == nil {
		err = a.AddKey(ctx, info.ID, key.PublicKey())
	}
	return selfservice.Registration{KeyID: key.KeyID(), Fingerprint: key.Thumbprint()}, verdict(err)
}

// Remove takes a key out of the stored ones. It is refused at once.
func (p JWKS) Remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	a, info, err := p.manage(ctx, as)
	if err == nil {
		err = a.RemoveKey(ctx, info.ID, r.Fingerprint)
	}
	return verdict(err)
}

// JWKSURL rotates the key of a client whose keys Keycloak fetches from a URL
// ([Admin.SetJWKSURL]). The program publishes there what the Rotator says:
//
//	http.Handle("/jwks.json", &keys.Handler{Keys: rotator.Published})
//
// Keycloak fetches when it meets a kid that it does not know, at most every
// 10 s, and believes a key that it knows as long as it is used. So a new key
// is signed with only when every publisher shows it, and an old one is
// published no more before Keycloak is told to forget what it has fetched.
type JWKSURL struct {
	*Client

	// Settle is how long it takes until all replicas publish a new key; zero:
	// 90 seconds, which is good for Rotators that read their store every
	// minute. Less than 15 s is taken as 15 s.
	Settle time.Duration
}

const (
	defaultSettle = 90 * time.Second
	minSettle     = 15 * time.Second // more than the 10 s between two fetches
)

var (
	_ selfservice.Registrar = JWKSURL{}
	_ selfservice.Switch    = JWKSURL{}
	_ selfservice.Remover   = JWKSURL{}
)

func (p JWKSURL) settle() time.Duration {
	if p.Settle == 0 {
		return defaultSettle
	}
	return max(p.Settle, minSettle)
}

// List returns the keys that the client's URL shows now.
func (p JWKSURL) List(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
	set, _, err := p.published(ctx, as)
	return registrations(set), verdict(err)
}

// Register waits for the key to be published; nothing at Keycloak changes.
func (p JWKSURL) Register(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
	set, _, err := p.published(ctx, as)
	if err != nil {
		return selfservice.Registration{}, verdict(err)
	}
	for _, k := range set.Keys {
		if k.Thumbprint() == c.Fingerprint() {
			return selfservice.Registration{KeyID: k.KeyID(), Fingerprint: k.Thumbprint(), UsableFrom: time.Now().Add(p.settle()).Round(0)}, nil
		}
	}
	return selfservice.Registration{}, refuse(ErrPublished, "the new key is not in it")
}

// Deactivate does nothing: with it the Rotator publishes the key no more.
func (p JWKSURL) Deactivate(context.Context, selfservice.Credential, selfservice.Registration) error {
	return nil
}

// Activate does nothing: with it the Rotator publishes the key again.
func (p JWKSURL) Activate(context.Context, selfservice.Credential, selfservice.Registration) error {
	return nil
}

// Remove makes Keycloak forget the key once it is published no more.
func (p JWKSURL) Remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	set, info, err := p.published(ctx, as)
	if err != nil {
		return verdict(err)
	}
	for _, k := range set.Keys {
		if k.Thumbprint() == r.Fingerprint {
			return &Error{Rule: ErrPublished, Detail: "an old key is still in it", Wait: minSettle}
		}
	}
	return verdict(p.admin(as).UpdateClient(ctx, info.ID, Change{}))
}

// published fetches the set from the client's URL, as Keycloak does.
func (p JWKSURL) published(ctx context.Context, as selfservice.Credential) (keys.Set, *ClientInfo, error) {
	_, info, err := p.manage(ctx, as)
	if err != nil {
		return keys.Set{}, nil, err
	}
	if info.Attributes[useJWKSURL] != "true" {
		return keys.Set{}, nil, refuse(ErrMode, "it has no JWKS URL")
	}
	set, err := p.Realm.fetchKeys(ctx, info.Attributes[jwksURL])
	return set, info, err
}

func (r Realm) fetchKeys(ctx context.Context, address string) (keys.Set, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return keys.Set{}, refuse(ErrConfig, "the JWKS URL is not an absolute https one")
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return keys.Set{}, refuse(ErrConfig, "the JWKS URL")
	}
	base := r.Base
	if base == nil {
		base = http.DefaultTransport
	}
	resp, err := base.RoundTrip(req)
	if err != nil {
		return keys.Set{}, fmt.Errorf("keycloak: fetching the JWKS URL: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxJWKS+1))
	switch {
	case err != nil:
		return keys.Set{}, fmt.Errorf("keycloak: fetching the JWKS URL: %w", err)
	case resp.StatusCode != http.StatusOK:
		return keys.Set{}, &Error{Rule: ErrPublished, Status: resp.StatusCode}
	}
	set, err := keys.ParseSet(body) // refuses more than 64 KiB itself
	if err != nil {
		return keys.Set{}, fmt.Errorf("keycloak: the JWKS URL: %w", err)
	}
	return set, nil
}
