package rest_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice/rest"
)

// TestNoTypeShowsASecret that a Call sends: errors and Text are free of it.
func TestNoTypeShowsASecret(t *testing.T) {
	secret := []byte("the-secret-that-a-call-sends-along")
	call := rest.Call{Method: http.MethodPost, URL: "https://as.example.no/keys", Tokens: &tokens{list: []string{string(secret)}}, Body: []byte(`{"secret":"` + string(secret) + `"}`)}
	call.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusBadRequest, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(secret)), Request: r}, nil
	})
	refused := call.JSON(t.Context(), nil)
	require.ErrorIs(t, refused, rest.ErrRefused)
	answer, err := call.Do(t.Context())
	require.NoError(t, err)
	assert.NotContains(t, answer.Text("it says "+string(secret)), string(secret))
	call.Base = roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("cannot send " + string(secret)) })
	gone := call.JSON(t.Context(), nil)
	require.ErrorIs(t, gone, rest.ErrNoAnswer)
	keystest.PackageRedacted(t, map[string][]any{
		"Answer": {answer}, "Call": {rest.Call{Method: call.Method, URL: call.URL}},
		"Error": {refused, gone},
	}, secret)
}
