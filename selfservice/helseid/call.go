package helseid

import (
	"context"
	"errors"
	"fmt"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	internal "github.com/nokkel/nokkel/selfservice/internal/rest"
	"github.com/nokkel/nokkel/selfservice/rest"
)

const clientSecretPath = "v1/client-secret"

// call makes one call of the self-service API as the key that as gives now,
// and returns status and body of a 2xx answer.
func (c *Client) call(ctx context.Context, as keys.Source, method string, body []byte) (int, []byte, error) {
	err := c.check()
	if err == nil && c.Environment.BaseAddress == "" {
		err = &Error{Rule: ErrAddress, Detail: "Environment.BaseAddress is empty"}
	}
	if err != nil {
		return 0, nil, err
	}
	address, err := address(c.Environment.BaseAddress)
	if err != nil {
		return 0, nil, err
	}
	key, err := as.SigningKey(ctx)
	if err == nil && key == nil {
		err = &keys.Error{Rule: keys.ErrNoPrivateKey, Detail: "the source gave no key"}
	}
	if err != nil {
		return 0, nil, err
	}
	got, err := rest.Call{
		Method: method, URL: address, Body: keys.NewSecret(string(body)), Base: c.Base, Prover: &c.learned().prover,
		Tokens: c.tokens.get(key, func() *assertion.TokenSource { return c.source(key, []string{SelfServiceScope}, nil) }),
	}.Do(ctx)
	var failed *rest.Error
	switch {
	case errors.As(err, &failed) && failed.Rule == rest.ErrTooLarge:
		return 0, nil, &Error{Rule: ErrTooLarge, Status: failed.Status}
	case failed != nil && failed.Err != nil:
		return 0, nil, fmt.Errorf("helseid: calling the self-service API: %w", failed.Err)
	case err != nil:
		return 0, nil, err
	case !got.OK():
		return 0, nil, refusal(got)
	}
	return got.Status, []byte(got.Body.Reveal()), nil
}

// address returns the endpoint's URL below a base address, which may end with a
// slash. It refuses http, since tokens must not be sent in clear.
func address(base string) (string, error) {
	u, ok := internal.SafeURL(base)
	if !ok || u.RawQuery != "" || u.Fragment != "" {
		return "", &Error{Rule: ErrAddress}
	}
	return u.JoinPath(clientSecretPath).String(), nil
}
