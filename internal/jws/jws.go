// Package jws takes compact JWS apart (RFC 7515 §7.1) and verifies signatures.
// What is inside is neither read nor believed here.
package jws

import (
	"encoding/base64"
	"strings"
)

// Token is the three parts of a compact JWS.
type Token struct {
	Header, Payload, Signature []byte
	Signed                     string // the first two parts as they came
}

// Parse takes three parts, each in the one canonical spelling of base64url: no
// padding, no line ends, no other alphabet, no bits left over. A caller bounds
// the length before.
func Parse(compact string) (t Token, ok bool) {
	last := strings.LastIndexByte(compact, '.')
	if last < 0 {
		return t, false
	}
	t.Signed = compact[:last]
	first, second, ok := strings.Cut(t.Signed, ".")
	if !ok {
		return t, false
	}
	// One buffer for all. The dots make it large enough.
	buf := make([]byte, 0, len(compact)*3/4+1)
	for _, part := range [...]struct {
		text string
		to   *[]byte
	}{{first, &t.Header}, {second, &t.Payload}, {compact[last+1:], &t.Signature}} {
		start := len(buf)
		if buf, ok = decode(buf, part.text); !ok {
			return t, false
		}
		*part.to = buf[start:len(buf):len(buf)]
	}
	return t, true
}

// decode appends what text says. The decoder skips line ends and leftover bits;
// both show when the end is encoded again. Its Strict variant copies its tables.
func decode(buf []byte, text string) ([]byte, bool) {
	enc := base64.RawURLEncoding
	start := len(buf)
	buf, err := enc.AppendDecode(buf, []byte(text))
	n := len(buf) - start
	if err != nil || enc.EncodedLen(n) != len(text) {
		return buf, false
	}
	var tail [4]byte
	return buf, strings.HasSuffix(text, string(enc.AppendEncode(tail[:0], buf[len(buf)-n%3:])))
}
