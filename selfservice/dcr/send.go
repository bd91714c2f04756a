package dcr

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/nokkel/nokkel/internal/origin"
	"github.com/nokkel/nokkel/internal/redact"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/internal/rest"
)

const (
	callTimeout = 30 * time.Second
	maxAnswer   = 1 << 20
)

// send makes one call of the registration's URI.
func (c *Client) send(ctx context.Context, method string, r Registration, body []byte) (answer, error) {
	got, err := c.call(ctx, method, r.URI, r.AccessToken, body)
	if err != nil {
		return answer{}, err
	}
	if got.StatusCode != http.StatusOK {
		return answer{}, refusal(got.Response, got.text, got.sent)
	}
	return got.answer()
}

// reply is what a server said to a call.
type reply struct {
	*http.Response
	text []byte        // its body
	sent redact.Values // what of the call must not be in an error
}

func (r reply) answer() (answer, error) {
	a, ok := readAnswer(r.text)
	if !ok {
		return answer{}, &Error{Rule: ErrMalformed, Status: r.StatusCode}
	}
	return a, nil
}

// call sends JSON and a bearer token, if there are any, and reads the answer.
// Redirects are not followed.
func (c *Client) call(ctx context.Context, method, address string, token keys.Secret, body []byte) (reply, error) {
	if err := checkURL(address); err != nil {
		return reply{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return reply{}, refuse(ErrAddress, "")
	}
	if !token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	base := c.Base
	if base == nil {
		base = http.DefaultTransport
	}
	return exchange(base, req, rest.Sent(req, "", body), "the registration")
}

// exchange makes a request and reads the whole answer.
func exchange(base http.RoundTripper, req *http.Request, sent redact.Values, what string) (reply, error) {
	resp, err := base.RoundTrip(req)
	if err != nil {
		return reply{}, fmt.Errorf("dcr: %s of %s: %w", req.Method, what, sent.Error(err))
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return reply{}, fmt.Errorf("dcr: reading the answer: %w", err)
	}
	if len(text) > maxAnswer {
		return reply{}, &Error{Rule: ErrMalformed, Detail: "more than 1 MiB", Status: resp.StatusCode}
	}
	return reply{Response: resp, text: text, sent: sent}, nil
}

func checkURL(raw string) error {
	if _, ok := rest.SafeURL(raw); !ok {
		return refuse(ErrAddress, "")
	}
	return nil
}

// sameOrigin reports whether a token that belongs at b may be sent to a.
func sameOrigin(a, b string) bool {
	to, ok := rest.SafeURL(a)
	at, err := url.Parse(b)
	return ok && err == nil && origin.Same(to, at)
}
