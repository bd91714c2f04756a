package dpop

import (
	"net/url"
	"strings"
)

// normalise returns the "htu" of a URL: scheme, host and path per RFC 3986
// §6.2.2 and §6.2.3 (lower-case scheme and host, no default port, "/" for an
// empty path, no dot segments), without query, fragment and user.
func normalise(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Opaque != "" {
		return "", &Error{Rule: ErrURL}
	}
	path := u.JoinPath().EscapedPath()
	if path == "" {
		path = "/"
	}
	return originOf(u) + path, nil
}

// originOf returns scheme://host[:port] (RFC 6454 §4), the default port left out.
func originOf(u *url.URL) string {
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	} else {
		host = strings.TrimSuffix(host, ":80")
	}
	return scheme + "://" + host
}
