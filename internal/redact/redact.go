// Package redact makes a server's text fit for errors and logs: one readable
// line, without any secret that was sent to the server.
package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// Mark replaces what was removed.
	Mark = "[redacted]"

	// MaxText is the usual limit of a line, in bytes.
	MaxText = 300

	maxInput = 4 << 10 // bytes of a text that are used; the rest is dropped
	ellipsis = "…"
)

// Line is [Values.Line] without values: nothing is known to be secret.
func Line(text string, limit int) string { return Values{}.Line(text, limit) }

// Line reduces a server's text to one line of at most limit bytes, of
// printable characters only (no line breaks, no terminal or bidirectional
// controls), without any of the values in any spelling and without anything
// that looks like a token or a key.
func (v Values) Line(text string, limit int) string {
	text = text[:min(len(text), maxInput)]
	found := v.search().find(text, maxNested)
	if found.short || found.unknown {
		return Mark
	}
	text = v.withoutTokens(strings.TrimSpace(replace(text, found.spans, Printable)))
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit-len(ellipsis)], "") + ellipsis
	}
	return text
}

// replace puts Mark in the place of each span, and clean(s) in that of each s
// between them.
func replace(text string, found []span, clean func(string) string) string {
	var b strings.Builder
	at := 0
	for _, f := range found {
		b.WriteString(clean(text[at:f.from]))
		b.WriteString(Mark)
		at = f.to
	}
	b.WriteString(clean(text[at:]))
	return b.String()
}

// Printable replaces everything that does not print with a space: line
// breaks, terminal and bidirectional controls, zero-width characters. It
// removes no secret.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}
