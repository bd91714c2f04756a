package dcr_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/internal/programtest"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
)

// This server revokes the registration access token with every PUT. The test
// rotates several times, and nothing but the client's own key changes.
func TestOIDCProviderRotatesKeys(t *testing.T) {
	issuer := startOIDCProvider(t)
	key := newKey(t)
	encryption := strings.Replace(string(newKey(t).PublicKey().JWK()), `"use":"sig"`, `"use":"enc"`, 1)
	registration := register(t, issuer, metadata(key, encryption))
	c := &dcr.Client{Store: &selfservice.Mem{}, Issuer: issuer}
	require.NoError(t, c.Adopt(t.Context(), registration))
	r := &selfservice.Rotator{
		Provider: c.Keys(), Store: &selfservice.Mem{},
		Timing: selfservice.Timing{Overlap: 100 * time.Millisecond, Reread: 50 * time.Millisecond, Propagation: -1},
	}
	old := selfservice.Credential{Key: key}
	require.NoError(t, r.Adopt(t.Context(), old))
	before := read(t, c)

	for range 3 {
		require.NoError(t, r.Rotate(t.Context()))
		fresh := current(t, r)
		require.NotEqual(t, old.Fingerprint(), fresh.Fingerprint())
		require.NoError(t, c.Keys().Verify(t.Context(), fresh))
		require.NoError(t, c.Keys().Verify(t.Context(), old), "both keys work until the overlap is over")
		retire(t, r)
		require.ErrorIs(t, c.Keys().Verify(t.Context(), old), selfservice.ErrInvalidClient)
		require.NoError(t, c.Keys().Verify(t.Context(), fresh))
		old = fresh
	}

	after := read(t, c)
	set := after["jwks"].(map[string]any)["keys"].([]any)
	require.Len(t, set, 2)
	assert.Equal(t, before["jwks"].(map[string]any)["keys"].([]any)[0], set[0], "the key of another purpose")
	assert.Equal(t, old.KeyID(), set[1].(map[string]any)["kid"])
	delete(before, "jwks")
	delete(after, "jwks")
	assert.Equal(t, before, after)

	first := &dcr.Client{Store: &selfservice.Mem{}, Issuer: issuer}
	require.NoError(t, first.Adopt(t.Context(), registration))
	_, err := first.Read(t.Context())
	require.ErrorIs(t, err, dcr.ErrAccessToken, "the first registration access token has ended")
}

// The response to a PUT is lost, and with it the only registration access token:
// nobody can issue another one on this server. The client keeps using its old
// key, and the new one works too.
func TestOIDCProviderLostReply(t *testing.T) {
	issuer := startOIDCProvider(t)
	key := newKey(t)
	c := &dcr.Client{Store: &selfservice.Mem{}, Issuer: issuer, Base: loses{http.MethodPut}}
	require.NoError(t, c.Adopt(t.Context(), register(t, issuer, metadata(key))))
	next := newKey(t)
	r := &selfservice.Rotator{
		Provider: c.Keys(), Store: &selfservice.Mem{}, Timing: selfservice.Timing{Propagation: -1},
		New: func(context.Context, selfservice.Credential) (selfservice.Credential, error) {
			return selfservice.Credential{Key: next}, nil
		},
	}
	require.NoError(t, r.Adopt(t.Context(), selfservice.Credential{Key: key}))
	require.ErrorIs(t, r.Rotate(t.Context()), errLost)
	require.ErrorIs(t, r.Rotate(t.Context()), dcr.ErrAccessToken)
	assert.Equal(t, key.Thumbprint(), current(t, r).Fingerprint())
	for _, k := range []*keys.Key{key, next} {
		assert.NoError(t, c.Keys().Verify(t.Context(), selfservice.Credential{Key: k}))
	}
}

var errLost = errors.New("the reply was lost")

// loses is a network that loses the responses to requests with a method.
type loses struct{ method string }

func (l loses) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil && req.Method == l.method {
		resp.Body.Close()
		return nil, errLost
	}
	return resp, err
}

// metadata returns the metadata of a client with these keys.
func metadata(key *keys.Key, others ...string) string {
	set := strings.Join(append(others, string(key.PublicKey().JWK())), ", ")
	return `{
		"client_name": "App", "contacts": ["drift@example.no"], "tos_uri": "https://example.no/terms",
		"grant_types": ["client_credentials"], "response_types": [], "redirect_uris": [],
		"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256",
		"jwks": {"keys": [` + set + `]}}`
}

func current(t *testing.T, r *selfservice.Rotator) selfservice.Credential {
	t.Helper()
	key, err := r.SigningKey(t.Context())
	require.NoError(t, err)
	return selfservice.Credential{Key: key}
}

// retire steps until the old key is gone.
func retire(t *testing.T, r *selfservice.Rotator) {
	t.Helper()
	for {
		st, err := r.Status(t.Context())
		require.NoError(t, err)
		if len(st.Retiring) == 0 {
			return
		}
		next, err := r.Step(t.Context())
		require.NoError(t, err)
		time.Sleep(min(time.Until(next), time.Second))
	}
}

func read(t *testing.T, c *dcr.Client) (m map[string]any) {
	t.Helper()
	metadata, err := c.Read(t.Context())
	require.NoError(t, err)
	text, err := json.Marshal(metadata)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &m))
	return m
}

// register does what the person did who set up the client (RFC 7591 §3.1).
func register(t *testing.T, issuer, metadata string) dcr.Registration {
	t.Helper()
	resp, err := http.Post(issuer+"/reg", "application/json", strings.NewReader(metadata))
	require.NoError(t, err)
	defer resp.Body.Close()
	var answer struct {
		ClientID    string `json:"client_id"`
		URI         string `json:"registration_client_uri"`
		AccessToken string `json:"registration_access_token"`
		Description string `json:"error_description"`
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	require.Equal(t, http.StatusCreated, resp.StatusCode, answer.Description)
	return dcr.Registration{ClientID: answer.ClientID, URI: answer.URI, AccessToken: keys.NewSecret(answer.AccessToken)}
}

// startOIDCProvider runs node's oidc-provider and returns its issuer. Its only
// clients are those that register.
func startOIDCProvider(t *testing.T, initialAccessToken ...string) string {
	t.Helper()
	t.Parallel()
	return programtest.OIDCProvider(t, []any{}, initialAccessToken...)
}
