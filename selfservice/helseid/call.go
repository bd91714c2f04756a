package helseid

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/internal/rest"
)

const (
	clientSecretPath = "v1/client-secret"
	maxBody          = 1 << 20
)

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
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return 0, nil, &Error{Rule: ErrAddress}
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	tokens := c.tokens.get(key, func() *assertion.TokenSource {
		return c.source(key, []string{SelfServiceScope}, nil)
	})
	source := &authority{TokenSource: tokens}
	// A RoundTripper follows no redirect.
	resp, err := (&dpop.Transport{Tokens: source, Prover: &c.learned().prover, Base: c.Base}).RoundTrip(req)
	if err != nil {
		return 0, nil, wrap(rest.Sent(req, source.token, body).Error(err))
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case resp.StatusCode/100 != 2:
		return 0, nil, refusal(resp, answer, rest.Sent(req, source.token, body)) // what came of the body will do
	case err != nil:
		return 0, nil, wrap(err)
	case len(answer) > maxBody:
		return 0, nil, &Error{Rule: ErrTooLarge, Status: resp.StatusCode}
	}
	return resp.StatusCode, answer, nil
}

// authority is the source of the tokens for a call, whose failures are not the
// API's. Their errors say themselves where they come from.
type authority struct {
	*assertion.TokenSource
	token string // given last
}

func (a *authority) BoundToken(ctx context.Context) (string, *keys.Key, error) {
	token, key, err := a.TokenSource.BoundToken(ctx)
	a.token = token
	if err != nil {
		err = authorityError{err}
	}
	return token, key, err
}

type authorityError struct{ error }

// wrap says that it was the API that failed, if it was.
func wrap(err error) error {
	var token authorityError
	var proof *dpop.Error
	switch {
	case errors.As(err, &token):
		return token.error
	case errors.As(err, &proof):
		return err
	}
	return fmt.Errorf("helseid: calling the self-service API: %w", err)
}

// address returns the endpoint's URL below a base address, which may end with
// a slash and must not lead tokens over the network in clear.
func address(base string) (string, error) {
	u, ok := rest.SafeURL(base)
	if !ok || u.RawQuery != "" || u.Fragment != "" {
		return "", &Error{Rule: ErrAddress}
	}
	return u.JoinPath(clientSecretPath).String(), nil
}
