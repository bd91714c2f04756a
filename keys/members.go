package keys

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// members are the members of one JWK. The first rule that is broken stays in
// err; what is read after that is empty.
type members struct {
	raw map[string][]byte
	err error
}

// readMembers reads a JWK strictly; a value's type is checked when it is used.
func readMembers(data []byte) *members {
	raw, ok := jsonObject(data)
	m := &members{raw: raw}
	if !ok {
		m.fail(ErrMalformed, "not one JSON object with each member once, in the right case")
		return m
	}
	for _, value := range raw {
		if !strictValue(value, maxNesting) {
			m.fail(ErrMalformed, "null, NUL, broken UTF-8, a member twice or too deep nesting inside the JWK")
		}
	}
	return m
}

// otherSpelling tells a name that a parser which ignores case (Go's and many
// others) takes for one that means something, and that we would not see.
func otherSpelling(name string) bool {
	known := names()
	return !slices.Contains(known[:], name) &&
		slices.ContainsFunc(known[:], func(k string) bool { return strings.EqualFold(name, k) })
}

// names are the members that mean something here, private and symmetric ones
// first (RFC 7517 §4, RFC 7518 §6).
func names() [21]string {
	return [...]string{"d", "p", "q", "dp", "dq", "qi", "oth", "k",
		"kty", "use", "key_ops", "alg", "kid", "x5c", "x5t#S256", "crv", "x", "y", "n", "e", "keys"}
}

const privateNames = 8

func (m *members) fail(rule error, detail string) {
	if m.err == nil {
		m.err = refuse(rule, detail)
	}
}

func (m *members) has(name string) bool { return m.raw[name] != nil }

// hasPrivate reports whether a private or symmetric member is there, well
// formed or not.
func (m *members) hasPrivate() bool {
	known := names()
	return slices.ContainsFunc(known[:privateNames], func(name string) bool {
		return m.has(name) && (name != "oth" || m.hasMorePrimes())
	})
}

// hasMorePrimes reports whether "oth" (RFC 7518 §6.3.2.7) names any prime. .NET
// writes an empty one into every key, public ones too.
func (m *members) hasMorePrimes() bool {
	var primes []json.RawMessage
	return m.has("oth") && (json.Unmarshal(m.raw["oth"], &primes) != nil || len(primes) > 0)
}

// text returns a string member, "" when it is absent.
func (m *members) text(name string) string {
	if m.err != nil || !m.has(name) {
		return ""
	}
	s, ok := jsonText(m.raw[name])
	if !ok {
		m.fail(ErrMalformed, name+" is not a string")
	}
	return s
}

// list returns an array of strings, nil when it is absent or empty.
func (m *members) list(name string) []string {
	if m.err != nil || !m.has(name) {
		return nil
	}
	var l []string
	if json.Unmarshal(m.raw[name], &l) != nil {
		m.fail(ErrMalformed, name+" is not an array of strings")
	}
	return l
}

// octets returns a base64url member (RFC 7515 §2), nil when it is absent.
// Padding, line ends, the standard alphabet and non-zero tail bits are
// refused, so that one value has one spelling.
func (m *members) octets(name string) []byte {
	s := m.text(name)
	enc := base64.RawURLEncoding
	b, err := enc.DecodeString(s) // skips line ends and tail bits; Strict() copies its tables
	if err == nil && enc.EncodedLen(len(b)) == len(s) {
		var tail [4]byte
		if end := enc.AppendEncode(tail[:0], b[len(b)-len(b)%3:]); strings.HasSuffix(s, string(end)) {
			return b
		}
	}
	m.fail(ErrMalformed, name+" is not unpadded base64url")
	return nil
}
