package rest

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
)

func TestSafeURL(t *testing.T) {
	for _, raw := range []string{"https://as.example.no", "https://as.example.no:8443/a?b", "http://localhost:8080", "http://LOCALHOST/", "http://127.0.0.1/", "http://[::1]:80/x"} {
		u, ok := SafeURL(raw)
		assert.True(t, ok, raw)
		assert.Equal(t, raw, u.String())
	}
	for _, raw := range []string{
		"", "/path", "as.example.no", "https:", "https:///x", "mailto:a@b.no", "ftp://localhost/", "https://user:pass@as.example.no/", "%",
		"http://as.example.no", "http://localhost.example.no", "http://127.0.0.1.example.no", "http://10.0.0.1", "http://0.0.0.0", "http://[::2]",
	} {
		_, ok := SafeURL(raw)
		assert.False(t, ok, raw)
	}
}

func TestRetryAfter(t *testing.T) {
	date := time.Date(2027, 2, 20, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "-1": 0, "1.5": 0, "soon": 0, "7": 7 * time.Second, "3600": time.Hour,
		"999999999": MaxRetryAfter, "9223372036854775807": MaxRetryAfter, "9223372036854775808": 0,
		date.Add(time.Minute).Format(http.TimeFormat):      time.Minute,
		date.Add(-time.Minute).Format(http.TimeFormat):     0,
		date.Add(9000 * time.Hour).Format(http.TimeFormat): MaxRetryAfter,
	} {
		assert.Equal(t, want, RetryAfter(http.Header{"Retry-After": {value}, "Date": {date.Format(http.TimeFormat)}}), value)
	}
}

// FuzzClean: a line that any terminal and log can take, in which nothing is as
// long as a secret, and which is not cut again.
func FuzzClean(f *testing.F) {
	for _, seed := range []string{"", " a  b ", "line\nbreak", strings.Repeat("A", 32), strings.Repeat("æ", 400), "\u202e\xff", "eyJhbGciOiJFUzI1NiJ9." + strings.Repeat("x", 90)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		line := Clean(text)
		assert.LessOrEqual(t, len(line), MaxText)
		assert.True(t, utf8.ValidString(line))
		run := 0
		for _, r := range line {
			assert.True(t, unicode.IsPrint(r))
			if run++; !tokenRune(r) {
				run = 0
			}
			assert.LessOrEqual(t, run, maxRun+len("redacted"))
		}
	})
}
