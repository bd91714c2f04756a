package keys

import (
	"bytes"
	"encoding/json"
	"strings"
)

// maxNesting bounds the depth of values inside a JWK; "oth" needs three.
const maxNesting = 8

// jsonObject splits one JSON object into its members. encoding/json takes the
// last of two equal names and repairs broken text; here both are refused,
// since another parser may have seen another key in the same bytes.
func jsonObject(data []byte) (map[string][]byte, bool) {
	if data = trimJSON(data, ""); !json.Valid(data) || data[0] != '{' {
		return nil, false
	}
	object := make(map[string][]byte)
	ok := walk(data, func(name string, value []byte) bool {
		_, twice := object[name]
		object[name] = value
		return !twice && !otherSpelling(name)
	})
	return object, ok
}

// strictValue applies the rules of jsonObject to a value at every depth. null
// is refused as well: it has no meaning in a JWK.
func strictValue(value []byte, depth int) bool {
	switch value[0] {
	case 'n':
		return false
	case '"':
		_, ok := jsonText(value)
		return ok
	case '[':
		return depth > 0 && walk(value, func(_ string, v []byte) bool { return strictValue(v, depth-1) })
	case '{':
		names := make(map[string]bool)
		return depth > 0 && walk(value, func(name string, v []byte) bool {
			twice := names[name]
			names[name] = true
			return !twice && strictValue(v, depth-1)
		})
	}
	return true
}

// walk calls f with each member of an object or element of an array, until
// one is refused. The text has passed json.Valid, which makes this short.
func walk(container []byte, f func(name string, value []byte) bool) bool {
	for rest := container[1 : len(container)-1]; ; {
		rest = trimJSON(rest, ",")
		if len(rest) == 0 {
			return true
		}
		var name string
		var value []byte
		if container[0] == '{' {
			value, rest = firstValue(rest)
			ok := false
			if name, ok = jsonText(value); !ok {
				return false
			}
			rest = trimJSON(rest, ":")
		}
		value, rest = firstValue(rest)
		if !f(name, value) {
			return false
		}
	}
}

func trimJSON(b []byte, separator string) []byte { return bytes.Trim(b, " \t\r\n"+separator) }

// firstValue cuts the value that b begins with.
func firstValue(b []byte) (value, rest []byte) {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return b[:i], b[i:] // a number, true, false or null ends before
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return b[:i+1], b[i+1:]
		}
	}
	return b, nil
}

// jsonText returns what a JSON string says. It refuses NUL, and U+FFFD: what
// encoding/json makes of half a surrogate pair.
func jsonText(value []byte) (s string, ok bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		s = string(value[1 : len(value)-1])
	} else if json.Unmarshal(value, &s) != nil {
		return "", false
	}
	return s, !strings.ContainsAny(s, "\x00\ufffd")
}
