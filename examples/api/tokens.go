package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/access"
	"github.com/nokkel/nokkel/keys"
)

func (c config) tokens(ctx context.Context) (dpop.Tokens, error) {
	if c.key == "" {
		return &access.Verifier{Issuer: c.issuer, Audiences: []string{c.audience}, PlainType: c.plain}, nil
	}
	key, err := keys.ReadFile(c.key)
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err // without the path: it may be the key itself
	}
	if err != nil {
		return nil, fmt.Errorf("the file of -key: %w", err)
	}
	server, err := assertion.Discover(ctx, nil, c.issuer)
	if err != nil {
		return nil, err
	}
	auth := &assertion.Signer{ClientID: c.client, Audience: c.issuer, Key: key}
	i := &access.Introspector{Endpoint: server.IntrospectionEndpoint, Auth: auth, Issuer: c.issuer}
	if c.audience != "" {
		i.Audiences = []string{c.audience}
	}
	return i, nil
}
