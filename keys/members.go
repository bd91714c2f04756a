package keys

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/nokkel/nokkel/internal/strictjson"
)

// members are the members of one JWK. The first rule that is broken stays in
// err; what is read after that is empty.
type members struct {
	raw [memberNames][]byte // by slot
	err error
}

// The members that mean something here, private and symmetric ones first
// (RFC 7517 §4, RFC 7518 §6).
const (
	privateNames = 8
	memberNames  = 21
)

func names() [memberNames]string {
	return [...]string{"d", "p", "q", "dp", "dq", "qi", "oth", "k",
		"kty", "use", "key_ops", "alg", "kid", "x5c", "x5t#S256", "crv", "x", "y", "n", "e", "keys"}
}

// slot returns where a name is in names, -1 when it is not. It is asked some
// thirty times for a key, which a search would show.
func slot(name string) int {
	switch name {
	case "d":
		return 0
	case "p":
		return 1
	case "q":
		return 2
	case "dp":
		return 3
	case "dq":
		return 4
	case "qi":
		return 5
	case "oth":
		return 6
	case "k":
		return 7
	case "kty":
		return 8
	case "use":
		return 9
	case "key_ops":
		return 10
	case "alg":
		return 11
	case "kid":
		return 12
	case "x5c":
		return 13
	case "x5t#S256":
		return 14
	case "crv":
		return 15
	case "x":
		return 16
	case "y":
		return 17
	case "n":
		return 18
	case "e":
		return 19
	case "keys":
		return 20
	}
	return -1
}

// otherSpelling reports whether a parser that ignores case (Go's and many
// others) takes the name for one of names, where this one would not see it.
func otherSpelling(name string) bool {
	known := names()
	return slices.ContainsFunc(known[:], func(k string) bool { return strings.EqualFold(name, k) })
}

func (m *members) fail(rule error, detail string) {
	if m.err == nil {
		m.err = refuse(rule, detail)
	}
}

func (m *members) get(name string) []byte { return m.raw[slot(name)] }

func (m *members) has(name string) bool { return m.get(name) != nil }

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
	return m.has("oth") && (json.Unmarshal(m.get("oth"), &primes) != nil || len(primes) > 0)
}

// need reports whether all of the members are there.
func (m *members) need(names ...string) bool {
	for _, name := range names {
		if !m.has(name) {
			m.fail(ErrMissing, name)
		}
	}
	return m.err == nil
}

// text returns a string member, "" when it is absent.
func (m *members) text(name string) string { return string(m.bytes(name)) }

func (m *members) bytes(name string) []byte {
	value := m.get(name)
	if m.err != nil || value == nil {
		return nil
	}
	text, ok := strictjson.Bytes(value)
	if !ok {
		m.fail(ErrMalformed, name+" is not a string")
	}
	return text
}

// list returns an array of strings, nil when it is absent or empty.
func (m *members) list(name string) []string {
	if m.err != nil || !m.has(name) {
		return nil
	}
	var l []string
	if json.Unmarshal(m.get(name), &l) != nil {
		m.fail(ErrMalformed, name+" is not an array of strings")
	}
	return l
}

// octets returns a base64url member (RFC 7515 §2), nil when it is absent.
// Padding, line ends, the standard alphabet and non-zero tail bits are
// refused, so that one value has one spelling.
func (m *members) octets(name string) []byte {
	text := m.bytes(name)
	enc := base64.RawURLEncoding
	b, err := enc.AppendDecode(nil, text) // skips line ends and tail bits; Strict() copies its tables
	if err == nil && enc.EncodedLen(len(b)) == len(text) {
		var tail [4]byte
		if end := enc.AppendEncode(tail[:0], b[len(b)-len(b)%3:]); bytes.HasSuffix(text, end) {
			return b
		}
	}
	m.fail(ErrMalformed, name+" is not unpadded base64url")
	return nil
}
