package dcr_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// registered returns a client with a key, and a key that it does not have.
func registered(t *testing.T) (s *server, c *dcr.Client, known, unknown selfservice.Credential) {
	t.Helper()
	known, unknown = selfservice.Credential{Key: newKey(t)}, selfservice.Credential{Key: newKey(t)}
	s = newServer(withKey(known.Key.PublicKey()))
	return s, client(t, s), known, unknown
}

// TestAudience uses a server that accepts only its token endpoint.
func TestAudience(t *testing.T) {
	s, c, known, unknown := registered(t)
	s.audience = issuer + "/token"
	require.ErrorIs(t, c.Keys().Verify(t.Context(), known), selfservice.ErrInvalidClient)
	c.Audience = issuer + "/token"
	require.NoError(t, c.Keys().Verify(t.Context(), known))
	require.ErrorIs(t, c.Keys().Verify(t.Context(), unknown), selfservice.ErrInvalidClient)
}

func TestVerifyWithAScope(t *testing.T) {
	s, c, known, unknown := registered(t)
	s.scope = "patients/read patients/write"
	err := c.Keys().Verify(t.Context(), known)
	require.ErrorIs(t, err, assertion.ErrRefused)
	require.NotErrorIs(t, err, selfservice.ErrInvalidClient)
	c.Verify = dcr.ClientCredentials{Scopes: []string{"patients/read", "patients/write"}}.Verify
	require.NoError(t, c.Keys().Verify(t.Context(), known))
	require.ErrorIs(t, c.Keys().Verify(t.Context(), unknown), selfservice.ErrInvalidClient)
}

// TestVerifyByAPushedRequest also rotates, as the engine calls the hook.
func TestVerifyByAPushedRequest(t *testing.T) {
	s, c, known, unknown := registered(t)
	s.codeOnly = true
	err := c.Keys().Verify(t.Context(), known)
	require.Error(t, err)
	require.NotErrorIs(t, err, selfservice.ErrInvalidClient)
	c.Verify = dcr.PushedRequest{Params: url.Values{"redirect_uri": {"https://app.example.no/cb"}}}.Verify
	require.NoError(t, c.Keys().Verify(t.Context(), known))
	require.ErrorIs(t, c.Keys().Verify(t.Context(), unknown), selfservice.ErrInvalidClient)

	synctest.Test(t, func(t *testing.T) {
		c := client(t, s)
		c.Verify = dcr.PushedRequest{Params: url.Values{"redirect_uri": {"https://app.example.no/cb"}}}.Verify
		r := &selfservice.Rotator{Provider: c.Keys(), Store: &selfservice.Mem{}}
		require.NoError(t, r.Adopt(t.Context(), known))
		require.NoError(t, r.Rotate(t.Context()))
		require.NotEqual(t, known.Fingerprint(), current(t, r).Fingerprint())
		c.Verify = nil
		require.ErrorIs(t, c.Keys().Verify(t.Context(), current(t, r)), assertion.ErrRefused)
	})

	c = client(t, s)
	c.Verify = dcr.PushedRequest{}.Verify
	err = c.Keys().Verify(t.Context(), known)
	require.Error(t, err, "a request that is refused for another reason")
	require.NotErrorIs(t, err, selfservice.ErrInvalidClient)
	var e *assertion.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "invalid_request", e.Code)
	err = dcr.PushedRequest{}.Verify(t.Context(), dcr.Attempt{Server: &assertion.Metadata{}})
	require.ErrorIs(t, err, dcr.ErrNoEndpoint)

	for body, refused := range map[string]bool{`{"error":"access_denied"}`: true, `<html>`: false, ``: false} {
		err = dcr.PushedRequest{}.Verify(t.Context(), dcr.Attempt{
			Server: &assertion.Metadata{PAREndpoint: issuer + "/par"}, Auth: &assertion.Post{ClientID: "app", Secret: keys.NewSecret("a-secret")},
			Base: roundTripper(func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
			}),
		})
		require.Equal(t, refused, errors.Is(err, assertion.ErrInvalidClient), "401 with %q", body)
	}
}

func TestVerifyByAnUnknownCode(t *testing.T) {
	s, c, known, unknown := registered(t)
	s.codeOnly = true
	c.Verify = dcr.UnknownCode{RedirectURI: "https://app.example.no/cb"}.Verify
	require.ErrorIs(t, c.Keys().Verify(t.Context(), unknown), selfservice.ErrInvalidClient)
	require.Equal(t, 1, s.refused)
	for range 3 {
		require.NoError(t, c.Keys().Verify(t.Context(), known))
	}
	assert.Equal(t, 2, s.refused, "one made-up credential")
	require.ErrorIs(t, c.Keys().Verify(t.Context(), unknown), selfservice.ErrInvalidClient)

	secret := client(t, s)
	secret.Verify = c.Verify
	require.NoError(t, secret.Secret(post).Verify(t.Context(), s.credential()))
	require.ErrorIs(t, c.Verify(t.Context(), dcr.Attempt{}), dcr.ErrConfig)
}

// TestAnUnknownCodeProvesNothingEverywhere covers a server that checks the code
// first and so answers the same to everyone, and one that fails.
func TestAnUnknownCodeProvesNothingEverywhere(t *testing.T) {
	s, c, known, unknown := registered(t)
	c.Verify = dcr.UnknownCode{}.Verify
	s.grantFirst = true
	for _, cred := range []selfservice.Credential{known, unknown} {
		err := c.Keys().Verify(t.Context(), cred)
		require.ErrorIs(t, err, dcr.ErrInconclusive)
		require.NotErrorIs(t, err, selfservice.ErrInvalidClient)
	}
	s.grantFirst = false
	for _, status := range []int{429, 503, 400, 401, 403, 404} { // those of a proxy too
		tokens := 0
		c := client(t, s)
		c.Verify = dcr.UnknownCode{}.Verify
		c.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/token" {
				if tokens++; tokens == 2 {
					return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody}, nil
				}
			}
			return providertest.Handler(s).RoundTrip(r)
		})
		err := c.Keys().Verify(t.Context(), known)
		var e *assertion.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, status, e.Status)
		require.NotErrorIs(t, err, selfservice.ErrInvalidClient)
		require.NoError(t, c.Keys().Verify(t.Context(), known))
	}
}

// TestVerifyIsTheCallers checks what the hook is given, and what its errors mean.
func TestVerifyIsTheCallers(t *testing.T) {
	_, c, known, _ := registered(t)
	c.Audience = "https://elsewhere.example.no"
	odd := errors.New("odd")
	for err, refused := range map[error]bool{nil: false, odd: false, &assertion.Error{Rule: assertion.ErrInvalidClient}: true} {
		c.Verify = func(ctx context.Context, a dcr.Attempt) error {
			assert.Equal(t, "app", a.ClientID)
			assert.Equal(t, issuer+"/token", a.Server.TokenEndpoint)
			assert.Equal(t, c.Audience, a.Auth.(*assertion.Signer).Audience)
			return err
		}
		got := c.Keys().Verify(t.Context(), known)
		require.ErrorIs(t, got, err)
		assert.Equal(t, refused, errors.Is(got, selfservice.ErrInvalidClient))
	}
}

// TestARefusalIsWhatItIsForATokenToo covers servers that refuse a credential with
// codes of their own.
func TestARefusalIsWhatItIsForATokenToo(t *testing.T) {
	secret := selfservice.Credential{Secret: keys.NewSecret("a secret that is long enough for HS256")}
	byHMAC := func(c *dcr.Client) selfservice.Provider {
		return c.Secret(func(clientID string, c selfservice.Credential) assertion.Authenticator {
			return &assertion.Signer{ClientID: clientID, Audience: issuer, Secret: c}
		})
	}
	key := selfservice.Credential{Key: newKey(t)}
	for name, c := range map[string]struct {
		status            int
		code, description string
		cred              selfservice.Credential
		provider          func(*dcr.Client) selfservice.Provider
		refused           bool
	}{
		"Ory Hydra, an unknown kid":         {400, "invalid_request", "The JSON Web Token uses signing key with kid '" + key.KeyID() + "', which could not be found.", key, (*dcr.Client).Keys, true},
		"another invalid request":           {400, "invalid_request", "No redirect_uri.", key, (*dcr.Client).Keys, false},
		"Keycloak, client_secret_jwt":       {400, "unauthorized_client", "Client authentication with client secret signed JWT failed", secret, byHMAC, true},
		"a key's client without that grant": {400, "unauthorized_client", "", key, (*dcr.Client).Keys, false},
		"Keycloak, a secret":                {401, "unauthorized_client", "", secret, func(c *dcr.Client) selfservice.Provider { return c.Secret(post) }, true},
		"by the RFC":                        {401, "invalid_client", "", key, (*dcr.Client).Keys, true},
	} {
		for hook, verify := range map[string]func(context.Context, dcr.Attempt) error{
			"ClientCredentials": dcr.ClientCredentials{}.Verify, "PushedRequest": dcr.PushedRequest{}.Verify, "UnknownCode": dcr.UnknownCode{}.Verify,
		} {
			s := newServer(withKey(key.Key.PublicKey()))
			client := client(t, s)
			client.Verify = verify
			client.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path != "/token" && r.URL.Path != "/par" {
					return providertest.Handler(s).RoundTrip(r)
				}
				body, _ := json.Marshal(map[string]string{"error": c.code, "error_description": c.description})
				return &http.Response{StatusCode: c.status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body))}, nil
			})
			err := c.provider(client).Verify(t.Context(), c.cred)
			require.Error(t, err)
			assert.Equal(t, c.refused, errors.Is(err, selfservice.ErrInvalidClient), "%s, %s: %v", name, hook, err)
		}
	}
}

// TestAPanicDoesNotLockTheClient in the caller's transport, that is.
func TestAPanicDoesNotLockTheClient(t *testing.T) {
	_, c, known, _ := registered(t)
	net := c.Base
	c.Base = roundTripper(func(*http.Request) (*http.Response, error) { panic("a bug of the caller's") })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, call := range []func(ctx context.Context) error{
		func(ctx context.Context) error { return c.Keys().Verify(ctx, known) },
		func(ctx context.Context) error { _, err := c.Read(ctx); return err },
		func(ctx context.Context) error { _, err := c.Update(ctx, nil); return err },
	} {
		assert.Panics(t, func() { call(ctx) })
	}
	c.Base = net
	require.NoError(t, c.Keys().Verify(ctx, known))
}
