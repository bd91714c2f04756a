package helseid

import (
	"context"

	"github.com/nokkel/nokkel/selfservice"
	internal "github.com/nokkel/nokkel/selfservice/internal/rest"
)

// A Client is a selfservice.Provider: a Rotator renews its key. It is no Remover.
var (
	_ selfservice.Provider  = (*Client)(nil)
	_ selfservice.Registrar = (*Client)(nil)
	_ selfservice.Located   = (*Client)(nil)
)

// Adopted refuses anything but a key, and a key that HelseID does not take
// ([ErrAlgorithm]).
func (*Client) Adopted(c selfservice.Credential) (selfservice.Credential, error) {
	c, err := selfservice.OnlyKeys(c)
	if err == nil {
		err = takes(c.Key.Algorithm())
	}
	return c, err
}

// Expires reports true: HelseID says when a key expires.
func (*Client) Expires() bool { return true }

// Server is the authority, see [selfservice.Located].
func (c *Client) Server() string { return c.Environment.Authority }

// Verify is [Client.VerifyKey] for a Rotator.
func (c *Client) Verify(ctx context.Context, cred selfservice.Credential) error {
	key, err := cred.SigningKey(ctx)
	if err != nil {
		return err
	}
	return internal.Verdict(c.VerifyKey(ctx, key))
}

// List is [Client.ClientSecrets] for a Rotator.
func (c *Client) List(ctx context.Context, as selfservice.Credential) ([]selfservice.Registration, error) {
	secrets, err := c.ClientSecrets(ctx, as)
	if err != nil {
		return nil, internal.Verdict(err)
	}
	list := make([]selfservice.Registration, len(secrets))
	for i, s := range secrets {
		list[i] = selfservice.Registration{KeyID: s.KeyID, Fingerprint: s.Thumbprint, Expires: s.Expiration}
	}
	return list, nil
}

// Register is [Client.UpdateClientSecret] for a Rotator.
func (c *Client) Register(ctx context.Context, as, cred selfservice.Credential) (selfservice.Registration, error) {
	key, err := cred.SigningKey(ctx)
	if err != nil {
		return selfservice.Registration{}, err
	}
	expires, err := c.UpdateClientSecret(ctx, as, key.PublicKey())
	if err != nil {
		return selfservice.Registration{}, internal.Verdict(err)
	}
	return selfservice.Registration{KeyID: key.KeyID(), Fingerprint: key.Thumbprint(), Expires: expires}, nil
}
