package redact

import (
	"unicode/utf16"
	"unicode/utf8"
)

// longestCut is about how long an escape can be, and one inside it.
const longestCut = 40

// cut reports whether r can be all that is left of a character where somebody
// has cut a text: the first octets of its UTF-8, half of a surrogate pair, or
// the beginning of an escape, which may itself be escaped; or nothing at all.
func (r reading) cut() bool {
	if len(r) > longestCut {
		return false
	}
	for range utf8.UTFMax - 1 {
		if len(r) > 0 && incomplete(r[0].rune) {
			r = r[1:]
		}
	}
	for i, c := range r {
		mark := c.rune == '\\' || c.rune == '%' || c.rune == '&'
		if !mark && (i == 0 || c.rune != '#' && !letterOrDigit(c.rune)) {
			return false
		}
	}
	return true
}

// incomplete reports whether r is how a part of a character reads: an octet, as
// Latin-1 or as what decoders of JSON put in its place, or a surrogate.
func incomplete(r rune) bool {
	return r >= 0x80 && r <= 0xff || r == '\ufffd' || utf16.IsSurrogate(r)
}

func letterOrDigit(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}
