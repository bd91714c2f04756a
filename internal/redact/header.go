package redact

import (
	"errors"
	"net/http"
)

// Header takes the values out of a header, of which the rest stays as it is. A
// field with a short value in it goes, unless it is one that servers write by
// themselves.
func (v Values) Header(h http.Header) {
	for name, fields := range h {
		for i, field := range fields {
			if len(field) > maxInput { // more than is searched
				fields[i] = Mark
				continue
			}
			found, whole := v.find(field, maxNested)
			switch {
			case !whole:
				fields[i] = replace(field, found, func(s string) string { return s })
			case !own(name):
				fields[i] = Mark
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

// Error returns err or, when its text has a value in it that is not short,
// another one: net/http quotes what is no HTTP. A text that is too long to be
// searched gives way, too.
func (v Values) Error(err error) error {
	text := err.Error()
	if len(text) > maxInput {
		return errors.New("the answer is not HTTP, and long")
	}
	if found, _ := v.find(text, maxNested); len(found) > 0 {
		return errors.New("the answer is not HTTP and repeats what was sent")
	}
	return err
}
