package keycloak

import (
	"context"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/jwksurl"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

// JWKSURL rotates the key of a client whose keys Keycloak fetches from a URL
// ([admin.API.SetJWKSURL]). The program publishes the Rotator's keys there:
//
//	http.Handle("/jwks.json", &keys.Handler{Keys: rotator.Published})
//
// Keycloak ignores Cache-Control. It fetches the keys when it meets an unknown
// kid, at most every 10 s, and accepts a key that it knows for as long as that is
// used. So a new key signs only after every replica publishes it. After an old
// one is no longer published, Keycloak is made to forget it: the node that
// handles the update at once, others 12 s later, by [Client.ReloadKeys].
type JWKSURL struct {
	*Client
	Margin time.Duration // how much later the slowest replica may publish a key; zero: 1 minute, the Rotator's Reread
}

var (
	_ selfservice.Registrar = JWKSURL{}
	_ selfservice.Switch    = JWKSURL{}
	_ selfservice.Remover   = JWKSURL{}
	_ selfservice.Purger    = JWKSURL{}
)

// Adopted refuses secrets, and keys named Ed25519, which the server knows as EdDSA
// ([admin.ErrAlgorithm]).
func (JWKSURL) Adopted(c selfservice.Credential) (selfservice.Credential, error) { return adopted(c) }

// Propagation returns 12 s, for which a node of the server may not fetch the keys
// again.
func (p JWKSURL) Propagation() time.Duration { return lag }

const refetch = 11 * time.Second // more than the 10 s between two fetches

// List returns nothing: the server has no list of its own, and that a key is at
// the URL does not mean that every replica publishes it.
func (p JWKSURL) List(context.Context, selfservice.Credential) ([]selfservice.Registration, error) {
	return nil, nil
}

// Register waits until the key is published. At Keycloak it changes only the
// client's signing algorithm, which it unsets if it does not fit the new key.
func (p JWKSURL) Register(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
	key, err := c.SigningKey(ctx)
	if err != nil {
		return selfservice.Registration{}, err
	}
	url, info, err := p.url(ctx, as)
	if err == nil {
		err = p.restore(ctx, p.admin(as), info, admin.MethodSignedJWT)
	}
	if err != nil {
		return selfservice.Registration{}, p.verdict(err)
	}
	if current := info.Attributes[admin.SigningAlgorithm]; current != "" && current != string(key.Algorithm()) {
		// Both must be accepted while the old one is still published.
		err := p.admin(as).UpdateClient(ctx, info.ID, admin.Change{Attributes: map[string]string{admin.SigningAlgorithm: ""}})
		if err != nil {
			return selfservice.Registration{}, p.verdict(err)
		}
	}
	return url.Register(ctx, as, c)
}

// Deactivate does nothing. After it the Rotator no longer publishes the key.
func (p JWKSURL) Deactivate(context.Context, selfservice.Credential, selfservice.Registration) error {
	return nil
}

// Activate does nothing. After it the Rotator publishes the key again.
func (p JWKSURL) Activate(context.Context, selfservice.Credential, selfservice.Registration) error {
	return nil
}

// Purge calls [Client.ReloadKeys], after which the nodes refuse a key that is no
// longer published.
func (p JWKSURL) Purge(ctx context.Context, as selfservice.Credential, _ selfservice.Registration) error {
	return p.ReloadKeys(ctx, as)
}

// Remove makes a node of the server, or all of the realm's Nodes, forget the key.
// It fails with [ErrPublished] while the key is still published.
func (p JWKSURL) Remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	url, info, err := p.url(ctx, as)
	if err != nil {
		return p.verdict(err)
	}
	set, err := url.Published(ctx)
	if err != nil {
		return err
	}
	for _, k := range set.Keys {
		if k.Thumbprint() == r.Fingerprint {
			return &admin.Error{Rule: ErrPublished, Wait: refetch}
		}
	}
	change := admin.Change{}
	if as.Key != nil {
		change.KeyAlgorithm = as.Key.Algorithm() // for policies that demand one
	}
	return p.verdict(p.admin(as).UpdateClient(ctx, info.ID, change))
}

func (p JWKSURL) url(ctx context.Context, as selfservice.Credential) (*jwksurl.Provider, *admin.Client, error) {
	_, info, err := p.manage(ctx, as, admin.MethodSignedJWT)
	if err != nil {
		return nil, nil, err
	}
	address := info.JWKSURL()
	if address == "" {
		return nil, nil, refuse(admin.ErrMode, "it has no JWKS URL")
	}
	return &jwksurl.Provider{URL: address, MaxAge: refetch, Margin: p.Margin, Base: p.Realm.Base}, info, nil
}
