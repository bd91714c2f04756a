package main

import (
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"unicode"
)

// isURL leaves it to the packages that call the address to refuse http.
func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http")
}

// isKey reports whether a value has the form of a key file: PEM, JSON, base64
// of PEM, JSON or DER, or anything else of several lines.
func isKey(value string) bool {
	value = strings.TrimSpace(value)
	if strings.ContainsFunc(value, unicode.IsControl) || strings.Contains(value, "-----BEGIN") || strings.HasPrefix(value, "{") || strings.HasPrefix(value, `"`) {
		return true
	}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		content, err := encoding.DecodeString(strings.TrimRight(value, "="))
		if err == nil && (isSequence(content) || len(content) > 1 && !unicode.IsDigit(rune(content[0])) && json.Valid(content) || strings.Contains(string(content), "-----BEGIN")) {
			return true
		}
	}
	return false
}

// isSequence reports whether b is DER or BER of what keys and keystores are.
func isSequence(b []byte) bool {
	var v asn1.RawValue
	rest, err := asn1.Unmarshal(b, &v)
	return err == nil && len(rest) == 0 && v.Tag == asn1.TagSequence && len(b) >= 32
}
