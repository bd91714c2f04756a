// Package strictjson reads JSON that others may have written to be read in two
// ways. It takes one value in valid UTF-8, each member of an object once, and
// no string that is repaired or cut short anywhere: no NUL, no half of a
// surrogate pair. It is one pass, and bounded in depth.
package strictjson

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// MaxDepth is how deep values may lie inside each other, the object counted.
const MaxDepth = 9

// Object calls f with each member of the one JSON object that data is, until
// f returns false. It passes names decoded and values raw; what follows a
// member is not checked yet. It reports whether all of data is well formed
// and f never returned false.
func Object(data []byte, f func(name, value []byte) bool) bool {
	return read(scanner{data: data}, f)
}

// ObjectWithoutNull is Object, but refuses null.
func ObjectWithoutNull(data []byte, f func(name, value []byte) bool) bool {
	return read(scanner{data: data, noNull: true}, f)
}

func read(s scanner, f func(name, value []byte) bool) bool {
	s.space()
	if s.peek() != '{' || !s.object(MaxDepth, f) {
		return false
	}
	s.space()
	return s.pos == len(s.data)
}

// Text decodes a string value that came from Object. Other kinds of value are
// not ok.
func Text(value []byte) (text string, ok bool) {
	b, ok := Bytes(value)
	return string(b), ok
}

// Bytes is [Text] in bytes, which may be those of value.
func Bytes(value []byte) (text []byte, ok bool) {
	if len(value) < 2 || value[0] != '"' {
		return nil, false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1], true
	}
	var decoded string
	err := json.Unmarshal(value, &decoded)
	return []byte(decoded), err == nil
}

type scanner struct {
	data   []byte
	pos    int
	noNull bool
}

// peek returns the next byte, 0 at the end: no token begins with that.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// take goes past c and the space around it.
func (s *scanner) take(c byte) bool {
	s.space()
	if s.peek() != c {
		return false
	}
	s.pos++
	s.space()
	return true
}

func (s *scanner) value(depth int) bool {
	switch c := s.peek(); {
	case c == '"':
		return s.text()
	case c == '{':
		return depth > 0 && s.object(depth, nil)
	case c == '[':
		return depth > 0 && s.array(depth)
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	return s.word("true") || s.word("false") || !s.noNull && s.word("null")
}

func (s *scanner) word(text string) bool {
	if !bytes.HasPrefix(s.data[s.pos:], []byte(text)) {
		return false
	}
	s.pos += len(text)
	return true
}

func (s *scanner) object(depth int, f func(name, value []byte) bool) bool {
	var seen names
	if s.take('{'); s.take('}') {
		return true
	}
	for {
		start := s.pos
		if s.peek() != '"' || !s.text() {
			return false
		}
		name := s.data[start+1 : s.pos-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			var ok bool
			if name, ok = Bytes(s.data[start:s.pos]); !ok {
				return false
			}
		}
		if !seen.add(name) || !s.take(':') {
			return false
		}
		start = s.pos
		if !s.value(depth-1) || f != nil && !f(name, s.data[start:s.pos]) {
			return false
		}
		if !s.take(',') {
			return s.end('}')
		}
	}
}

func (s *scanner) array(depth int) bool {
	if s.take('['); s.take(']') {
		return true
	}
	for s.value(depth - 1) {
		if !s.take(',') {
			return s.end(']')
		}
	}
	return false
}

// end goes past the last byte of a container, and not past the space after it,
// which is not the value's.
func (s *scanner) end(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

// number is RFC 8259 §6.
func (s *scanner) number() bool {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return false
	}
	if s.peek() == '.' {
		if s.pos++; !s.digits() {
			return false
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.pos
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos > start
}

// text is RFC 8259 §7, less what [Object] refuses.
func (s *scanner) text() bool {
	s.pos++
	start, ascii := s.pos, true
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return ascii || wellFormed(s.data[start:s.pos-1])
		case c < 0x20:
			return false
		case c == '\\':
			if !s.escape() {
				return false
			}
		default:
			ascii = ascii && c < utf8.RuneSelf
			s.pos++
		}
	}
	return false
}

// wellFormed refuses U+FFFD as well, which stands for what was broken before.
func wellFormed(text []byte) bool {
	return utf8.Valid(text) && !bytes.ContainsRune(text, utf8.RuneError)
}

func (s *scanner) escape() bool {
	s.pos++
	c := s.peek()
	s.pos++
	if c != 'u' {
		return c != 0 && bytes.IndexByte([]byte(`"\/bfnrt`), c) >= 0
	}
	r, ok := s.hex()
	switch {
	case !ok || r == 0 || r == utf8.RuneError || r >= 0xdc00 && r < 0xe000:
		return false
	case r >= 0xd800 && r < 0xdc00:
		if s.peek() != '\\' {
			return false
		}
		if s.pos++; s.peek() != 'u' {
			return false
		}
		s.pos++
		low, ok := s.hex()
		return ok && low >= 0xdc00 && low < 0xe000
	}
	return true
}

// hex reads the four digits of an escape.
func (s *scanner) hex() (r rune, ok bool) {
	if len(s.data)-s.pos < 4 {
		return 0, false
	}
	for _, c := range s.data[s.pos : s.pos+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	s.pos += 4
	return r, true
}

// names are the members that an object has shown: a few are compared one by
// one, many are hashed.
type names struct {
	few  [12][]byte
	n    int
	many map[string]struct{}
}

// add reports whether name is new.
func (s *names) add(name []byte) bool {
	for _, known := range s.few[:s.n] {
		if bytes.Equal(known, name) {
			return false
		}
	}
	if s.n < len(s.few) {
		s.few[s.n] = name
		s.n++
		return true
	}
	if _, twice := s.many[string(name)]; twice {
		return false
	}
	if s.many == nil {
		s.many = make(map[string]struct{})
	}
	s.many[string(name)] = struct{}{}
	return true
}
