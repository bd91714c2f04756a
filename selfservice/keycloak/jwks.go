package keycloak

import (
	"context"
	"errors"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
)

// JWKS rotates the key of a client whose public keys are stored at Keycloak as
// a JWKS, where old and new lie side by side. [admin.API.SetKeys] brings a client
// there. Keys that somebody has cleared are made again where an Admin manages
// the client.
type JWKS struct {
	*Client

	// AllowGap allows a rotation to another algorithm where a client policy, as
	// FAPI's, lets the client have one only: the old key ends in the instant in
	// which the new one is stored. False: [admin.ErrAlgorithm], and nothing changes.
	AllowGap bool
}

var (
	_ selfservice.Registrar = JWKS{}
	_ selfservice.Remover   = JWKS{}
	_ selfservice.Purger    = JWKS{}
)

// Adopted refuses what is no key.
func (JWKS) Adopted(c selfservice.Credential) (selfservice.Credential, error) {
	return selfservice.OnlyKeys(c)
}

// Propagation returns 12 s: so long may a node of the server refuse a new key.
func (p JWKS) Propagation() time.Duration { return lag }

// Check finds out whether the client, or its Admin, may change it.
func (p JWKS) Check(ctx context.Context, as selfservice.Credential) error {
	_, err := p.check(ctx, as, admin.MethodSignedJWT)
	return err
}

// List returns the stored keys.
func (p JWKS) List(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
	_, info, err := p.manage(ctx, as, admin.MethodSignedJWT)
	if err != nil {
		return nil, p.verdict(err)
	}
	set, err := info.Keys()
	return registrations(set), err
}

func registrations(set keys.Set) []selfservice.Registration {
	var list []selfservice.Registration
	for _, k := range set.Keys {
		list = append(list, selfservice.Registration{KeyID: k.KeyID(), Fingerprint: k.Thumbprint()})
	}
	return list
}

// Register stores the key beside the others. The node that took the update
// accepts it at once, others within 11 s.
func (p JWKS) Register(ctx context.Context, as, c selfservice.Credential) (selfservice.Registration, error) {
	key, err := c.SigningKey(ctx)
	if err != nil {
		return selfservice.Registration{}, err
	}
	a, info, err := p.manage(ctx, as, admin.MethodSignedJWT)
	if err == nil {
		err = p.restore(ctx, a, info, admin.MethodSignedJWT)
	}
	if err == nil {
		err = p.add(ctx, a, info, as, key)
	}
	return selfservice.Registration{KeyID: key.KeyID(), Fingerprint: key.Thumbprint()}, p.verdict(err)
}

func (p JWKS) add(ctx context.Context, a *admin.API, info *admin.Client, as selfservice.Credential, key *keys.Key) error {
	err := a.AddKey(ctx, info.ID, key.PublicKey())
	if p.AllowGap && errors.Is(err, admin.ErrAlgorithm) {
		return a.SwitchKey(ctx, info.ID, key.PublicKey())
	}
	if err != nil {
		return err
	}
	before, err := info.Keys()
	if err != nil || as.Key == nil || !stores(before, as.Key) {
		return err // there was none to harm
	}
	// A node may not know the new key yet, but if the old one is refused with
	// it, then it is the update that did it.
	if err = p.Verify(ctx, selfservice.Credential{Key: key}); errors.Is(err, selfservice.ErrInvalidClient) {
		if err = p.Verify(ctx, as); errors.Is(err, selfservice.ErrInvalidClient) {
			return errors.Join(refuse(admin.ErrLost, "the client's keys are refused since a new one was added, which is taken back"), err, a.RemoveKey(ctx, info.ID, key.Thumbprint()))
		}
	}
	return nil // whether the new one works, the Rotator finds out
}

// Remove takes a key out of the stored ones. The node that took the update
// refuses it at once. Others go on accepting it, for hours if nothing else
// happens, unless they are the realm's Nodes or Purge reaches them.
func (p JWKS) Remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	a, info, err := p.manage(ctx, as, admin.MethodSignedJWT)
	if err == nil {
		err = a.RemoveKey(ctx, info.ID, r.Fingerprint)
	}
	return p.verdict(err)
}

// Purge is [Client.ReloadKeys], which ends a key that has been removed.
func (p JWKS) Purge(ctx context.Context, as selfservice.Credential, _ selfservice.Registration) error {
	return p.ReloadKeys(ctx, as)
}
