// Package transport has the http.RoundTripper of callers that name none.
package transport

import (
	"net/http"
	"sync"
)

const maxHeader = 256 << 10 // bytes of response headers; net/http takes 10 MiB

// Copy returns an http.RoundTripper with the settings of http.DefaultTransport,
// connections of its own, and at most 256 KiB of response headers. A program that
// has put something else than an *http.Transport there has that returned.
func Copy() http.RoundTripper {
	d, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t := d.Clone()
	if t.MaxResponseHeaderBytes <= 0 || t.MaxResponseHeaderBytes > maxHeader {
		t.MaxResponseHeaderBytes = maxHeader
	}
	return t
}

var shared struct {
	sync.Mutex
	of, copy http.RoundTripper
}

// Of returns base, or for nil a [Copy] that the whole program shares: the same
// one for as long as the program does not replace http.DefaultTransport.
func Of(base http.RoundTripper) http.RoundTripper {
	if base != nil {
		return base
	}
	d, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.of != d {
		shared.of, shared.copy = d, Copy()
	}
	return shared.copy
}
