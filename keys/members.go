package keys

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// members are the members of one JWK. The first rule that is broken stays in
// err; what is read after that is empty.
type members struct {
	raw map[string]json.RawMessage
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
		if !strictValue(json.NewDecoder(bytes.NewReader(value)), maxNesting) {
			m.fail(ErrMalformed, "null, NUL, broken UTF-8, a member twice or too deep nesting inside the JWK")
		}
	}
	return m
}

// otherSpelling tells a name that a parser which ignores case (Go's and many
// others) takes for one that means something, and that we would not see.
func otherSpelling(name string) bool {
	known := func(k string) bool { return name != k && strings.EqualFold(name, k) }
	return slices.ContainsFunc(privateNames(), known) || slices.ContainsFunc(publicNames(), known)
}

// The members that mean something here (RFC 7517 §4, RFC 7518 §6).
func privateNames() []string { return []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} }
func publicNames() []string {
	return []string{"kty", "use", "key_ops", "alg", "kid", "x5c", "x5t#S256", "crv", "x", "y", "n", "e", "keys"}
}

func (m *members) fail(rule error, detail string) {
	if m.err == nil {
		m.err = refuse(rule, detail)
	}
}

func (m *members) has(name string) bool { return m.raw[name] != nil }

// hasPrivate tells whether a private or symmetric member is there, well
// formed or not.
func (m *members) hasPrivate() bool {
	return slices.ContainsFunc(privateNames(), func(name string) bool {
		return m.has(name) && (name != "oth" || m.hasMorePrimes())
	})
}

// hasMorePrimes tells whether "oth" (RFC 7518 §6.3.2.7) names any prime. .NET
// writes an empty one into every key, public ones too.
func (m *members) hasMorePrimes() bool {
	var primes []json.RawMessage
	return m.has("oth") && (json.Unmarshal(m.raw["oth"], &primes) != nil || len(primes) > 0)
}

// text returns a string member, "" when it is absent.
func (m *members) text(name string) string {
	var s string
	if m.err == nil && m.has(name) && json.Unmarshal(m.raw[name], &s) != nil {
		m.fail(ErrMalformed, name+" is not a string")
	}
	return s
}

// list returns an array of strings, nil when it is absent or empty.
func (m *members) list(name string) []string {
	var l []string
	if m.err == nil && m.has(name) && json.Unmarshal(m.raw[name], &l) != nil {
		m.fail(ErrMalformed, name+" is not an array of strings")
	}
	return l
}

// octets returns a base64url member (RFC 7515 §2), nil when it is absent.
// Padding, line ends, the standard alphabet and non-zero tail bits are
// refused, so that one value has one spelling.
func (m *members) octets(name string) []byte {
	s := m.text(name)
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || base64.RawURLEncoding.EncodedLen(len(b)) != len(s) {
		m.fail(ErrMalformed, name+" is not unpadded base64url")
		return nil
	}
	return b
}
