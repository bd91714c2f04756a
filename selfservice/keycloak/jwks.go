package keycloak

import (
	"context"
	"errors"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/keycloak/internal/signing"
)

// JWKS rotates the key of a client whose public keys Keycloak stores as a JWKS,
// old and new side by side. [admin.API.SetKeys] sets a client up. If somebody
// deletes the stored keys and an Admin manages the client, the Rotator replaces
// them.
type JWKS struct {
	*Client

	// AllowGap allows a rotation to another algorithm under a client policy that
	// allows only one, as FAPI's do: the old key ends as soon as the new one is
	// stored. False: such a rotation fails with [admin.ErrAlgorithm].
	AllowGap bool
}

// rollbackTimeout bounds the check of an update, and the way back.
const rollbackTimeout = time.Minute

var (
	_ selfservice.Registrar = JWKS{}
	_ selfservice.Remover   = JWKS{}
	_ selfservice.Purger    = JWKS{}
)

// Adopted refuses secrets, and keys named Ed25519, which the server knows as EdDSA
// ([admin.ErrAlgorithm]).
func (JWKS) Adopted(c selfservice.Credential) (selfservice.Credential, error) { return adopted(c) }

func adopted(c selfservice.Credential) (selfservice.Credential, error) {
	c, err := selfservice.OnlyKeys(c)
	if err == nil && !signing.Known(c.Key.Algorithm()) {
		err = refuse(admin.ErrAlgorithm, signing.UnknownText)
	}
	return c, err
}

// Propagation returns 12 s, for which a node of the server may refuse a new key.
func (p JWKS) Propagation() time.Duration { return lag }

// Check returns an error if the client, or its Admin, may not update the client.
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

// Register stores the key beside the others. The node that handles the update
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
	if err != nil && ctx.Err() == nil { // or the key may be stored all the same
		return err
	}
	before, unreadable := info.Keys()
	if unreadable != nil || as.Key == nil || !stores(before, as.Key) {
		return errors.Join(err, unreadable) // there is no old key to harm
	}
	// A node may not know the new key yet. But if the old one is refused as well,
	// the update is the cause. That is found out even if ctx has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	if refused := p.Verify(ctx, selfservice.Credential{Key: key}); errors.Is(refused, selfservice.ErrInvalidClient) {
		if refused = p.Verify(ctx, as); errors.Is(refused, selfservice.ErrInvalidClient) {
			return errors.Join(refuse(admin.ErrLost, "the server refuses all of the client's keys since one was added; rolled back"), refused, a.RemoveKey(ctx, info.ID, key.Thumbprint()))
		}
	}
	return err // nil: the Rotator finds out whether the new one works
}

// Remove removes a stored key. The node that handles the update refuses the key at
// once, and so do the realm's Nodes. Others accept it, possibly for hours, until
// Purge reaches them.
func (p JWKS) Remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	a, info, err := p.manage(ctx, as, admin.MethodSignedJWT)
	if err == nil {
		err = a.RemoveKey(ctx, info.ID, r.Fingerprint)
	}
	return p.verdict(err)
}

// Purge calls [Client.ReloadKeys], after which the nodes refuse a removed key.
func (p JWKS) Purge(ctx context.Context, as selfservice.Credential, _ selfservice.Registration) error {
	return p.ReloadKeys(ctx, as)
}
