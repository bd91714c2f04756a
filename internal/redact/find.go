package redact

import (
	"encoding/base64"
	"slices"
	"strings"
)

const (
	// shortest is from how many characters on a value is taken out of a text.
	// A shorter one may be in there by chance ("cat" in "authentication"), and
	// a Mark in its place would tell which characters it has.
	shortest = 8

	maxReadings = 32 // of one text
	maxNested   = 2  // base64 in base64
)

// span is a place in a text, in bytes.
type span struct{ from, to int }

// find returns where values are in the text, sorted and apart from each other,
// in whatever spelling; or that nothing of the text may be shown, since a short
// value is in it or it can be read in too many ways. It looks into that many
// layers of base64.
func (v Values) find(text string, nested int) (found []span, whole bool) {
	if len(v.values) == 0 {
		return nil, false
	}
	readings := []reading{read(text)}
	seen := map[string]bool{readings[0].String(): true}
	for i := 0; i < len(readings) && !whole; i++ {
		for _, value := range v.values {
			at := value.in(readings[i])
			if len(value) >= shortest {
				found = append(found, at...)
			} else if len(at) > 0 {
				whole = true
			}
		}
		if nested > 0 {
			at, all := v.inBase64(readings[i], nested-1)
			found = append(found, at...)
			whole = whole || all
		}
		for _, decode := range decoders {
			next := decode(readings[i])
			if as := next.String(); !seen[as] {
				seen[as] = true
				readings = append(readings, next)
			}
		}
		whole = whole || len(readings) > maxReadings
	}
	return merge(found), whole
}

// inBase64 returns the runs of base64 that hold a value. A run may begin with
// something else, so that a group of four may begin at any of its characters.
func (v Values) inBase64(r reading, nested int) (found []span, whole bool) {
	for at := 0; at < len(r); {
		from := at
		for at < len(r) && base64Rune(r[at].rune) && r[at].rune != '=' {
			at++
		}
		run := strings.Map(standard, r[from:at].String())
		for at < len(r) && r[at].rune == '=' {
			at++
		}
		if at == from {
			at++
		}
		for offset := range min(4, max(0, len(run)-(4*v.least()+2)/3+1)) { // where it can still hold a value
			groups := run[offset:]
			if len(groups)%4 == 1 {
				groups = groups[:len(groups)-1]
			}
			text, _ := base64.RawStdEncoding.DecodeString(groups) // it has none but the right characters
			in, all := v.find(string(text), nested)
			if len(in) > 0 {
				found = append(found, span{r[from].from, r[at-1].to})
			}
			whole = whole || all
		}
	}
	return found, whole
}

// standard maps the alphabet of base64url to that of base64.
func standard(r rune) rune {
	switch r {
	case '-':
		return '+'
	case '_':
		return '/'
	}
	return r
}

// least is how many octets hold a value at least.
func (v Values) least() int {
	n := shortest
	for _, value := range v.values {
		n = min(n, len(value))
	}
	return n
}

func merge(spans []span) (apart []span) {
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	for _, s := range spans {
		if last := len(apart) - 1; last >= 0 && s.from <= apart[last].to {
			apart[last].to = max(apart[last].to, s.to)
		} else {
			apart = append(apart, s)
		}
	}
	return apart
}

// value is the characters of a secret.
type value []rune

// in returns where in the original text the value is read. A text may end in
// the middle of it, where somebody has cut it.
func (v value) in(r reading) (found []span) {
	for i := range r {
		n := min(len(v), len(r)-i)
		if n < len(v) && n < shortest {
			break
		}
		if v.starts(r[i : i+n]) {
			found = append(found, span{r[i].from, r[i+n-1].to})
		}
	}
	return found
}

// starts reports whether the value starts so. It takes + and a space for the
// same, as forms do.
func (v value) starts(r reading) bool {
	for i, c := range r {
		if plus(c.rune) != plus(v[i]) {
			return false
		}
	}
	return true
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
