package rest

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
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

// TestApartTokens checks that each request has a connection of its own, and that
// response headers over 256 KiB are refused, with a Prover and without.
func TestApartTokens(t *testing.T) {
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.True(t, r.Close)
		w.Header().Set("X-Long", strings.Repeat("x", 300<<10))
		io.WriteString(w, `{"access_token":"t","token_type":"DPoP","expires_in":60}`)
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	source := func(p assertion.Prover) *assertion.TokenSource {
		return ApartTokens(&assertion.TokenSource{
			Endpoint: server.URL, Auth: &assertion.Basic{ClientID: "c", Secret: keys.NewSecret("the secret of c")}, Prover: p,
		})
	}
	for range 2 {
		for _, prover := range []assertion.Prover{&dpop.Prover{}, nil} {
			_, err := source(prover).Token(t.Context())
			require.ErrorContains(t, err, "server response headers exceeded")
		}
	}
	assert.EqualValues(t, 4, connections.Load())
}

// TestSent has the secrets of every kind of call that the providers make.
func TestSent(t *testing.T) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	require.NoError(t, w.WriteField("keyAlias", "the-alias-of-a-key"))
	require.NoError(t, w.WriteField("storePassword", "pass/word of a store"))
	part, err := w.CreateFormFile("file", "key")
	require.NoError(t, err)
	part.Write([]byte("the content of a file"))
	require.NoError(t, w.Close())
	for body, contentType := range map[string]string{
		`{"clientId":"the-client","secret":"pass/word of a store","redirectUris":["https://app.example.no"]}`:   "application/json",
		`{"attributes":{"client.secret.rotated":"pass/word of a store","name":"the-client"}}`:                   "application/json",
		`[{"keyPassword":["pass/word of a store"],"storePassword":7,"keyAlias":"the-alias-of-a-key"}]`:          "application/json",
		`{"registrationToken":"pass/word of a store","tokenType":"the-client","keyAlias":"the-alias-of-a-key"}`: "application/json",
		`{"api_keys":["pass/word of a store"],"publicKey":"the-client","use_refresh_token":"key"}`:              "application/json",
		`{"software_statement":"pass/word of a store"}`:                                                         "application/json",
		"client_secret=pass%2Fword+of+a+store&client_id=the-client":                                             "application/x-www-form-urlencoded",
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

// TestPostFormQuotesNothingThatWasSent when the body cannot be read to its end.
func TestPostFormQuotesNothingThatWasSent(t *testing.T) {
	const secret = "a-secret-nobody-may-see"
	torn := roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(iotest.ErrReader(errors.New("malformed: " + secret)))}, nil
	})
	_, _, err := PostForm(t.Context(), torn, &assertion.Post{ClientID: "c", Secret: keys.NewSecret(secret)}, "https://as.example.no/par", nil)
	require.ErrorContains(t, err, "repeats what was sent")
	assert.NotContains(t, err.Error(), secret)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
