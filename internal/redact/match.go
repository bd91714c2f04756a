package redact

import "strings"

// value is the characters of a secret.
type value []rune

// places returns where in the original text the value is read. A text may end
// in the middle of it, or of one of its characters, where somebody has cut it.
func (s *search) places(v value, r reading) (found []span) {
	for i := 0; i < len(r) && s.left >= 0; i++ {
		n := v.common(r[i:])
		s.left -= n
		if n < len(v) && v.isCut(r[i:], n) {
			n = len(r) - i
		} else if n < len(v) {
			continue
		}
		found = append(found, span{r[i].from, r[i+n-1].to})
	}
	return found
}

// isCut reports whether r is the start of the value, cut, when they have n
// characters in common. The last of these may be of an escape that is cut: a
// value may have a % in it.
func (v value) isCut(r reading, n int) bool {
	for ; n >= max(shortest, len(r)-longestCut); n-- {
		if r[n:].cut() {
			return true
		}
	}
	return false
}

// common returns how many characters the value and r begin with alike. It takes
// + and a space for the same, as forms do.
func (v value) common(r reading) int {
	for i := range min(len(v), len(r)) {
		if plus(r[i].rune) != plus(v[i]) {
			return i
		}
	}
	return min(len(v), len(r))
}

func plus(r rune) rune {
	if r == '+' {
		return ' '
	}
	return r
}

// reading is a text as it is, or as it reads when escapes are undone.
type reading []char

// char is a character and the place in the original text that it is read from.
type char struct {
	rune rune
	span
}

func (r reading) String() string {
	var b strings.Builder
	for _, c := range r {
		b.WriteRune(c.rune)
	}
	return b.String()
}

func (r reading) starts(with string) bool {
	for i, c := range with {
		if i >= len(r) || r[i].rune != c {
			return false
		}
	}
	return true
}
