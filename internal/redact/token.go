package redact

import (
	"regexp"
	"slices"
	"strings"
)

// maxRun is how many characters of base64 in a row are no token, key or secret;
// the shortest secret that Keycloak makes has 32.
const maxRun = 31

// withoutTokens puts Mark in the place of each word that looks like a token or
// a key and is not to be kept: servers like to say which assertion they did not
// like.
func (v Values) withoutTokens(text string) string {
	var b strings.Builder
	for text != "" {
		word := prefix(text, tokenRune)
		if looksLikeToken(word) && !slices.Contains(v.public, strings.Trim(word, ".=")) {
			b.WriteString(Mark)
		} else {
			b.WriteString(word)
		}
		text = text[len(word):]
		between := prefix(text, func(r rune) bool { return !tokenRune(r) })
		b.WriteString(between)
		text = text[len(between):]
	}
	return b.String()
}

// prefix returns the longest start of text that is made of such runes.
func prefix(text string, of func(rune) bool) string {
	if end := strings.IndexFunc(text, func(r rune) bool { return !of(r) }); end >= 0 {
		return text[:end]
	}
	return text
}

// tokenRune reports whether r is of the alphabet of bearer tokens (RFC 6750
// §2.1), which has base64, base64url and the dot of a JWS in it.
func tokenRune(r rune) bool { return base64Rune(r) || r == '.' || r == '~' }

func base64Rune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_+/=", r)
}

// looksLikeToken knows base64url of `{"`, three long parts with dots, and long
// runs of base64; but neither lower-case words in a row, as error codes and
// URLs have them, nor a UUID, by which a server's operators find a request.
func looksLikeToken(word string) bool {
	if len(word) >= 20 && strings.Contains(word, "eyJ") {
		return true
	}
	long := 0
	for part := range strings.SplitSeq(word, ".") {
		if len(part) > maxRun && !harmless(part) {
			return true
		}
		if len(part) >= 16 {
			long++
		}
	}
	return long >= 3
}

func harmless(run string) bool {
	matched, _ := regexp.MatchString(`^(?:[a-z]{0,24}(?:[-_/=][a-z]{0,24})*|(?i:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}))$`, run)
	return matched
}
