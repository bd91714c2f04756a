package dpop

import (
	"context"
	"net"
	"net/http"
	"net/url"

	"github.com/nokkel/nokkel/keys"
)

// TokenSource gives an access token and the key that it is bound to
// (RFC 9449 §6). The two belong together: while a token lives, its key makes
// every proof, whatever happens to the client's own key meanwhile.
type TokenSource interface {
	BoundToken(ctx context.Context) (token string, key *keys.Key, err error)
}

// Transport is an http.RoundTripper that sends each request with an access
// token and a proof (RFC 9449 §7.1).
type Transport struct {
	Tokens TokenSource       // where tokens come from
	Prover *Prover           // nil: one of its own
	Base   http.RoundTripper // nil: http.DefaultTransport

	own Prover
}

// RoundTrip sends the request with a token of Tokens.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := checkTarget(req); err != nil {
		closeBody(req)
		return nil, err
	}
	token, key, err := t.Tokens.BoundToken(req.Context())
	if err != nil {
		closeBody(req)
		return nil, err
	}
	return t.prover().send(t.base(), req, key, token)
}

func (t *Transport) prover() *Prover {
	if t.Prover != nil {
		return t.Prover
	}
	return &t.own
}

func (t *Transport) base() http.RoundTripper {
	if t.Base != nil {
		return t.Base
	}
	return http.DefaultTransport
}

// checkTarget refuses to carry a token or a proof where the caller did not
// send the request: to another origin after a redirect, or in clear.
func checkTarget(req *http.Request) error {
	if req.URL.Scheme != "https" && !(req.URL.Scheme == "http" && loopback(req.URL)) {
		return &Error{Rule: ErrInsecure}
	}
	first := req
	for first.Response != nil && first.Response.Request != nil {
		first = first.Response.Request
	}
	if originOf(first.URL) != originOf(req.URL) {
		return &Error{Rule: ErrRedirect}
	}
	return nil
}

func loopback(u *url.URL) bool {
	host := u.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}
