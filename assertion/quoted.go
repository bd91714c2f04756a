package assertion

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/nokkel/nokkel/internal/strictjson"
)

// quoted returns what golang.org/x/oauth2 quotes of a success answer when it
// fails to decode it: a number where it wants a text, and what is no number
// where it wants one.
func quoted(body []byte) (literals []string) {
	if ordinary(body) {
		return nil
	}
	add := func(name string, value []byte) {
		literal, isText := strictjson.Text(value)
		if value[0] == '-' || isDigits(string(value[:1])) {
			literal = string(value)
		}
		if literal != "" && !decodes(name, literal, isText) {
			literals = append(literals, literal)
		}
	}
	d := json.NewDecoder(bytes.NewReader(body)) // unlike Unmarshal it shows members that come twice
	d.UseNumber()
	first, _ := d.Token()
	if number, ok := first.(json.Number); ok { // the whole answer
		add("", []byte(number))
	}
	for first == json.Delim('{') && d.More() {
		token, _ := d.Token()
		name, _ := token.(string)
		var value json.RawMessage
		if d.Decode(&value) != nil {
			break // an error of syntax quotes one character
		}
		add(name, value)
	}
	return literals
}

// ordinary reports whether body, if it is JSON, is surely no error and is decoded
// without one. It looks at what the quotes separate, which costs a tenth of
// decoding it.
func ordinary(body []byte) bool {
	if bytes.IndexByte(body, '\\') >= 0 {
		return false // a name may be escaped, and a quote be part of a string
	}
	name, last := "", ""
	isName, inString := true, false
	for part := range strings.SplitSeq(string(body), `"`) {
		if inString {
			if last = part; !isName && !decodes(name, part, true) {
				return false
			}
		} else {
			number := strings.Trim(part, ":,[]{} \t\r\n")
			value := strings.HasPrefix(strings.TrimSpace(part), ":")
			if value {
				name = last
			}
			if number != "" && !decodes(name, number, false) || mayBeError(name) {
				return false
			}
			isName = !value || number != ""
		}
		inString = !inString
	}
	return true
}

func mayBeError(name string) bool { return len(name) >= 5 && strings.EqualFold(name[:5], "error") }

// decodes reports whether golang.org/x/oauth2, which takes names in any case,
// decodes such a member without an error. It knows those of all answers.
func decodes(name, literal string, isText bool) bool {
	is := func(as string) bool { return strings.EqualFold(as, name) }
	switch {
	case is("expires_in") || is("interval"):
		return len(literal) <= 18 && isDigits(literal)
	case is("expiry"):
		return false // it wants a time
	}
	return isText || !slices.ContainsFunc([]string{
		"", "access_token", "token_type", "refresh_token", "id_token", "error", "error_description", "error_uri",
		"device_code", "user_code", "verification_uri", "verification_uri_complete", "verification_url",
	}, is)
}
