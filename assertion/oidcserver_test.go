package assertion_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/internal/programtest"
	"github.com/nokkel/nokkel/keys"
)

// oidcClient is one client as oidc-provider registers it (RFC 7591 §2).
type oidcClient struct {
	ID            string   `json:"client_id"`
	Method        string   `json:"token_endpoint_auth_method"`
	Algorithm     string   `json:"token_endpoint_auth_signing_alg"`
	Keys          keys.Set `json:"jwks"`
	Bound         bool     `json:"dpop_bound_access_tokens"`
	Grants        []string `json:"grant_types"`
	ResponseTypes []string `json:"response_types"`
	RedirectURIs  []string `json:"redirect_uris"`
}

// startOIDCProvider runs node's oidc-provider and returns its metadata.
func startOIDCProvider(t *testing.T, clients ...oidcClient) *assertion.Metadata {
	t.Helper()
	server, err := assertion.Discover(t.Context(), nil, programtest.OIDCProvider(t, clients))
	require.NoError(t, err)
	return server
}

// wire is the last RoundTripper before the network. It records requests and
// responses.
type wire struct {
	mu   sync.Mutex
	seen []exchange
}

type exchange struct {
	Path   string
	Form   url.Values
	Proof  string // the DPoP header
	Status int
	Nonce  string // the DPoP-Nonce header of the response
	Error  string // "error" of the response's body or challenge
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	e := exchange{Path: req.URL.Path, Proof: req.Header.Get("DPoP")}
	out := req.Clone(req.Context())
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		req.Body.Close()
		if err != nil {
			return nil, err
		}
		e.Form, _ = url.ParseQuery(string(body))
		out.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	e.Status, e.Nonce = resp.StatusCode, resp.Header.Get("DPoP-Nonce")
	if e.Status >= http.StatusBadRequest {
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(body))
		var answer struct{ Error string }
		json.Unmarshal(body, &answer)
		e.Error = answer.Error
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, e)
	return resp, nil
}

// take returns the exchanges since the last call.
func (w *wire) take() []exchange {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	w.seen = nil
	return seen
}

// claims decodes a token without verifying it.
func claims(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var c map[string]any
	require.NoError(t, json.Unmarshal(payload, &c))
	return c
}
