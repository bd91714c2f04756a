package redact

import (
	"maps"
	"net/http"
	"slices"
)

// Header takes the values out of a header, of which the rest stays as it is. A
// field with a short value in it goes, unless it is one that servers write by
// themselves, and so does one that cannot be searched to its end.
func (v Values) Header(h http.Header) {
	search := v.search()
	for _, name := range slices.Sorted(maps.Keys(h)) { // in an order, for the first fields may take all the work
		for i, field := range h[name] {
			if len(field) > maxInput { // more than is searched
				h[name][i] = Mark
				continue
			}
			found := search.find(field, maxNested)
			if found.unknown || found.short && !own(name) {
				h[name][i] = Mark
			} else {
				h[name][i] = replace(field, found.spans, func(s string) string { return s })
			}
		}
	}
}

func own(name string) bool {
	switch name {
	case "Cache-Control", "Connection", "Content-Length", "Content-Type", "Date", "Dpop-Nonce", "Expires", "Pragma", "Retry-After",
		"Server", "Strict-Transport-Security", "Vary":
		return true
	}
	return false
}
