package rest

import (
	"net/http"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/internal/transport"
)

// Apart returns base with a new connection for each request. Behind a load
// balancer that assigns connections to nodes, the next request may then reach
// another node. A nil base is a copy of http.DefaultTransport that limits
// response headers to 256 KiB, as a dpop.Prover does if it is given no base.
func Apart(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = transport.Copy()
		if t, ok := base.(*http.Transport); ok {
			t.DisableKeepAlives = true // a connection whose request was canceled is not kept either
		}
	}
	return apart{base}
}

// ApartTokens makes each request of a new TokenSource use a connection of its
// own, see [Apart].
func ApartTokens(s *assertion.TokenSource) *assertion.TokenSource {
	s.Base = Apart(s.Base)
	return s
}

type apart struct{ base http.RoundTripper }

// RoundTrip has the connection closed after the request, even if it was idle
// before.
func (a apart) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.WithContext(r.Context()) // a copy: its header is not touched
	r.Close = true
	return a.base.RoundTrip(r)
}
