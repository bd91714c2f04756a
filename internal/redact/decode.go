package redact

import (
	"html"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// decoders undo one way of writing each and leave everything else alone. What
// was written in several ways, one around the other or side by side, is read by
// one decoder after the other.
var decoders = [...]decoder{backslash, percent, entity, lineBreak, hexadecimal}

// decoder returns the characters that r begins with, and how long their escape
// is; 0 where there is none.
type decoder func(r reading) (runes []rune, n int)

// read takes the text as UTF-8, and bytes that are none as Latin-1.
func read(text string) reading {
	var r reading
	for i, c := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		if c == utf8.RuneError && size == 1 {
			c = rune(text[i])
		}
		r = append(r, char{c, span{i, i + size}})
	}
	return r
}

// decode replaces each escape, if there is any.
func (r reading) decode(one decoder) (out reading, undone bool) {
	copied := 0 // as much of r is in out
	for at := 0; at < len(r); {
		runes, n := one(r[at:])
		if n == 0 {
			at++
			continue
		}
		out = append(out, r[copied:at]...)
		for _, c := range runes {
			out = append(out, char{c, span{r[at].from, r[at+n-1].to}})
		}
		at += n
		copied = at
	}
	if copied == 0 {
		return nil, false
	}
	return append(out, r[copied:]...), true
}

// backslash reads the escapes of JSON (RFC 8259 §7) and \x41.
func backslash(r reading) ([]rune, int) {
	if len(r) < 2 || r[0].rune != '\\' {
		return nil, 0
	}
	switch c := r[1].rune; c {
	case '"', '\\', '/', '\'':
		return []rune{c}, 2
	case 'b', 'f', 'n', 'r', 't', 'v':
		return []rune{rune("\b\f\n\r\t\v"[strings.IndexRune("bfnrtv", c)])}, 2
	case 'x':
		return octets(r, `\x`)
	case 'u':
		unit, ok := number(r, 2, 4)
		if !ok {
			return nil, 0
		}
		if utf16.IsSurrogate(unit) && len(r) >= 12 && r[6].rune == '\\' && r[7].rune == 'u' {
			if low, ok := number(r, 8, 4); ok {
				return []rune{utf16.DecodeRune(unit, low)}, 12
			}
		}
		return []rune{unit}, 6
	}
	return nil, 0
}

// percent reads the octets of a URL or a form (RFC 3986 §2.1).
func percent(r reading) ([]rune, int) { return octets(r, "%") }

// octets reads a run of octets in hexadecimal, each after the same mark, as
// UTF-8, or else as Latin-1.
func octets(r reading, mark string) ([]rune, int) {
	step := len(mark) + 2
	var b []byte
	for at := 0; r[at:].starts(mark); at += step {
		octet, ok := number(r, at+len(mark), 2)
		if !ok {
			break
		}
		b = append(b, byte(octet))
	}
	var runes []rune
	for _, c := range read(string(b)) {
		runes = append(runes, c.rune)
	}
	return runes, len(b) * step
}

// entity reads a character reference of HTML and XML.
func entity(r reading) ([]rune, int) {
	const longest = 33 // &CounterClockwiseContourIntegral;
	if r[0].rune != '&' {
		return nil, 0
	}
	for i := range r[:min(len(r), longest)] {
		if r[i].rune != ';' {
			continue
		}
		written := r[:i+1].String()
		if as := html.UnescapeString(written); as != written {
			return []rune(as), i + 1
		}
		break
	}
	return nil, 0
}

// lineBreak drops what base64 is folded with (RFC 2045 §6.8).
func lineBreak(r reading) ([]rune, int) {
	if r[0].rune == '\r' || r[0].rune == '\n' {
		return nil, 1
	}
	return nil, 0
}

// hexadecimal reads octets without marks, enough of them for a value that is
// not short. Where a text was cut, it drops half of one.
func hexadecimal(r reading) ([]rune, int) {
	n := 0
	for n < len(r) && digit(r[n].rune) >= 0 {
		n++
	}
	if n < 2*shortest {
		return nil, 0
	}
	runes, whole := octets(r[:n], "")
	if !r[n:].cut() {
		return runes, whole
	}
	return runes, n
}

func number(r reading, at, digits int) (n rune, ok bool) {
	if len(r) < at+digits {
		return 0, false
	}
	for _, c := range r[at : at+digits] {
		d := digit(c.rune)
		if d < 0 {
			return 0, false
		}
		n = n<<4 | d
	}
	return n, true
}

// digit returns the value of a hexadecimal digit, negative if r is none.
func digit(r rune) rune {
	switch {
	case r >= '0' && r <= '9':
		return r - '0'
	case r >= 'a' && r <= 'f':
		return r - 'a' + 10
	case r >= 'A' && r <= 'F':
		return r - 'A' + 10
	}
	return -1
}
