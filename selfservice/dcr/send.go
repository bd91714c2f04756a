package dcr

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/nokkel/nokkel/internal/origin"
	"github.com/nokkel/nokkel/keys"
	internal "github.com/nokkel/nokkel/selfservice/internal/rest"
	"github.com/nokkel/nokkel/selfservice/rest"
)

const callTimeout = 30 * time.Second // as that of a rest.Call

// send makes one call of the registration's URI.
func (c *Client) send(ctx context.Context, method string, r Registration, body []byte) (answer, error) {
	got, err := c.call(ctx, method, r.URI, r.AccessToken, body)
	if err != nil {
		return answer{}, err
	}
	if got.Status != http.StatusOK {
		return answer{}, refusal(got)
	}
	return parse(got)
}

func parse(got *rest.Answer) (answer, error) {
	a, ok := readAnswer([]byte(got.Body.Reveal()))
	if !ok {
		return answer{}, &Error{Rule: ErrMalformed, Status: got.Status}
	}
	return a, nil
}

// call sends JSON and a bearer token, if there are any.
func (c *Client) call(ctx context.Context, method, address string, token keys.Secret, body []byte) (*rest.Answer, error) {
	call := rest.Call{Method: method, URL: address, Body: keys.NewSecret(string(body)), Base: c.Base}
	if !token.IsZero() {
		call.Secrets = map[string]keys.Secret{"Authorization": keys.NewSecret("Bearer " + token.Reveal())}
	}
	got, err := call.Do(ctx)
	var failed *rest.Error
	switch ok := errors.As(err, &failed); {
	case !ok:
		return got, err
	case failed.Rule == rest.ErrURL:
		return nil, refuse(ErrAddress, "")
	case failed.Rule == rest.ErrTooLarge:
		return nil, &Error{Rule: ErrMalformed, Detail: "more than 1 MiB", Status: failed.Status}
	}
	return nil, fmt.Errorf("dcr: %s of the registration: %w", method, failed.Err)
}

func checkURL(raw string) error {
	if _, ok := internal.SafeURL(raw); !ok {
		return refuse(ErrAddress, "")
	}
	return nil
}

// sameOrigin reports whether a token that belongs at b may be sent to a.
func sameOrigin(a, b string) bool {
	to, ok := internal.SafeURL(a)
	at, err := url.Parse(b)
	return ok && err == nil && origin.Same(to, at)
}
