package dpop

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// URLs that are ambiguous or change on the wire are refused before a request.
func TestRefusedURLs(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":             "",
		"relative":            "/token",
		"without a scheme":    "//a.example/x",
		"path only":           "token",
		"opaque":              "https:a.example/x",
		"another scheme":      "ftp://a.example/x",
		"WebSocket":           "wss://a.example/x",
		"no host":             "https:///x",
		"port without a host": "https://:443/x",
		"port not a number":   "https://a.example:https/x",
		"IDN in Unicode":      "https://blåbær.example/",
		"fullwidth host":      "https://ａ.example/",
		"escaped host":        "https://bl%C3%A5.example/",
		"IPv6 with a zone":    "https://[fe80::1%25eth0]/x",
		"IPv6 that is none":   "https://[1::2::3]/x",
		"IPv4 in brackets":    "https://[127.0.0.1]/x",
		"control character":   "https://a.example/\x00",
		"broken escape":       "https://a.example/%zz",
		"host with a quote":   `https://a".example/`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := textTarget(in)
			assert.ErrorIs(t, err, ErrURL)
		})
	}
	for name, u := range map[string]url.URL{
		"a host in the opaque part":  {Opaque: "//a.example/x"},
		"no root in the opaque part": {Opaque: "x"},
		"a space in it":              {Opaque: "/x y"},
		"a line break in it":         {Opaque: "/x\nHost: b.example"},
		"a fragment in it":           {Opaque: "/x#y"},
		"no ASCII in it":             {Opaque: "/blå"},
		"a path without a root":      {Path: "x"},
		"OPTIONS *":                  {Path: "*"},
	} {
		t.Run(name, func(t *testing.T) {
			u.Scheme, u.Host = "https", "a.example"
			_, err := targetURI(&u, u.Host)
			assert.ErrorIs(t, err, ErrURL)
		})
	}
}

// FuzzTarget checks that "htu" consists of the scheme, Host and request target that
// net/http writes, without the query.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{
		"https://a.example/a/../b?q#f", "HTTPS://U@A:443//x/./%7e%2F", "http://[::1]:80", "https://a/%2e%2E/..//.", "https://a/a;b=%20[]",
		"https://api.example.no/v1/patients", "https://api.example.no/v1/patients?fields=name", "https://a:/blå?", "https://a./%41%c3\"<>",
	} {
		f.Add(s, "")
		f.Add("https://a", "/"+s)
	}
	f.Fuzz(func(t *testing.T, raw, opaque string) {
		got, err := textTarget(raw)
		if htu, ok := plainTarget(raw); ok {
			parsed, err := parseTarget(raw)
			require.NoError(t, err)
			require.Equal(t, htu, parsed)
		}
		if err != nil {
			require.ErrorIs(t, err, ErrURL)
			return
		}
		req, err := http.NewRequest(http.MethodGet, raw, nil)
		require.NoError(t, err)
		require.Equal(t, onTheWire(t, req), got)
		if opaque == "" {
			return
		}
		req.URL.Opaque = opaque
		if req.Write(io.Discard) != nil {
			return // net/http does not send it
		}
		if got, err := targetURI(req.URL, req.Host); err == nil {
			require.Equal(t, onTheWire(t, req), got)
		}
	})
}

// onTheWire returns the URL in a serialized request, without the query.
func onTheWire(t *testing.T, req *http.Request) string {
	var b bytes.Buffer
	require.NoError(t, req.Write(&b))
	lines := bufio.NewScanner(&b)
	require.True(t, lines.Scan())
	target := strings.TrimSuffix(strings.TrimPrefix(lines.Text(), "GET "), " HTTP/1.1")
	require.True(t, lines.Scan())
	host, ok := strings.CutPrefix(lines.Text(), "Host: ")
	require.True(t, ok)
	path, _, _ := strings.Cut(target, "?")
	return req.URL.Scheme + "://" + host + path
}
