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
func jsonObject(data []byte) (map[string]json.RawMessage, bool) {
	if !json.Valid(data) { // the Decoder alone is lax about commas
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, _ := dec.Token(); t != json.Delim('{') {
		return nil, false
	}
	object := make(map[string]json.RawMessage)
	for dec.More() {
		t, _ := dec.Token()
		name, _ := t.(string)
		if _, twice := object[name]; twice || !cleanText(name) || otherSpelling(name) {
			return nil, false
		}
		var raw json.RawMessage
		if dec.Decode(&raw) != nil {
			return nil, false
		}
		object[name] = raw
	}
	return object, true
}

// strictValue reads one value under the rules of jsonObject, at every depth.
// null is refused as well: it has no meaning in a JWK.
func strictValue(dec *json.Decoder, depth int) bool {
	t, err := dec.Token()
	if err != nil {
		return false
	}
	switch t := t.(type) {
	case nil:
		return false
	case string:
		return cleanText(t)
	case json.Delim:
		if depth == 0 {
			return false
		}
		names := make(map[string]bool)
		for dec.More() {
			if t == '{' {
				nt, _ := dec.Token()
				name, _ := nt.(string)
				if names[name] || !cleanText(name) {
					return false
				}
				names[name] = true
			}
			if !strictValue(dec, depth-1) {
				return false
			}
		}
		_, err := dec.Token()
		return err == nil
	}
	return true
}

// cleanText refuses NUL, and U+FFFD: what encoding/json makes of invalid UTF-8
// and of half a surrogate pair.
func cleanText(s string) bool { return !strings.ContainsAny(s, "\x00\ufffd") }
