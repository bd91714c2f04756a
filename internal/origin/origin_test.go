package origin

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func parse(t *testing.T, raw string) *url.URL {
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return u
}

func TestOf(t *testing.T) {
	for raw, want := range map[string]string{
		"https://as.example.no":                "https://as.example.no",
		"HTTPS://AS.Example.NO:443/Token?a#b":  "https://as.example.no",
		"https://user:pass@as.example.no/":     "https://as.example.no",
		"https://as.example.no:/":              "https://as.example.no",
		"https://as.example.no:80/":            "https://as.example.no:80",
		"http://as.example.no:80/":             "http://as.example.no",
		"http://as.example.no:443/":            "http://as.example.no:443",
		"https://as.example.no./":              "https://as.example.no.",
		"https://[2001:DB8::1]:443/":           "https://[2001:db8::1]",
		"https://[::443]/":                     "https://[::443]",
		"https://[fe80::1%25eth0]:8443/":       "https://[fe80::1%eth0]:8443",
		"https://bl\u00e5.example/":            "https://bl\u00e5.example",
		"https://bl\u00c5.example/":            "https://bl\u00c5.example", // other bytes on the wire
		"https://as.\u212aelvin.example/":      "https://as.\u212aelvin.example",
		"https://as.example.no:443:443/broken": "", // not a URL
	} {
		u, err := url.Parse(raw)
		if want == "" {
			require.Error(t, err, raw)
			continue
		}
		require.NoError(t, err, raw)
		got, ok := Of(u)
		assert.True(t, ok, raw)
		assert.Equal(t, want, got, raw)
	}
	for _, raw := range []string{"", "/path", "//as.example.no/", "https:", "https:///x", "https://:443/", "http://:80", "https://:/", "ftp://as.example.no/", "wss://as.example.no/", "mailto:a@example.no"} {
		_, ok := Of(parse(t, raw))
		assert.False(t, ok, raw)
	}
}

func TestSame(t *testing.T) {
	as := parse(t, "https://as.example.no/token")
	for raw, want := range map[string]bool{
		"https://AS.example.no:443/other": true,
		"http://as.example.no/token":      false,
		"https://as.example.no:8443/":     false,
		"https://as.example.no.evil/":     false,
		"https://evil/as.example.no":      false,
		"//as.example.no/token":           false,
	} {
		assert.Equal(t, want, Same(as, parse(t, raw)), raw)
		assert.Equal(t, want, Same(parse(t, raw), as), raw)
	}
	assert.False(t, Same(parse(t, "ftp://a/"), parse(t, "ftp://a/")), "neither has an origin")
	assert.False(t, Same(parse(t, "https://kelvin.example/"), parse(t, "https://\u212aelvin.example/")), "two hosts for net/http")
}

func TestSecure(t *testing.T) {
	for _, raw := range []string{
		"https://as.example.no", "HTTPS://10.0.0.1", "http://localhost", "http://LOCALHOST:8080/x", "http://LocalHost/",
		"http://127.0.0.1", "http://127.9.9.9:1", "http://[::1]:80/x", "http://[0:0:0:0:0:0:0:1]/", "http://[::ffff:127.0.0.1]/",
	} {
		assert.True(t, Secure(parse(t, raw)), raw)
	}
	for _, raw := range []string{
		"", "/path", "ftp://localhost/", "http://as.example.no", "http://localhost.example.no", "http://127.0.0.1.example.no",
		"http://10.0.0.1", "http://0.0.0.0", "http://[::2]", "http://[::]", "http://localho\u017ft/", "http://loc\u0430lhost/", "http://localhost@as.example.no/",
	} {
		assert.False(t, Secure(parse(t, raw)), raw)
	}
}
