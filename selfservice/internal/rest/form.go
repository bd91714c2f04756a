package rest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/internal/redact"
)

// PostForm posts a form to an endpoint at which a client authenticates as at
// the token endpoint, and returns the answer: 1 MiB at most, within 30 s. What
// the server refuses is an *assertion.Error; other errors are the network's.
func PostForm(ctx context.Context, base http.RoundTripper, auth assertion.Authenticator, endpoint string, form url.Values) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, &assertion.Error{Rule: assertion.ErrMalformed, Detail: "not the URL of an endpoint"}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, err := (&assertion.Transport{Auth: auth, Endpoint: endpoint, Base: base}).RoundTrip(req)
	if err != nil {
		var sent redact.Values
		sent.AddForm(form) // the Transport redacts what it adds itself
		return 0, nil, sent.Error(err)
	}
	defer resp.Body.Close()
	if refused := assertion.ErrorOf(resp); refused != nil {
		return resp.StatusCode, nil, refused
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20+1))
	switch {
	case err != nil:
		return resp.StatusCode, nil, err
	case len(body) > 1<<20:
		return resp.StatusCode, nil, &assertion.Error{Rule: assertion.ErrTooLarge, Status: resp.StatusCode}
	}
	return resp.StatusCode, body, nil
}

// Introspect returns nil if the client may introspect tokens (RFC 7662 §2). It
// asks about a token that does not exist, which servers answer only to a client
// that has authenticated. Errors are as of [PostForm].
func Introspect(ctx context.Context, base http.RoundTripper, auth assertion.Authenticator, endpoint string) error {
	status, body, err := PostForm(ctx, base, auth, endpoint, url.Values{"token": {"none"}, "token_type_hint": {"access_token"}})
	if err != nil {
		return err
	}
	var answer struct {
		Active *bool `json:"active"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Active == nil {
		return &assertion.Error{Rule: assertion.ErrMalformed, Status: status}
	}
	return nil
}
