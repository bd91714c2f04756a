package dpop

import (
	"net/netip"
	"net/url"
	"strings"
)

// normalise returns the "htu" (RFC 9449 §4.2) of a URL in text.
func normalise(raw string) (string, error) {
	if htu, ok := normal(raw); ok {
		return htu, nil
	}
	return parseTarget(raw)
}

// normal returns the "htu" of the URLs that most proofs are for, in which there
// is nothing to normalise: https, a name in lower case, plain segments, maybe a
// query. Parsing them costs more than all else in a proof but the signature.
func normal(raw string) (htu string, ok bool) {
	base, query, _ := strings.Cut(raw, "?")
	rest, https := strings.CutPrefix(base, "https://")
	path := strings.IndexByte(rest, '/')
	if !https || path < 1 || strings.Contains(rest, "/.") {
		return "", false
	}
	for i := range len(rest) {
		c := rest[i]
		if c != '/' && !unreserved(c) || i < path && c >= 'A' && c <= 'Z' {
			return "", false
		}
	}
	for i := range len(query) {
		if c := query[i]; c <= ' ' || c >= 0x7f || c == '#' {
			return "", false
		}
	}
	return base, true
}

func parseTarget(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", refuse(ErrURL, "it does not parse") // err quotes the URL
	}
	return targetURI(u, u.Host)
}

// targetURI returns the URI that a server sees a request for u with this Host
// header as (RFC 9110 §7.1), normalised by syntax and scheme (RFC 3986 §6.2.2,
// §6.2.3) and without user, query and fragment: lower-case scheme and host, no
// default port, no escapes that need not be, no dot segments, "/" for an empty
// path. What a path may mean to the server (its case, "//", "%2F") stays.
func targetURI(u *url.URL, host string) (string, error) {
	o, err := origin(u.Scheme, host)
	if err != nil {
		return "", err
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.Opaque != "" || path[0] != '/' {
		return "", refuse(ErrURL, "it has no path from the root")
	}
	if strings.Contains(path, "%") {
		path = normaliseEscapes(path)
	}
	if strings.Contains(path, "/.") {
		path = removeDotSegments(path)
	}
	return o + path, nil
}

// origin returns scheme://host[:port] (RFC 6454 §4), the default port left out.
func origin(scheme, host string) (string, error) {
	scheme = strings.ToLower(scheme)
	defaultPort := "443"
	switch scheme {
	case "https":
	case "http":
		defaultPort = "80"
	default:
		return "", refuse(ErrURL, "its scheme is not http or https")
	}
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		name, port = host[:i], host[i+1:]
	}
	if !validHost(name) {
		return "", refuse(ErrURL, "its host is missing, has a zone, or is not in ASCII (xn--) form")
	}
	if strings.Trim(port, "0123456789") != "" {
		return "", refuse(ErrURL, "its port is not a number")
	}
	o := scheme + "://" + strings.ToLower(name)
	if port != "" && port != defaultPort {
		o += ":" + port
	}
	return o, nil
}

// validHost takes what reaches the server unchanged. net/http turns a host
// that is not ASCII into its xn-- form and drops an IPv6 zone on the way, so a
// proof for the host as it was written would not match.
func validHost(name string) bool {
	if strings.HasPrefix(name, "[") {
		addr, err := netip.ParseAddr(strings.TrimSuffix(name[1:], "]"))
		return err == nil && addr.Is6() && addr.Zone() == "" && strings.HasSuffix(name, "]")
	}
	for i := range len(name) {
		if !unreserved(name[i]) && strings.IndexByte("!$&'()*+,;=", name[i]) < 0 {
			return false
		}
	}
	return name != ""
}

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
			b = b[:max(0, strings.LastIndexByte(string(b), '/'))]
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
