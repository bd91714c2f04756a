package helseid

import (
	"context"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
)

// tokens returns a source of DPoP tokens for scopes, got with key. The token
// endpoint is discovered at the first use.
func (c *Client) tokens(key keys.Source, scopes ...string) *assertion.TokenSource {
	return &assertion.TokenSource{
		Discover: c.metadata,
		Auth:     &assertion.Signer{ClientID: c.ClientID, Audience: c.Environment.Authority, Key: key},
		Scopes:   scopes,
		Prover:   &c.prover,
		Base:     c.Base,
	}
}

func (c *Client) metadata(ctx context.Context) (*assertion.Metadata, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.discovered != nil {
		return c.discovered, nil
	}
	m, err := assertion.Discover(ctx, c.Base, c.Environment.Authority)
	if err == nil {
		c.discovered = m
	}
	return m, err
}
