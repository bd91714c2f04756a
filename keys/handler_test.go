package keys_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ask makes a request to the handler over a socket.
func ask(t *testing.T, h *keys.Handler, method string, header http.Header) (*http.Response, string) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
	require.NoError(t, err)
	req.Header = header
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

func publish(set ...*keys.PublicKey) *keys.Handler {
	return &keys.Handler{Keys: func(context.Context) (keys.Set, error) { return keys.Set{Keys: set}, nil }}
}

func TestHandlerPublishesTheSet(t *testing.T) {
	ec, rsa := testKey(t, keys.ES256), testKey(t, keys.PS512)
	resp, body := ask(t, publish(ec.PublicKey(), rsa.PublicKey()), http.MethodGet, nil)
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, "application/jwk-set+json", resp.Header.Get("Content-Type"))
	assert.Equal(t, "public, max-age=300", resp.Header.Get("Cache-Control"))

	var set jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal([]byte(body), &set))
	require.Len(t, set.Keys, 2)
	for i, k := range []*keys.Key{ec, rsa} {
		assert.True(t, set.Keys[i].IsPublic())
		assert.Equal(t, "sig", set.Keys[i].Use)
		token, err := k.Sign(t.Context(), keys.Header{}, []byte("{}"))
		require.NoError(t, err)
		jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(k.Algorithm())})
		require.NoError(t, err)
		_, err = jws.Verify(&set) // looks the key up by kid
		assert.NoError(t, err)
	}
}

func TestHandlerConditionalRequests(t *testing.T) {
	h := publish(testKey(t, keys.ES256).PublicKey())
	h.MaxAge = time.Hour
	first, body := ask(t, h, http.MethodGet, nil)
	etag := first.Header.Get("ETag")
	require.Regexp(t, `^"[\w-]{22}"$`, etag)

	for name, value := range map[string][]string{
		"same": {etag}, "weak": {"W/" + etag}, "in a list": {`"a", ` + etag}, "in a second line": {`"a"`, etag}, "any": {"*"},
	} {
		resp, body := ask(t, h, http.MethodGet, http.Header{"If-None-Match": value})
		assert.Equal(t, http.StatusNotModified, resp.StatusCode, name)
		assert.Empty(t, body, name)
		assert.Equal(t, etag, resp.Header.Get("ETag"), name)
		assert.Equal(t, "public, max-age=3600", resp.Header.Get("Cache-Control"), name)
	}
	other := publish(testKey(t, keys.ES256).PublicKey())
	resp, _ := ask(t, other, http.MethodGet, http.Header{"If-None-Match": {etag}})
	assert.Equal(t, http.StatusOK, resp.StatusCode, "the ETag of another set matched")

	head, none := ask(t, h, http.MethodHead, nil)
	assert.Equal(t, http.StatusOK, head.StatusCode)
	assert.Empty(t, none)
	assert.EqualValues(t, len(body), head.ContentLength)
	assert.Equal(t, etag, head.Header.Get("ETag"))
}

func TestHandlerRefuses(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		resp, _ := ask(t, publish(), method, nil)
		assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
		assert.Equal(t, "GET, HEAD", resp.Header.Get("Allow"))
	}
	failing := func(context.Context) (keys.Set, error) { return keys.Set{}, errors.New("password=abc") }
	for _, h := range []*keys.Handler{{}, {Keys: failing}} {
		resp, body := ask(t, h, http.MethodGet, nil)
		assert.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
		assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
		assert.Empty(t, resp.Header.Get("ETag"))
		assert.Equal(t, "keys are not available\n", body)
	}
}

func TestHandlerLeavesOutNilKeys(t *testing.T) {
	_, body := ask(t, publish(nil, &keys.PublicKey{}), http.MethodGet, nil)
	assert.Equal(t, `{"keys":[]}`, body)
}
