package dpop

import (
	"net/netip"
	"net/url"
	"strings"
)

// textTarget returns the "htu" (RFC 9449 §4.2) of a URL in text: that of the
// request which http.NewRequest makes of it.
func textTarget(raw string) (string, error) {
	if htu, ok := plainTarget(raw); ok {
		return htu, nil
	}
	return parseTarget(raw)
}

// plainTarget returns the "htu" of the URLs that most proofs are for: https, a
// name, plain segments, maybe a query. Parsing them costs more than all else
// in a proof but the signature.
func plainTarget(raw string) (htu string, ok bool) {
	base, query, _ := strings.Cut(raw, "?")
	rest, https := strings.CutPrefix(base, "https://")
	if !https || strings.IndexByte(rest, '/') < 1 {
		return "", false
	}
	for i := range len(rest) {
		if c := rest[i]; c != '/' && !unreserved(c) {
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
	return targetURI(u, strings.TrimSuffix(u.Host, ":")) // as http.NewRequest does
}

// targetURI returns the URL of a request for u with this Host header as
// net/http sends it, without user, query and fragment. Nothing in it is
// normalised, for many servers compare "htu" byte by byte; RFC 9449 §4.3 leaves
// it to them to recognise another spelling.
func targetURI(u *url.URL, host string) (string, error) {
	scheme := strings.ToLower(u.Scheme)
	if scheme != "https" && scheme != "http" {
		return "", refuse(ErrURL, "its scheme is not http or https")
	}
	if err := checkHost(host); err != nil {
		return "", err
	}
	path := u.EscapedPath()
	switch {
	case u.Opaque != "": // sent in its place, and as it is
		path, _, _ = strings.Cut(u.Opaque, "?")
		if strings.HasPrefix(path, "//") || strings.ContainsFunc(path, notInURL) { // the former names a host
			path = ""
		}
	case path == "":
		path = "/"
	}
	if path == "" || path[0] != '/' {
		return "", refuse(ErrURL, "it has no path from the root")
	}
	return scheme + "://" + host + path, nil
}

// checkHost takes what net/http sends as it is written. It turns a host that
// is not ASCII into its xn-- form, drops an IPv6 zone and blanks what is no
// host, so a proof for those would not match.
func checkHost(host string) error {
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		name, port = host[:i], host[i+1:]
	}
	if !validName(name) {
		return refuse(ErrURL, "its host is missing, has a zone, or is not in ASCII (xn--) form")
	}
	if strings.Trim(port, "0123456789") != "" {
		return refuse(ErrURL, "its port is not a number")
	}
	return nil
}

func validName(name string) bool {
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

// notInURL reports whether c may stand in no URL, or ends its path.
func notInURL(c rune) bool {
	return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"#<>\\^`{|}", c)
}

// unreserved is RFC 3986 §2.3.
func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}
