package keys

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"

	"github.com/nokkel/nokkel/internal/strictjson"
)

// readMembers reads a JWK strictly: encoding/json takes the last of two equal
// names and repairs broken text, where another parser may have seen another
// key in the same bytes. null is refused as well, for it has no meaning in a
// JWK. A value's type is checked when it is used.
func readMembers(data []byte) *members {
	m := &members{}
	if !strictjson.ObjectWithoutNull(data, func(name, value []byte) bool {
		i := slot(string(name))
		if i >= 0 {
			m.raw[i] = value
		}
		return i >= 0 || !otherSpelling(string(name))
	}) {
		m.fail(ErrMalformed, "not one JSON object with each member once, in the right case, without null, NUL, broken UTF-8 and deep nesting")
		m.readLaxly(data)
	}
	return m
}

// readLaxly shows what is in a malformed JWK: a private member counts there too.
func (m *members) readLaxly(data []byte) {
	var object map[string]json.RawMessage
	json.Unmarshal(data, &object)
	for name, value := range object {
		if i := slot(name); i >= 0 {
			m.raw[i] = value
		}
	}
}

// setObject splits the outer object of a JWKS, each member once. The values are
// not checked.
func setObject(data []byte) (map[string]json.RawMessage, bool) {
	object := make(map[string]json.RawMessage)
	d := json.NewDecoder(bytes.NewReader(data))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, false
	}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil {
			return nil, false
		}
		if object[name] != nil || slot(name) < 0 && otherSpelling(name) || strings.ContainsAny(name, "\x00\ufffd") {
			return nil, false
		}
		object[name] = value
	}
	if end, err := d.Token(); err != nil || end != json.Delim('}') {
		return nil, false
	}
	_, err := d.Token()
	return object, err == io.EOF
}
