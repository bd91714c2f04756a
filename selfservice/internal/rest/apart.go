package rest

import "net/http"

// Apart is base (nil: http.DefaultTransport), but for a connection of each
// request's own, which leads to another node of the server where a balancer
// gives connections to nodes.
func Apart(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return apart{base}
}

type apart struct{ base http.RoundTripper }

// RoundTrip has the connection closed after the request: the next one is
// another, be it one that lay idle.
func (a apart) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.WithContext(r.Context()) // a copy: its header is not touched
	r.Close = true
	return a.base.RoundTrip(r)
}
