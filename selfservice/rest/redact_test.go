package rest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice/rest"
)

// TestNoTypeShowsASecret that a Call sends: errors and Text are free of it.
func TestNoTypeShowsASecret(t *testing.T) {
	secret := []byte("the-secret-that-a-call-sends-along")
	call := rest.Call{
		Method: http.MethodPost, URL: "https://as.example.no/keys", Body: keys.NewSecret(`{"secret":"` + string(secret) + `"}`),
		Header: http.Header{"Accept": {"*/*"}}, Secrets: map[string]keys.Secret{"X-Api-Key": keys.NewSecret(string(secret))},
	}
	full := call
	call.Tokens = &tokens{list: []string{string(secret)}}
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
		"Answer": {answer}, "Call": {full, &full},
		"Error": {refused, gone},
	}, secret)

	full.Header.Set("Authorization", "Bearer "+string(secret)) // where it does not belong
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %s %q %x %d", full, full, full, full, full, full, full), string(secret))
}
