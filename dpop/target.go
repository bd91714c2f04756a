package dpop

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/nokkel/nokkel/internal/origin"
)

// requestURL returns the URL of a request as its client sees it, without query.
func (m *Middleware) requestURL(r *http.Request) (string, error) {
	path := requestPath(r)
	if m.BaseURL != "" {
		return strings.TrimSuffix(m.BaseURL, "/") + path, nil
	}
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if m.trusts(r.RemoteAddr) {
		var err error
		if scheme, host, err = m.forwarded(r.Header, scheme, host); err != nil {
			return "", err
		}
	}
	asked := &url.URL{Scheme: scheme, Host: host}
	if !slices.ContainsFunc(m.Hosts, func(h string) bool { return origin.Same(asked, &url.URL{Scheme: scheme, Host: h}) }) {
		return "", refuse(ErrHost, "")
	}
	return scheme + "://" + host + path, nil
}

// requestPath returns the path as it came over the wire: neither what net/http
// makes of it nor what the application has left of it.
func requestPath(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	path = strings.ReplaceAll(path, "#", "%23") // no fragment: net/http takes it for part of the path
	if r.RequestURI == "" {                     // a request that no server has read
		path = r.URL.EscapedPath()
	} else if !strings.HasPrefix(path, "/") { // absolute-form (RFC 9112 §3.2.2)
		u, err := url.Parse(path)
		if err != nil {
			return "*" // no proof names that
		}
		path = u.EscapedPath()
	}
	if path == "" {
		return "/"
	}
	return path
}

// trusts reports whether a peer is one of TrustedProxies.
func (m *Middleware) trusts(peer string) bool {
	at, err := netip.ParseAddrPort(peer)
	if err != nil {
		return false
	}
	addr := at.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(m.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// forwarded returns the scheme and host that a trusted proxy gives; what it
// leaves out stays.
func (m *Middleware) forwarded(h http.Header, scheme, host string) (string, string, error) {
	var protos, hosts []string
	if m.RFC7239 {
		last := lastForwarded(strings.Join(h.Values("Forwarded"), ","))
		if last == nil && len(h.Values("Forwarded")) > 0 {
			return "", "", refuse(ErrForwarded, "Forwarded is not of RFC 7239 section 4")
		}
		protos, hosts = last["proto"], last["host"]
	} else {
		protos, hosts = h.Values("X-Forwarded-Proto"), h.Values("X-Forwarded-Host")
	}
	if len(protos) > 1 || len(hosts) > 1 {
		return "", "", refuse(ErrForwarded, "two values of one kind")
	}
	if len(protos) == 1 {
		if scheme = strings.ToLower(protos[0]); scheme != "http" && scheme != "https" {
			return "", "", refuse(ErrForwarded, "its scheme is neither http nor https")
		}
	}
	if len(hosts) == 1 {
		host = hosts[0] // one of Hosts, or it is refused
	}
	return scheme, host, nil
}

// lastForwarded returns the parameters of the last element of a Forwarded value
// (RFC 7239 §4), by their names in lower case: what the nearest proxy has added.
// It returns nil for a value that is not well formed or has no element.
func lastForwarded(value string) map[string][]string {
	var last map[string][]string
	p := challengeParser{rest: value}
	skip := func() { p.rest = strings.TrimLeft(p.rest, " \t") }
	for skip(); p.rest != ""; skip() {
		last = make(map[string][]string)
		for {
			name := strings.ToLower(p.token())
			if name == "" || !strings.HasPrefix(p.rest, "=") {
				return nil
			}
			text, ok := "", true
			if p.rest = p.rest[1:]; strings.HasPrefix(p.rest, `"`) {
				text, ok = p.quoted()
			} else {
				text = p.token()
				ok = text != ""
			}
			if !ok {
				return nil
			}
			last[name] = append(last[name], text)
			skip()
			if !strings.HasPrefix(p.rest, ";") {
				break
			}
			p.rest = p.rest[1:]
			skip()
		}
		if p.rest != "" && p.rest[0] != ',' {
			return nil
		}
		p.rest = strings.TrimPrefix(p.rest, ",")
	}
	return last
}
