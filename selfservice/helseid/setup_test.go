package helseid_test

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

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/require"
)

const clientID = "my-client"

// setup starts a fake with one client and its key.
func setup(t *testing.T) (*helseidtest.Server, *helseid.Client, *keys.Key) {
	t.Helper()
	server := helseidtest.New()
	t.Cleanup(server.Close)
	key := newKey(t)
	server.AddClient(clientID, key.PublicKey())
	return server, &helseid.Client{Environment: server.Environment(), ClientID: clientID, Scopes: []string{"nhn:patients/read"}}, key
}

func newKey(t testing.TB) *keys.Key { return keystest.Key(t, keys.ES256) }

// selfService is an answer to every call of the self-service API.
func selfService(status int, header http.Header, body string) func(int, *http.Request) *helseidtest.Fault {
	return at("/v1/client-secret", helseidtest.Fault{Status: status, Header: header, Body: body})
}

// at is a fault of every request to a path.
func at(path string, f helseidtest.Fault) func(int, *http.Request) *helseidtest.Fault {
	return func(_ int, r *http.Request) *helseidtest.Fault {
		if r.URL.Path != path {
			return nil
		}
		return &f
	}
}

// record makes a client send its requests through a recorder.
func record(client *helseid.Client) *recorder {
	r := new(recorder)
	client.Base = r
	return r
}

// recorder is a RoundTripper that records requests.
type recorder struct {
	mu   sync.Mutex
	sent []sent
}

type sent struct {
	*http.Request
	body []byte
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	r.mu.Lock()
	r.sent = append(r.sent, sent{req, body})
	r.mu.Unlock()
	return http.DefaultTransport.RoundTrip(req)
}

// to returns the requests to a path.
func (r *recorder) to(path string) []sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []sent
	for _, s := range r.sent {
		if s.URL.Path == path {
			list = append(list, s)
		}
	}
	return list
}

// assertion returns the claims of the client assertion in a token request.
func (s sent) assertion(t *testing.T) map[string]any {
	t.Helper()
	form, err := url.ParseQuery(string(s.body))
	require.NoError(t, err)
	return payload(t, form.Get("client_assertion"))
}

// payload returns the claims of a compact JWS, unverified.
func payload(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, json.Unmarshal(text, &claims))
	return claims
}
