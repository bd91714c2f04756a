package assertion

import (
	"net"
	"net/url"
	"strings"
)

// parseEndpoint reads the URL of an endpoint that gets credentials: absolute,
// https or http on loopback, without user and fragment.
func parseEndpoint(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return nil, refuse(ErrConfig, "the token endpoint is not set")
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return nil, refuse(ErrMalformed, "not the URL of an endpoint")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u)):
		return nil, refuse(ErrInsecure, "")
	}
	return u, nil
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

func loopback(u *url.URL) bool {
	host := u.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
