package transport

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestHeaderIsLimited checks that the copy refuses a header over the limit before
// it has read it, and that http.DefaultTransport stays as it was.
func TestHeaderIsLimited(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", maxHeader+1))
	}))
	defer server.Close()
	for _, rt := range []http.RoundTripper{Copy(), Of(nil)} {
		_, err := (&http.Client{Transport: rt}).Get(server.URL)
		require.ErrorContains(t, err, "server response headers exceeded")
	}
	resp, err := http.Get(server.URL)
	require.NoError(t, err)
	resp.Body.Close()
}

// A program may replace http.DefaultTransport at any time, by what is no
// *http.Transport too. A limit of its own stays if it is lower.
func TestReplacedDefault(t *testing.T) {
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	first := Of(nil)
	assert.Same(t, first, Of(nil))
	assert.NotSame(t, first, Copy())
	assert.NotSame(t, before, first)

	http.DefaultTransport = &http.Transport{MaxIdleConnsPerHost: 7, MaxResponseHeaderBytes: 4 << 10}
	replaced := Of(nil)
	assert.Same(t, replaced, Of(nil))
	assert.Equal(t, 7, replaced.(*http.Transport).MaxIdleConnsPerHost)
	assert.EqualValues(t, 4<<10, replaced.(*http.Transport).MaxResponseHeaderBytes)
	http.DefaultTransport = &http.Transport{MaxResponseHeaderBytes: 1 << 20}
	assert.EqualValues(t, maxHeader, Of(nil).(*http.Transport).MaxResponseHeaderBytes)

	other := http.NewFileTransport(nil)
	http.DefaultTransport = other
	assert.Equal(t, other, Of(nil))
	assert.Equal(t, other, Copy())
	assert.Equal(t, other, Of(other))
	assert.Equal(t, before, Of(before))
}
