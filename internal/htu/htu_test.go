package htu

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMatches(t *testing.T) {
	for name, c := range map[string]struct{ claim, request string }{
		"the same":                            {"https://a.example/Path", "https://a.example/Path"},
		"scheme and host in upper case":       {"HTTPS://API.Example.NO/A", "https://api.example.no/A"},
		"default port of https":               {"https://a.example:443/x", "https://a.example/x"},
		"default port of http":                {"http://a.example:80/x", "http://a.example/x"},
		"empty port":                          {"https://a.example:/x", "https://a.example/x"},
		"empty path":                          {"https://a.example", "https://a.example/"},
		"query":                               {"https://a.example/x?y=/../z", "https://a.example/x"},
		"query of the request":                {"https://a.example/x", "https://a.example/x?y"},
		"fragment":                            {"https://a.example/x#y", "https://a.example/x"},
		"escaped unreserved":                  {"https://a.example/%7Eme/%41%2d", "https://a.example/~me/A-"},
		"plain unreserved":                    {"https://a.example/~me", "https://a.example/%7eme"},
		"escapes in lower case":               {"https://a.example/%c3%b8", "https://a.example/%C3%B8"},
		"escaped slash":                       {"https://a.example/a%2fb", "https://a.example/a%2Fb"},
		"dot segments":                        {"https://a.example/a/./b/../c", "https://a.example/a/c"},
		"escaped dot segments":                {"https://a.example/a/%2E%2e/c", "https://a.example/c"},
		"dots at the end":                     {"https://a.example/a/b/..", "https://a.example/a/"},
		"one dot at the end":                  {"https://a.example/a/.", "https://a.example/a/"},
		"dots above the root":                 {"https://a.example/../../a", "https://a.example/a"},
		"names that begin with dots":          {"https://a.example/.well-known/...", "https://a.example/.well-known/..."},
		"empty segment before dots":           {"https://a.example/a//../b", "https://a.example/a/b"},
		"IPv6":                                {"https://[2001:DB8::1]:443/x", "https://[2001:db8::1]/x"},
		"RFC 3986 §6.2.2's example, as https": {"HTTPS://a/./b/../b/%63/%7bfoo%7d", "https://a/b/c/%7Bfoo%7D"},
	} {
		assert.True(t, Matches(c.claim, c.request), name)
	}
	const request = "https://a.example/Path/x%2Fy"
	for name, claim := range map[string]string{
		"nothing":                  "",
		"path only":                "/Path/x%2Fy",
		"without a scheme":         "//a.example/Path/x%2Fy",
		"opaque":                   "https:a.example/Path/x%2Fy",
		"other scheme":             "http://a.example/Path/x%2Fy",
		"other port":               "https://a.example:80/Path/x%2Fy",
		"other host":               "https://b.example/Path/x%2Fy",
		"dot after the host":       "https://a.example./Path/x%2Fy",
		"user":                     "https://u:p@a.example/Path/x%2Fy",
		"path in another case":     "https://a.example/path/x%2Fy",
		"slash that was escaped":   "https://a.example/Path/x/y",
		"percent that was escaped": "https://a.example/Path/x%252Fy",
		"slash at the end":         "https://a.example/Path/x%2Fy/",
		"empty segment":            "https://a.example//Path/x%2Fy",
		"broken escape":            "https://a.example/Path/x%2",
		"space":                    "https://a.example/Path/x%2Fy ",
		"not ASCII":                "https://a.example/Path/x%2Fy?å",
		"control character":        "https://a.example/Path/x%2Fy\x00",
	} {
		assert.False(t, Matches(claim, request), name)
	}
	for _, request := range []string{"https://a.example/files/#/../secret", "https://a.example/files/#", "https://a.example/files/" + strings.Repeat("x/%2e%2e/", 1<<10)} {
		assert.False(t, Matches("https://a.example/files/", request), request)
	}
	for _, both := range []string{"", "/x", "ftp://a.example/x", "https://u@a.example/x", "https://blåbær.example/", "https://bl%C3%A5.example/", "https://[fe80::1%25eth0]/"} {
		assert.False(t, Matches(both, both), both)
	}
}

func TestDifference(t *testing.T) {
	const request = "http://a.example:8080/Path"
	for claim, want := range map[string]string{
		"https://a.example:8080/Path": "http",
		"HTTPS://b.example/other":     "http", // the first that differs
		"http://b.example:8080/Path":  "host",
		"http://a.example/Path":       "host",
		"HTTP://A.example:8080/path":  "path",
		"http://a.example:8080":       "path",
		"/Path":                       "claim",
		"":                            "claim",
		"http://u@a.example:8080/":    "claim",
	} {
		require.False(t, Matches(claim, request), claim)
		assert.Equal(t, want, Difference(claim, request), claim)
		assert.Equal(t, want, Difference(claim, request+"?x"), claim)
	}
	assert.Equal(t, "https", Difference("http://a.example/", "HTTPS://a.example/"))
	for _, request := range []string{"", "/x", "https://a.example/#/x", "https://a.example/" + strings.Repeat("x", 8<<10)} {
		assert.Equal(t, "request", Difference("https://a.example/", request), request)
	}
}

// FuzzNormalise checks that normalizing is idempotent, removes dot segments, keeps
// the meaning of the path, and agrees with net/url on URLs that RFC 3986 calls
// equivalent.
func FuzzNormalise(f *testing.F) {
	for _, s := range []string{
		"https://a.example/a/../b?q#f", "HTTPS://A:443//x/./%7e%2F", "http://[::1]:80", "https://a/%2e%2E/..//.", "https://a/a;b=%20[]", "https://u@a/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, ok := normalise(raw)
		if !ok {
			require.False(t, plain(raw))
			require.False(t, Matches(raw, raw))
			return
		}
		again, ok := normalise(got)
		require.True(t, ok)
		require.Equal(t, got, again)

		u, err := url.Parse(raw)
		require.NoError(t, err)
		v, err := url.Parse(got)
		require.NoError(t, err)
		require.Empty(t, v.RawQuery+v.Fragment)
		for segment := range strings.SplitSeq(v.EscapedPath(), "/") {
			require.NotContains(t, []string{".", ".."}, segment)
		}
		// net/url removes dot segments too, unless there are empty segments or
		// escaped slashes.
		if !strings.Contains(u.Path, "//") && !strings.Contains(strings.ToLower(u.EscapedPath()), "%2f") {
			plain := (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).ResolveReference(&url.URL{})
			require.Equal(t, "/"+strings.TrimPrefix(plain.Path, "/"), v.Path)
		}
		for _, same := range []string{
			raw,
			got + "?x=/../y#z",
			got + "#z",
			strings.ToUpper(v.Scheme) + "://" + v.Host + v.EscapedPath(),
			v.Scheme + "://" + v.Host + "/x/.." + v.EscapedPath(),
		} {
			require.True(t, Matches(same, got))
		}
	})
}
