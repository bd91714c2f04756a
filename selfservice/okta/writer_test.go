package okta_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/stretchr/testify/require"
)

// writer is another administrator, who has read the app and writes it back after
// some requests of ours.
type writer struct {
	t       *testing.T
	base    http.RoundTripper
	id      string
	after   int         // that many requests
	secret  keys.Secret // that it writes; zero: none
	app     map[string]any
	written bool
}

func (w *writer) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.base.RoundTrip(req)
	if w.after--; w.after < 0 && !w.written {
		w.written = true
		w.write()
	}
	return resp, err
}

func (w *writer) read() { w.app = w.call(http.MethodGet, nil) }

func (w *writer) write() {
	if !w.secret.IsZero() {
		w.app["credentials"].(map[string]any)["oauthClient"].(map[string]any)["client_secret"] = w.secret.Reveal()
	}
	body, err := json.Marshal(w.app)
	require.NoError(w.t, err)
	w.call(http.MethodPut, body)
}

func (w *writer) call(method string, body []byte) (app map[string]any) {
	req, err := http.NewRequestWithContext(w.t.Context(), method, fakeURL+"/api/v1/apps/"+w.id, bytes.NewReader(body))
	require.NoError(w.t, err)
	req.Header.Set("Authorization", "SSWS "+oktatest.APIToken)
	resp, err := w.base.RoundTrip(req)
	require.NoError(w.t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusOK, resp.StatusCode, string(text))
	require.NoError(w.t, json.Unmarshal(text, &app))
	return app
}
