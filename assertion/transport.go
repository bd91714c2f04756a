package assertion

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

const maxForm = 1 << 20

// Transport is an http.RoundTripper that authenticates every form POST with
// Auth, anew for each attempt, in place of whatever client authentication the
// request had.
type Transport struct {
	Auth Authenticator
	Base http.RoundTripper // nil: http.DefaultTransport
}

// RoundTrip sends the request with a fresh client authentication.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(io.LimitReader(req.Body, maxForm))
	req.Body.Close()
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	r := req.Clone(req.Context())
	r.Header.Del("Authorization")
	form.Del("client_secret")
	if err := t.Auth.Authenticate(req.Context(), r.Header, form); err != nil {
		return nil, err
	}
	text := form.Encode()
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	r.GetBody = nil // a form is good for one attempt
	return t.base().RoundTrip(r)
}

func (t *Transport) base() http.RoundTripper {
	if t.Base != nil {
		return t.Base
	}
	return http.DefaultTransport
}
