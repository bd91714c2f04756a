package main

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"unicode"

	"github.com/nokkel/nokkel/internal/textfile"
)

// isURL leaves it to the packages that call the address to refuse http.
func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http")
}

// minKey is the length of the shortest key in text, in characters: an Ed25519
// key in PKCS#8, in base64.
const minKey = 64

// isKey reports whether a value has one of the forms in which a key or keystore
// is text: PEM, JSON, what JSON makes of these in a string, or base64 of DER, of
// a keystore, or of any text. No name and no path has. What the text is about
// does not matter: it may be a key that is damaged.
func isKey(value string) bool {
	if strings.ContainsFunc(strings.TrimSpace(value), unicode.IsControl) {
		return true
	}
	for {
		value = strings.TrimSpace(value)
		switch {
		case strings.Contains(value, "-----BEGIN") || strings.HasPrefix(value, "{") || strings.HasPrefix(value, `"`):
			return true
		case len(value) < minKey:
			return false
		case value[0] != '\\':
			return isBase64Key(value)
		}
		var inner string // which is shorter
		spaces := strings.NewReplacer("\n", " ", "\r", " ", "\t", " ")
		if json.Unmarshal([]byte(`"`+spaces.Replace(value)+`"`), &inner) != nil {
			return false // a path in Windows
		}
		value = inner
	}
}

// isBase64Key reports whether a value is base64, in either alphabet, of what a
// key may be.
func isBase64Key(value string) bool {
	value = strings.NewReplacer("-", "+", "_", "/", " ", "", "\t", "", "\r", "", "\n", "").Replace(strings.TrimRight(value, "="))
	content, err := base64.RawStdEncoding.DecodeString(value)
	if err != nil {
		return false
	}
	text, ok := textfile.Decode(content)
	return ok && !bytes.ContainsFunc(text, isBinary) || bytes.Contains(content, []byte("-----BEGIN")) || isBinaryKey(content)
}

func isBinary(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }

// isBinaryKey reports whether b is DER or BER of what keys and keystores are, or
// begins as a keystore of Java does.
func isBinaryKey(b []byte) bool {
	var v asn1.RawValue
	rest, err := asn1.Unmarshal(b, &v)
	return err == nil && len(rest) == 0 && v.Tag == asn1.TagSequence ||
		bytes.HasPrefix(b, []byte{0x30, 0x80}) || bytes.HasPrefix(b, []byte{0xfe, 0xed, 0xfe, 0xed}) || bytes.HasPrefix(b, []byte{0xce, 0xce, 0xce, 0xce})
}
