package redact

import (
	"errors"
	"slices"
	"strings"
)

// MayBeIn reports whether a value is in one of the texts, or nobody can tell.
func (v Values) MayBeIn(texts ...string) bool {
	search := v.search()
	return slices.ContainsFunc(texts, func(text string) bool {
		found := search.find(text[:min(len(text), maxInput)], maxNested)
		return len(found.spans) > 0 || found.short || found.unknown || len(text) > maxInput
	})
}

// Error returns err or, when its text has a value in it, another one: net/http
// quotes what is no HTTP. A text that is too long, or too much work, to be
// searched gives way, too. For errors.Is and Timeout the other one is still err.
func (v Values) Error(err error) error {
	text := err.Error()
	if len(text) > maxInput {
		return hide(err, "the answer is not HTTP, and long")
	}
	found := v.search().find(strings.TrimRight(text, `"`), maxNested) // in the quotes the server may have cut a value
	switch {
	case len(found.spans) > 0:
		return hide(err, "the answer is not HTTP and repeats what was sent")
	case found.short || found.unknown:
		return hide(err, "the network's error is not shown, for a secret that was sent may be in it")
	}
	return err
}

// hidden is an error whose text is not shown. It has no Unwrap, and a func in
// place of the error, since reflection reads fields.
type hidden struct {
	text    string
	is      func(target error) bool
	timeout bool
}

func hide(err error, text string) error {
	var t interface{ Timeout() bool }
	return &hidden{text, func(target error) bool { return errors.Is(err, target) }, errors.As(err, &t) && t.Timeout()}
}

func (h *hidden) Error() string { return h.text }

func (h *hidden) Is(target error) bool { return h.is(target) }

func (h *hidden) Timeout() bool { return h.timeout }
