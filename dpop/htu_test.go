package dpop

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRow14NormaliseURL is hostile-input row 14 on the client's side.
func TestRow14NormaliseURL(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"scheme and host in lower case":       {"HTTPS://API.Example.NO/A", "https://api.example.no/A"},
		"host alone in upper case":            {"https://API.example/x", "https://api.example/x"},
		"path keeps its case":                 {"https://a.example/Path", "https://a.example/Path"},
		"default port of https":               {"https://a.example:443/x", "https://a.example/x"},
		"default port of http":                {"http://a.example:80/x", "http://a.example/x"},
		"port of the other scheme":            {"https://a.example:80/x", "https://a.example:80/x"},
		"empty port":                          {"https://a.example:/x", "https://a.example/x"},
		"empty path":                          {"https://a.example", "https://a.example/"},
		"trailing slash stays":                {"https://a.example/x/", "https://a.example/x/"},
		"query":                               {"https://a.example/x?y=/../z", "https://a.example/x"},
		"empty query":                         {"https://a.example/x?", "https://a.example/x"},
		"fragment":                            {"https://a.example/x#y", "https://a.example/x"},
		"user":                                {"https://u:p@a.example/x", "https://a.example/x"},
		"escaped unreserved":                  {"https://a.example/%7Eme/%41%2d", "https://a.example/~me/A-"},
		"escapes in upper case":               {"https://a.example/%c3%b8", "https://a.example/%C3%B8"},
		"escaped slash stays":                 {"https://a.example/a%2fb", "https://a.example/a%2Fb"},
		"escaped percent stays":               {"https://a.example/%252e%252e/x", "https://a.example/%252e%252e/x"},
		"escaped sub-delimiter stays":         {"https://a.example/a%3Bb;c", "https://a.example/a%3Bb;c"},
		"characters that must be escaped":     {"https://a.example/blå bær", "https://a.example/bl%C3%A5%20b%C3%A6r"},
		"dot segments":                        {"https://a.example/a/./b/../c", "https://a.example/a/c"},
		"escaped dot segments":                {"https://a.example/a/%2E%2e/c", "https://a.example/c"},
		"dots at the end":                     {"https://a.example/a/b/..", "https://a.example/a/"},
		"one dot at the end":                  {"https://a.example/a/.", "https://a.example/a/"},
		"dots above the root":                 {"https://a.example/../../a", "https://a.example/a"},
		"names that begin with dots":          {"https://a.example/.well-known/...", "https://a.example/.well-known/..."},
		"empty segments stay":                 {"https://a.example//a//b", "https://a.example//a//b"},
		"empty segment before dots":           {"https://a.example/a//../b", "https://a.example/a/b"},
		"IPv6":                                {"https://[2001:DB8::1]:443/x", "https://[2001:db8::1]/x"},
		"IPv6 with a port":                    {"https://[::1]:8443/x", "https://[::1]:8443/x"},
		"trailing dot of the host stays":      {"https://a.example./x", "https://a.example./x"},
		"IDN in its ASCII form":               {"https://xn--blbr-roah.example/", "https://xn--blbr-roah.example/"},
		"RFC 3986 §6.2.2's example, as https": {"HTTPS://a/./b/../b/%63/%7bfoo%7d", "https://a/b/c/%7Bfoo%7D"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := normalise(c.in)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
			again, err := normalise(got)
			require.NoError(t, err)
			assert.Equal(t, got, again)
		})
	}
}

func TestRow14RefuseURL(t *testing.T) {
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
			_, err := normalise(in)
			assert.ErrorIs(t, err, ErrURL)
		})
	}
}

// FuzzNormalise: normalising is idempotent, leaves no user, query or dot
// segment, keeps what the path means, and agrees with net/url on spellings
// that RFC 3986 calls equivalent.
func FuzzNormalise(f *testing.F) {
	for _, s := range []string{
		"https://a.example/a/../b?q#f", "HTTPS://U@A:443//x/./%7e%2F", "http://[::1]:80", "https://a/%2e%2E/..//.", "https://a/a;b=%20[]",
		"https://api.example.no/v1/patients", "https://api.example.no/v1/patients?fields=name",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := normalise(raw)
		if htu, ok := normal(raw); ok {
			parsed, err := parseTarget(raw)
			require.NoError(t, err)
			require.Equal(t, htu, parsed)
		}
		if err != nil {
			require.ErrorIs(t, err, ErrURL)
			return
		}
		again, err := normalise(got)
		require.NoError(t, err)
		require.Equal(t, got, again)

		u, err := url.Parse(raw)
		require.NoError(t, err)
		v, err := url.Parse(got)
		require.NoError(t, err)
		require.Nil(t, v.User)
		require.Empty(t, v.RawQuery+v.Fragment)
		for segment := range strings.SplitSeq(v.EscapedPath(), "/") {
			require.NotContains(t, []string{".", ".."}, segment)
		}
		// net/url removes dot segments too, where empty segments leave no
		// doubt and an escaped slash does not hide one.
		if !strings.Contains(u.Path, "//") && !strings.Contains(strings.ToLower(u.EscapedPath()), "%2f") {
			plain := (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).ResolveReference(&url.URL{})
			require.Equal(t, "/"+strings.TrimPrefix(plain.Path, "/"), v.Path)
		}
		for _, same := range []string{
			got + "?x=/../y#z",
			strings.Replace(got, "://", "://user:pw@", 1),
			strings.ToUpper(v.Scheme) + "://" + strings.ToUpper(v.Host) + v.EscapedPath(),
			v.Scheme + "://" + v.Host + "/x/.." + v.EscapedPath(),
		} {
			equal, err := normalise(same)
			require.NoError(t, err)
			require.Equal(t, got, equal)
		}
	})
}
