package rest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice/rest"
)

type oneToken string

func (t oneToken) BoundToken(context.Context) (string, *keys.Key, error) { return string(t), nil, nil }

type network func(*http.Request) (*http.Response, error)

func (f network) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestNoTypeShowsASecret: a Call and an Answer hold what the caller put into
// them. What is said of them, errors and Text, does not.
func TestNoTypeShowsASecret(t *testing.T) {
	secret := []byte("the-secret-that-a-call-sends-along")
	call := rest.Call{Method: http.MethodPost, URL: "https://as.example.no/keys", Tokens: oneToken(secret), Body: []byte(`{"secret":"` + string(secret) + `"}`)}
	call.Base = network(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusBadRequest, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(secret)), Request: r}, nil
	})
	refused := call.JSON(t.Context(), nil)
	require.ErrorIs(t, refused, rest.ErrRefused)
	answer, err := call.Do(t.Context())
	require.NoError(t, err)
	assert.NotContains(t, answer.Text("it says "+string(secret)), string(secret))
	call.Base = network(func(*http.Request) (*http.Response, error) { return nil, errors.New("cannot send " + string(secret)) })
	gone := call.JSON(t.Context(), nil)
	require.ErrorIs(t, gone, rest.ErrNoAnswer)
	keystest.PackageRedacted(t, map[string][]any{
		"Answer": {answer}, "Call": {rest.Call{Method: call.Method, URL: call.URL}},
		"Error": {refused, gone},
	}, secret)
}
