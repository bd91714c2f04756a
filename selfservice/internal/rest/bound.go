package rest

import (
	"context"
	"errors"
	"fmt"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
)

// Bound is a dpop.TokenSource of one token that was fetched already.
type Bound struct {
	Token string
	Key   *keys.Key // nil: a bearer token
}

// BoundToken returns the token and its key.
func (b Bound) BoundToken(context.Context) (string, *keys.Key, error) { return b.Token, b.Key, nil }

// Wrap prefixes an error of the network with a package's name. Errors of a token
// request or a proof name their own package.
func Wrap(name string, err error) error {
	var token *assertion.Error
	var proof *dpop.Error
	if errors.As(err, &token) || errors.As(err, &proof) {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}
