// Package origin compares the servers that requests go to, and says to which
// addresses a credential may be sent.
package origin

import (
	"net"
	"net/url"
	"strings"
)

// Of returns the origin of u in its one spelling: scheme://host[:port] in lower
// case, the default port left out (RFC 6454 §4). Only http and https URLs with
// a host have one.
func Of(u *url.URL) (origin string, ok bool) {
	scheme, host := lower(u.Scheme), lower(u.Host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	default:
		return "", false
	}
	host = strings.TrimSuffix(host, ":") // the same as none (RFC 3986 §6.2.3)
	return scheme + "://" + host, host != "" && host[0] != ':'
}

// Same reports whether both have an origin and it is the same one.
func Same(a, b *url.URL) bool {
	of, ok := Of(a)
	other, otherOK := Of(b)
	return ok && otherOK && of == other
}

// Secure reports whether a credential may go to u: over https, or over http to
// this machine.
func Secure(u *url.URL) bool {
	scheme := lower(u.Scheme)
	return scheme == "https" || scheme == "http" && loopback(u.Hostname())
}

// loopback reports whether host is this machine: localhost, 127.0.0.0/8 or ::1.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return lower(host) == "localhost" || ip != nil && ip.IsLoopback()
}

// lower maps ASCII only. strings.ToLower would make one host of two: net/http
// encodes a Kelvin sign in a name, where this would find a k.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}
