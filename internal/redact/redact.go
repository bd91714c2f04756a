// Package redact makes what a server wrote fit for errors and logs: one line
// for people, without anything that the exchange has sent as a secret.
package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// Mark stands where something was taken out.
	Mark = "[redacted]"

	// MaxText is how many bytes of a text for people are enough.
	MaxText = 300

	maxInput = 4 << 10 // bytes of a text that are looked at; the rest is dropped
	ellipsis = "…"
)

// Line makes one line of a text of which nothing is known to be secret; see
// [Values.Line].
func Line(text string, limit int) string { return Values{}.Line(text, limit) }

// Line makes one line for people of a server's text: printable characters only
// (no line breaks, no terminal or bidirectional controls), none of the values
// in any spelling, nothing that looks like a token or a key, at most limit
// bytes.
func (v Values) Line(text string, limit int) string {
	text = text[:min(len(text), maxInput)]
	found, whole := v.find(text, maxNested)
	if whole {
		return Mark
	}
	text = v.withoutTokens(strings.TrimSpace(replace(text, found, Printable)))
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit-len(ellipsis)], "") + ellipsis
	}
	return text
}

// replace puts Mark in the place of each span, and clean(s) in that of what is
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

// Printable puts a space in the place of what is not shown as it is: line
// breaks, terminal and bidirectional controls, characters without width. It
// takes out no secret.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}
