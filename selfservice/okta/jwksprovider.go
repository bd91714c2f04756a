package okta

import (
	"context"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
)

// JWKS rotates the key of an app whose public keys are stored at Okta, up to 50
// side by side.
type JWKS struct{ *Client }

var (
	_ selfservice.Registrar   = JWKS{}
	_ selfservice.Switch      = JWKS{}
	_ selfservice.Remover     = JWKS{}
	_ selfservice.Independent = JWKS{}
	_ selfservice.Propagator  = JWKS{}
)

// Adopted refuses anything but a key, and a key whose algorithm Okta does not
// accept ([ErrAlgorithm]).
func (JWKS) Adopted(c selfservice.Credential) (selfservice.Credential, error) { return adopted(c) }

func adopted(c selfservice.Credential) (selfservice.Credential, error) {
	c, err := selfservice.OnlyKeys(c)
	if err != nil {
		return c, err
	}
	return c, checkAlgorithm(c.Key.Algorithm())
}

// List returns the stored keys that sign.
func (p JWKS) List(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
	all, err := p.admin(as).Keys(ctx, p.AppID)
	if err != nil {
		return nil, p.verdict(err)
	}
	var list []selfservice.Registration
	for i := range all {
		if all[i].PublicKey != nil {
			list = append(list, all[i].registration())
		}
	}
	return list, nil
}

func (k *Key) registration() selfservice.Registration {
	return selfservice.Registration{ID: k.ID, KeyID: k.KeyID, Fingerprint: k.Thumbprint(), Inactive: k.Status != Active, Created: k.Created}
}

// Register adds the key, or activates it if it is registered and inactive.
// Before it adds a second key, the active one must be registered under its kid,
// or it would stop working.
func (p JWKS) Register(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
	key, err := c.SigningKey(ctx)
	if err != nil {
		return selfservice.Registration{}, err
	}
	added, err := p.register(ctx, p.admin(as), as, key.PublicKey())
	if err != nil {
		return selfservice.Registration{}, p.verdict(err)
	}
	return added.registration(), nil
}

func (p JWKS) register(ctx context.Context, a *Admin, as selfservice.Credential, key *keys.PublicKey) (*Key, error) {
	all, err := a.Keys(ctx, p.AppID)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		if as.Key != nil && k.Thumbprint() == as.Fingerprint() && under(all, as.Fingerprint(), as.KeyID()) == nil {
			return nil, refuse(ErrKeyID, "the active key is registered as "+k.ID+" under another kid or none, and would be refused beside a second one")
		}
	}
	if k := under(all, key.Thumbprint(), key.KeyID()); k != nil && k.Status != Active {
		k.Status = Active
		return k, a.ActivateKey(ctx, p.AppID, k.ID)
	}
	return a.addKey(ctx, p.AppID, all, key)
}

// Activate makes an old key accepted again, under every kid.
func (p JWKS) Activate(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	return p.old().activate(ctx, as, r)
}

// Deactivate makes Okta refuse a key, until it is activated again. Like Remove,
// it does so under every kid under which somebody has added the key.
func (p JWKS) Deactivate(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	return p.old().deactivate(ctx, as, r)
}

// Remove deletes a key. One that somebody has reactivated meanwhile is
// deactivated first.
func (p JWKS) Remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	return p.old().remove(ctx, as, r)
}

func (p JWKS) old() old { return old{p.Client, jwks, p.find} }

// find goes by the thumbprint: an adopted key has no ID yet, and an update of
// the app gives all keys new IDs. If r is the active key under another kid, the
// active one is left out.
func (p JWKS) find(ctx context.Context, a *Admin, as selfservice.Credential, r selfservice.Registration) (found []entry, err error) {
	another := r.Fingerprint == as.Fingerprint() && r.KeyID != "" && r.KeyID != as.KeyID()
	all, err := a.Keys(ctx, p.AppID)
	for _, k := range all {
		if k.PublicKey != nil && k.Thumbprint() == r.Fingerprint && !(another && k.KeyID == as.KeyID()) {
			found = append(found, entry{k.ID, k.Status})
		}
	}
	return found, err
}
