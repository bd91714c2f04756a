package rest

import (
	"net/http"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
)

// Apart returns base (nil: http.DefaultTransport) with a new connection for
// each request. Behind a load balancer that assigns connections to nodes, the
// next request may then reach another node.
func Apart(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return apart{base}
}

// ApartTokens makes each request of a new TokenSource use a connection of its
// own, see [Apart]. A nil Base stays nil for its Prover, which then limits the
// size of response headers.
func ApartTokens(s *assertion.TokenSource) *assertion.TokenSource {
	if s.Prover == nil {
		s.Base = Apart(s.Base)
	} else {
		s.Prover = apartProver{s.Prover}
	}
	return s
}

type apartProver struct{ assertion.Prover }

func (p apartProver) Bind(base http.RoundTripper, key *keys.Key) http.RoundTripper {
	return apart{p.Prover.Bind(base, key)}
}

type apart struct{ base http.RoundTripper }

// RoundTrip has the connection closed after the request, even if it was idle
// before.
func (a apart) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.WithContext(r.Context()) // a copy: its header is not touched
	r.Close = true
	return a.base.RoundTrip(r)
}
