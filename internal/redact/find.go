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
	maxWork     = maxReadings * maxInput
)

// span is a place in a text, in bytes.
type span struct{ from, to int }

// finding is what there is in a text.
type finding struct {
	spans   []span // of values that are not short, sorted and apart from each other
	short   bool   // a short value is in it
	unknown bool   // it can be read in too many ways, or searching it is too much work
}

// search looks for values in the texts of one line, header or error. The server
// chooses them, so all of them together may take maxWork: characters of
// readings, and characters of values that were compared.
type search struct {
	Values
	left int
	runs map[run]finding // of base64 that were read before
}

// run is a run of base64 and how many layers are to be looked into.
type run struct {
	text   string
	nested int
}

func (v Values) search() *search { return &search{v, maxWork, map[run]finding{}} }

// find returns where values are in the text, in whatever spelling. It looks
// into that many layers of base64.
func (s *search) find(text string, nested int) (f finding) {
	if len(s.values) == 0 {
		return f
	}
	readings := []reading{read(text)}
	seen := map[string]bool{readings[0].String(): true}
	for i := 0; i < len(readings) && !f.unknown; i++ {
		s.left -= len(readings[i])
		for _, value := range s.values {
			at := s.places(value, readings[i])
			if len(value) >= shortest {
				f.spans = append(f.spans, at...)
			} else if len(at) > 0 {
				f.short = true
			}
		}
		if nested > 0 {
			f.add(s.inBase64(readings[i], nested-1))
		}
		for _, decoder := range decoders {
			next, undone := readings[i].decode(decoder)
			if as := next.String(); undone && !seen[as] {
				seen[as] = true
				readings = append(readings, next)
			}
		}
		f.unknown = f.unknown || s.left < 0 || len(readings) > maxReadings
	}
	f.spans = merge(f.spans)
	return f
}

func (f *finding) add(other finding) {
	f.spans = append(f.spans, other.spans...)
	f.short = f.short || other.short
	f.unknown = f.unknown || other.unknown
}

// inBase64 returns the runs of base64 that hold a value.
func (s *search) inBase64(r reading, nested int) (f finding) {
	for at := 0; at < len(r) && s.left >= 0; {
		from := at
		for at < len(r) && base64Rune(r[at].rune) && r[at].rune != '=' {
			at++
		}
		in := s.inRun(run{strings.Map(standard, r[from:at].String()), nested})
		for at < len(r) && r[at].rune == '=' {
			at++
		}
		if at == from {
			at++
		}
		if len(in.spans) > 0 {
			in.spans = []span{{r[from].from, r[at-1].to}}
		}
		f.add(in)
	}
	return f
}

// inRun returns what is found in a run of base64, which is the same in many
// readings of a text. A run may begin with something else, so that a group of
// four may begin at any of its characters.
func (s *search) inRun(r run) (f finding) {
	offsets := min(4, len(r.text)-(4*s.least()+2)/3+1) // where it can still hold a value
	if offsets <= 0 {
		return f
	}
	f, known := s.runs[r]
	for offset := 0; offset < offsets && !known && s.left >= 0; offset++ {
		groups := r.text[offset:]
		if len(groups)%4 == 1 {
			groups = groups[:len(groups)-1]
		}
		text, _ := base64.RawStdEncoding.DecodeString(groups) // it has none but the right characters
		f.add(s.find(string(text), r.nested))
	}
	s.runs[r] = f
	return f
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
