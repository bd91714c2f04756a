package keycloak

import (
	"context"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/jwksurl"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

// JWKSURL rotates the key of a client whose keys Keycloak fetches from a URL
// ([admin.API.SetJWKSURL]). The program publishes there what the Rotator says:
//
//	http.Handle("/jwks.json", &keys.Handler{Keys: rotator.Published})
//
// Keycloak heeds no Cache-Control. It fetches when it meets a kid that it does
// not know, at most every 10 s, and believes a key that it knows as long as it
// is used. So a new key is signed with only when every replica shows it, and
// Keycloak is made to forget an old one after that is published no more: the
// node that is asked at once, and others 12 s later, as [Client.ReloadKeys] does.
type JWKSURL struct {
	*Client
	Margin time.Duration // how much later than others some replicas publish a key; zero: 1 minute, the Rotator's Reread
}

var (
	_ selfservice.Registrar = JWKSURL{}
	_ selfservice.Switch    = JWKSURL{}
	_ selfservice.Remover   = JWKSURL{}
	_ selfservice.Purger    = JWKSURL{}
)

// Adopted refuses what is no key.
func (JWKSURL) Adopted(c selfservice.Credential) (selfservice.Credential, error) {
	return selfservice.OnlyKeys(c)
}

// Propagation returns 12 s: so long may a node of the server keep from fetching
// the keys again.
func (p JWKSURL) Propagation() time.Duration { return lag }

const refetch = 11 * time.Second // more than the 10 s between two fetches

// List returns nothing: the server keeps no list of its own. That a key is at
// the URL does not mean that every replica shows it, which Register sees to.
func (p JWKSURL) List(context.Context, selfservice.Credential) ([]selfservice.Registration, error) {
	return nil, nil
}

// Register waits for the key to be published; at Keycloak nothing changes but
// the client's signing algorithm, which is unset where it is that of the old
// key alone.
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
		// Both are to be accepted until the old one is published no more.
		err := p.admin(as).UpdateClient(ctx, info.ID, admin.Change{Attributes: map[string]string{admin.SigningAlgorithm: ""}})
		if err != nil {
			return selfservice.Registration{}, p.verdict(err)
		}
	}
	return url.Register(ctx, as, c)
}

// Deactivate does nothing: having called it, the Rotator publishes the key no
// more.
func (p JWKSURL) Deactivate(context.Context, selfservice.Credential, selfservice.Registration) error {
	return nil
}

// Activate does nothing: having called it, the Rotator publishes the key again.
func (p JWKSURL) Activate(context.Context, selfservice.Credential, selfservice.Registration) error {
	return nil
}

// Purge is [Client.ReloadKeys], which ends a key that is published no more.
func (p JWKSURL) Purge(ctx context.Context, as selfservice.Credential, _ selfservice.Registration) error {
	return p.ReloadKeys(ctx, as)
}

// Remove makes a node of the server, or all of the realm's Nodes, forget the
// key once it is published no more.
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
		change.KeyAlgorithm = as.Key.Algorithm() // should a policy want one named
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
