package keycloak

import (
	"context"

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
		return nil, p.verdict(err)
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
	return selfservice.Registration{KeyID: key.KeyID(), Fingerprint: key.Thumbprint()}, p.verdict(err)
}

// Remove takes a key out of the stored ones. It is refused at once.
func (p JWKS) Remove(ctx context.Context, as selfservice.Credential, r selfservice.Registration) error {
	a, info, err := p.manage(ctx, as)
	if err == nil {
		err = a.RemoveKey(ctx, info.ID, r.Fingerprint)
	}
	return p.verdict(err)
}
