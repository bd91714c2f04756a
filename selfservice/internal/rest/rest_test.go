package rest

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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

// TestWhatACallSent: the secrets of every call that the providers make.
func TestWhatACallSent(t *testing.T) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	require.NoError(t, w.WriteField("keyAlias", "the-alias-of-a-key"))
	require.NoError(t, w.WriteField("storePassword", "pass/word of a store"))
	part, err := w.CreateFormFile("file", "key")
	require.NoError(t, err)
	part.Write([]byte("the content of a file"))
	require.NoError(t, w.Close())
	for body, contentType := range map[string]string{
		`{"clientId":"the-client","secret":"pass/word of a store","redirectUris":["https://app.example.no"]}`: "application/json",
		`{"attributes":{"client.secret.rotated":"pass/word of a store","name":"the-client"}}`:                 "application/json",
		`[{"keyPassword":["pass/word of a store"],"storePassword":7,"keyAlias":"the-alias-of-a-key"}]`:        "application/json",
		form.String(): w.FormDataContentType(),
		"":            "",
		"{":           "application/json",
		"--x":         "multipart/form-data",
	} {
		r, err := http.NewRequest(http.MethodPost, "https://as.example.no", nil)
		require.NoError(t, err)
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Authorization", "SSWS the-token-of-an-org")
		v := Sent(r, "a-token-of-dpop", []byte(body))
		want := "the-alias-of-a-key the-client [redacted] [redacted]"
		if len(body) > 3 {
			want += ` [redacted]`
		} else {
			want += ` pass\/word%20of a store`
		}
		assert.Equal(t, want, v.Line(`the-alias-of-a-key the-client the-token-of-an-org a-token-of-dpop pass\/word%20of a store`, 300), body)
	}
}
