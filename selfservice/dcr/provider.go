package dcr

import (
	"context"
	"slices"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/selfservice"
)

// Keys returns the provider that rotates the client's keys in its "jwks"
// (private_key_jwt). The set holds several keys, so there is an overlap; keys
// that others put there are left alone. A client whose keys are at a "jwks_uri"
// is refused, [ErrKeysByURL]: package jwksurl rotates those.
func (c *Client) Keys() selfservice.Provider {
	if c.Purge != nil {
		return purgedKeys{keyProvider{c}}
	}
	return keyProvider{c}
}

// Secret returns the provider that rotates the client's secret, by method
// (client_secret_basic, say). Only the server can make one, when it considers
// it due: the Rotator follows "client_secret_expires_at". Whether the old
// secret remains valid is up to the server; there is no call that removes it.
//
// Where that is 0 the secret never expires, and as a rule the server never makes
// another. Set the Rotator's Timing.MaxAge to -1 then: by default it asks for a new
// one after 90 days, again and again, and Rotator.Ready fails with
// selfservice.ErrOverdue. The error says so, [ErrNotRotated].
func (c *Client) Secret(method func(clientID string, secret selfservice.Credential) assertion.Authenticator) selfservice.Provider {
	return secretProvider{c, method}
}

type keyProvider struct{ c *Client }

func (keyProvider) Adopted(c selfservice.Credential) (selfservice.Credential, error) {
	return selfservice.OnlyKeys(c)
}

func (p keyProvider) Verify(ctx context.Context, cred selfservice.Credential) error {
	return p.c.verify(ctx, cred, func(clientID, audience string, cred selfservice.Credential) assertion.Authenticator {
		return &assertion.Signer{ClientID: clientID, Audience: audience, Key: cred}
	})
}

func (p keyProvider) List(ctx context.Context, _ selfservice.Credential) ([]selfservice.Registration, error) {
	m, err := p.c.Read(ctx)
	if err != nil {
		return nil, err
	}
	all, err := m.keys()
	if err != nil {
		return nil, err
	}
	var list []selfservice.Registration
	for _, k := range all {
		list = append(list, selfservice.Registration{KeyID: k.kid, Fingerprint: k.thumbprint})
	}
	return list, nil
}

func (p keyProvider) Register(ctx context.Context, _, cred selfservice.Credential) (selfservice.Registration, error) {
	key, err := cred.SigningKey(ctx)
	if err != nil {
		return selfservice.Registration{}, err
	}
	_, err = p.c.Update(ctx, func(m Metadata) (bool, error) { return m.add(key.PublicKey()) })
	return selfservice.Registration{KeyID: key.KeyID(), Fingerprint: key.Thumbprint()}, err
}

func (p keyProvider) Remove(ctx context.Context, _ selfservice.Credential, r selfservice.Registration) error {
	_, err := p.c.Update(ctx, func(m Metadata) (bool, error) { return m.drop(r.Fingerprint) })
	return err
}

// Server is the issuer, see selfservice.Located.
func (p keyProvider) Server() string { return p.c.Issuer }

// Independent: the registration access token is all that is needed.
func (p keyProvider) Independent() bool { return true }

// Propagation is the Client's.
func (p keyProvider) Propagation() time.Duration { return p.c.propagation() }

// purgedKeys are keys at a server whose nodes keep accepting what was removed.
type purgedKeys struct{ keyProvider }

func (p purgedKeys) Purge(ctx context.Context, as selfservice.Credential, _ selfservice.Registration) error {
	return p.c.Purge(ctx, as)
}

type secretProvider struct {
	c      *Client
	method func(string, selfservice.Credential) assertion.Authenticator
}

func (secretProvider) Adopted(c selfservice.Credential) (selfservice.Credential, error) {
	return selfservice.OnlySecrets(c)
}

func (p secretProvider) Verify(ctx context.Context, cred selfservice.Credential) error {
	return p.c.verify(ctx, cred, func(clientID, _ string, cred selfservice.Credential) assertion.Authenticator {
		return p.method(clientID, cred)
	})
}

// Server is the issuer, see selfservice.Located.
func (p secretProvider) Server() string { return p.c.Issuer }

func (p secretProvider) List(ctx context.Context, _ selfservice.Credential) ([]selfservice.Registration, error) {
	a, err := p.c.ask(ctx)
	if err != nil {
		return nil, err
	}
	_, reg := a.credential()
	return []selfservice.Registration{reg}, nil
}

func (p secretProvider) Issue(ctx context.Context, _ selfservice.Credential, before []selfservice.Registration) (selfservice.Credential, selfservice.Registration, error) {
	isNew := func(a answer) bool {
		cred, reg := a.credential()
		return !cred.IsZero() && !slices.ContainsFunc(before, func(b selfservice.Registration) bool { return b.Fingerprint == reg.Fingerprint })
	}
	// Sending the metadata back unchanged makes a server check whether a new
	// secret is due.
	a, err := p.c.update(ctx, func(a answer) (bool, error) { return !isNew(a), nil })
	if _, reg := a.credential(); err == nil && !isNew(a) {
		detail := "it may not be due yet"
		if a.has("client_secret_expires_at") && reg.Expires.IsZero() {
			detail = "the old one never expires; Timing.MaxAge -1 keeps it"
		}
		err = refuse(ErrNotRotated, detail)
	}
	if err != nil {
		return selfservice.Credential{}, selfservice.Registration{}, err
	}
	cred, reg := a.credential()
	return cred, reg, nil
}

// Independent and Propagation are as in keyProvider.
func (p secretProvider) Independent() bool          { return true }
func (p secretProvider) Propagation() time.Duration { return p.c.propagation() }
