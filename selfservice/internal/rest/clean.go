package rest

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxText is how many bytes [Clean] keeps of a text.
	MaxText = 300

	maxInput = 4 << 10 // bytes of it that are looked at
	maxRun   = 31      // characters in a row that are no token, key or secret; the shortest that Keycloak makes has 32
)

// Clean makes one line for people of a server's text: no control characters,
// nothing that could be a token or a key, at most MaxText bytes.
func Clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text[:min(len(text), maxInput)])
	var b strings.Builder
	for text = strings.TrimSpace(text); text != "" && b.Len() <= MaxText; {
		end := strings.IndexFunc(text, func(r rune) bool { return !tokenRune(r) })
		switch {
		case end < 0:
			end = len(text)
		case end == 0:
			_, end = utf8.DecodeRuneInString(text)
		}
		if end > maxRun {
			b.WriteString("[redacted]")
		} else {
			b.WriteString(text[:end])
		}
		text = text[end:]
	}
	if b.Len() > MaxText {
		return strings.ToValidUTF8(b.String()[:MaxText-len("…")], "") + "…"
	}
	return b.String()
}

// tokenRune tells the characters of base64, in both alphabets.
func tokenRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_+/=", r)
}
