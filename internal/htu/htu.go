// Package htu compares the "htu" of a DPoP proof with the URL of a request as
// a verifier should (RFC 9449 §4.3). Clients do not normalise; see package dpop.
package htu

import (
	"bytes"
	"net/url"
	"strings"

	"github.com/nokkel/nokkel/internal/origin"
)

// Matches reports whether claim names the URL of a request. Both are compared
// without query and fragment, normalised by syntax and scheme (RFC 3986 §6.2.2,
// §6.2.3): lower-case scheme and host, no default port, no escapes that need
// not be, no dot segments, "/" for an empty path. What a path may mean to the
// server (its case, "//", "%2F") counts.
//
// The path of a request has no fragment: a "#" in it is part of the name for
// net/http, and not a URL here. A path over 8 KiB is more than a proof can name.
func Matches(claim, request string) bool {
	request, _, _ = strings.Cut(request, "?")
	if claim == request && plain(claim) { // as honest clients write it, which costs a tenth
		return true
	}
	if len(request) > maxURL || strings.Contains(request, "#") {
		return false
	}
	c, ok := normalise(claim)
	r, requestOK := normalise(request)
	return ok && requestOK && c == r
}

// Difference says why two URLs do not match: "http" or "https", the scheme of the
// request, if the other's is another one; "host" (with its port); "path"; "claim" or
// "request" if that one cannot be compared.
func Difference(claim, request string) string {
	request, _, _ = strings.Cut(request, "?")
	if len(request) > maxURL || strings.Contains(request, "#") {
		return "request"
	}
	r, ok := normalise(request)
	if !ok {
		return "request"
	}
	c, ok := normalise(claim)
	if !ok {
		return "claim"
	}
	cScheme, c, _ := strings.Cut(c, "://")
	rScheme, r, _ := strings.Cut(r, "://")
	cHost, _, _ := strings.Cut(c, "/")
	rHost, _, _ := strings.Cut(r, "/")
	switch {
	case cScheme != rScheme:
		return rScheme
	case cHost != rHost:
		return "host"
	}
	return "path"
}

const maxURL = 8 << 10 // bytes, of a request

// plain reports whether raw is surely a URL that normalise takes: one of letters,
// digits and a few signs, with a name for its host and an escape nowhere.
func plain(raw string) bool {
	rest, ok := strings.CutPrefix(raw, "https://")
	if !ok {
		rest, ok = strings.CutPrefix(raw, "http://")
	}
	host, path, _ := strings.Cut(rest, "/")
	for i := range len(host) {
		ok = ok && unreserved(host[i])
	}
	for i := range len(path) {
		ok = ok && (unreserved(path[i]) || path[i] == '/')
	}
	return ok && host != ""
}

// normalise takes absolute http and https URLs in ASCII, without user info and
// IPv6 zone.
func normalise(raw string) (string, bool) {
	if strings.ContainsFunc(raw, notASCII) {
		return "", false
	}
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || strings.ContainsFunc(u.Host, notASCII) || strings.Contains(u.Host, "%") {
		return "", false
	}
	o, ok := origin.Of(u)
	if !ok {
		return "", false
	}
	path := u.EscapedPath() // u has a host, so this is empty or begins with a slash
	if path == "" {
		path = "/"
	}
	return o + removeDotSegments(normaliseEscapes(path)), true
}

func notASCII(c rune) bool { return c <= ' ' || c >= 0x7f }

// normaliseEscapes decodes what need not be escaped and writes the other
// escapes in upper case (RFC 3986 §6.2.2.1, §6.2.2.2). Every % of path is
// followed by two hex digits.
func normaliseEscapes(path string) string {
	b := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if path[i] != '%' {
			b = append(b, path[i])
			continue
		}
		if c := unhex(path[i+1])<<4 | unhex(path[i+2]); unreserved(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
		i += 2
	}
	return string(b)
}

// removeDotSegments is RFC 3986 §5.2.4 for a path that begins with a slash.
func removeDotSegments(path string) string {
	b := make([]byte, 0, len(path))
	dots := false
	for segment := range strings.SplitSeq(path[1:], "/") {
		switch dots = segment == "." || segment == ".."; {
		case !dots:
			b = append(append(b, '/'), segment...)
		case segment == "..":
			b = b[:max(0, bytes.LastIndexByte(b, '/'))]
		}
	}
	if dots { // "/a/.." names the directory "/"
		b = append(b, '/')
	}
	return string(b)
}

const upperHex = "0123456789ABCDEF"

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

// unreserved is RFC 3986 §2.3.
func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}
