package assertion

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxCode        = 64
	maxDescription = 300
	redacted       = "[redacted]"
)

// clean makes a line for people of a server's text: printable characters only
// (no line breaks, no terminal or bidirectional controls), nothing that looks
// like a token, at most limit bytes.
func clean(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	text = redactTokens(strings.TrimSpace(text))
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit-len("…")], "") + "…"
	}
	return text
}

// redactTokens replaces every word that looks like a JWS or JWE: servers like
// to say which assertion they did not like.
func redactTokens(text string) string {
	var b strings.Builder
	for text != "" {
		n := strings.IndexFunc(text, func(r rune) bool { return !tokenRune(r) })
		if n < 0 {
			n = len(text)
		}
		if looksLikeToken(text[:n]) {
			b.WriteString(redacted)
		} else {
			b.WriteString(text[:n])
		}
		text = text[n:]
		rest := strings.IndexFunc(text, tokenRune)
		if rest < 0 {
			rest = len(text)
		}
		b.WriteString(text[:rest])
		text = text[rest:]
	}
	return b.String()
}

func tokenRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.=+/~", r)
}

// looksLikeToken knows base64url of `{"` and three long parts with dots.
func looksLikeToken(word string) bool {
	if len(word) >= 20 && strings.Contains(word, "eyJ") {
		return true
	}
	long := 0
	for part := range strings.SplitSeq(word, ".") {
		if len(part) >= 16 {
			long++
		}
	}
	return long >= 3
}
