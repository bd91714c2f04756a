package rest

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"testing"

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
