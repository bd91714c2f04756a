package assertion_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// through returns a context with which golang.org/x/oauth2 authenticates to s by
// our Transport.
func through(t testing.TB, s *authServer) context.Context {
	signer := &assertion.Signer{ClientID: clientID, Audience: s.URL, Key: testKey(t, keys.ES256)}
	transport := &assertion.Transport{Auth: signer, Endpoint: s.URL + "/token", Base: s.Client().Transport}
	return context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: transport})
}

func config(s *authServer) *oauth2.Config {
	return &oauth2.Config{
		ClientID: clientID, RedirectURL: "https://app.example.com/callback", Scopes: []string{"a", "b"},
		Endpoint: oauth2.Endpoint{AuthURL: s.URL + "/authorize", TokenURL: s.URL + "/token", DeviceAuthURL: s.URL + "/device", AuthStyle: oauth2.AuthStyleInParams},
	}
}

func TestOAuth2ClientCredentials(t *testing.T) {
	s := newAuthServer(t)
	c := clientcredentials.Config{ClientID: clientID, TokenURL: s.URL + "/token", Scopes: []string{"a"}, EndpointParams: url.Values{"resource": {"https://api.example.com"}}, AuthStyle: oauth2.AuthStyleInParams}
	token, err := c.Token(through(t, s))
	require.NoError(t, err)
	assert.Equal(t, "token-for-client_credentials", token.AccessToken)
	require.Len(t, s.forms(), 1)
	assert.Equal(t, "https://api.example.com", s.forms()[0].Get("resource"))
}

// TestOAuth2CodeFlow makes a pushed authorization request (RFC 9126), exchanges a
// code with PKCE, refreshes, and calls an API with the same client.
func TestOAuth2CodeFlow(t *testing.T) {
	s := newAuthServer(t)
	ctx, conf := through(t, s), config(s)
	client := ctx.Value(oauth2.HTTPClient).(*http.Client)
	verifier := oauth2.GenerateVerifier()

	authorize, err := url.Parse(conf.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)))
	require.NoError(t, err)
	resp, err := client.PostForm(s.URL+"/par", authorize.Query())
	require.NoError(t, err)
	var pushed struct {
		RequestURI string `json:"request_uri"`
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&pushed))
	resp.Body.Close()
	assert.Equal(t, http.StatusCreated, resp.StatusCode)
	assert.Equal(t, "urn:example:par:1", pushed.RequestURI)

	token, err := conf.Exchange(ctx, "the-code", oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	assert.Equal(t, "the-refresh-token", token.RefreshToken)

	// The token expires at once, so this refreshes and then posts a form to an API
	// at the origin of the token endpoint.
	resp, err = conf.Client(ctx, token).PostForm(s.URL+"/api", url.Values{"q": {"hello"}})
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	resp.Body.Close()
	assert.JSONEq(t, `{"echo":"hello"}`, string(body))

	forms := s.forms()
	require.Len(t, forms, 3)
	assert.Equal(t, "code", forms[0].Get("response_type"))
	assert.Equal(t, "authorization_code", forms[1].Get("grant_type"))
	assert.Equal(t, "refresh_token", forms[2].Get("grant_type"))
}

func TestOAuth2DeviceFlowPollsWithFreshAssertions(t *testing.T) {
	s := newAuthServer(t)
	synctest.Test(t, func(t *testing.T) { // x/oauth2 waits a second before each poll
		ctx, conf := through(t, s), config(s)
		authenticate := ctx.Value(oauth2.HTTPClient).(*http.Client).Transport.(*assertion.Transport)
		authenticate.Base = network(func(r *http.Request) (*http.Response, error) { // no real network in a synctest bubble
			w := httptest.NewRecorder()
			s.Config.Handler.ServeHTTP(w, r)
			return w.Result(), nil
		})
		device, err := conf.DeviceAuth(ctx)
		require.NoError(t, err)
		token, err := conf.DeviceAccessToken(ctx, device)
		require.NoError(t, err)
		assert.Equal(t, "token-for-urn:ietf:params:oauth:grant-type:device_code", token.AccessToken)
		assert.Len(t, s.forms(), 3, "one device request, one pending poll, one token")
	})
}

func TestOAuth2TokenExchange(t *testing.T) {
	s := newAuthServer(t)
	c := clientcredentials.Config{ClientID: clientID, TokenURL: s.URL + "/token", AuthStyle: oauth2.AuthStyleInParams, EndpointParams: url.Values{
		"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token":      {"the-subject-token"},
		"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
	}}
	token, err := c.Token(through(t, s))
	require.NoError(t, err)
	assert.Equal(t, "urn:ietf:params:oauth:token-type:access_token", token.Extra("issued_token_type"))
}

// x/oauth2 retries a refused request with another style. Neither attempt carries
// the ClientSecret, and each has its own assertion.
func TestOAuth2AutoDetect(t *testing.T) {
	s := newAuthServer(t)
	s.fail = func(*http.Request) (int, string) { return http.StatusBadRequest, "invalid_scope" }
	conf := config(s)
	conf.ClientSecret, conf.Endpoint.AuthStyle = "never-to-be-sent", oauth2.AuthStyleAutoDetect
	_, err := conf.Exchange(through(t, s), "the-code")
	var refused *oauth2.RetrieveError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "invalid_scope", refused.ErrorCode, "the authentication itself was accepted")
	assert.Len(t, s.forms(), 2)
}

// golang.org/x/oauth2 puts whole bodies into its errors.
func TestOAuth2ErrorsQuoteNoCredential(t *testing.T) {
	secret := `se"cret+%/Ø`
	auths := map[string]assertion.Authenticator{
		"assertion": testSigner(t),
		"post":      &assertion.Post{ClientID: clientID, Secret: keys.NewSecret(secret)},
		"basic":     &assertion.Basic{ClientID: clientID, Secret: keys.NewSecret(secret)},
	}
	for name, auth := range auths {
		t.Run(name, func(t *testing.T) {
			var sent []string
			echo := network(func(r *http.Request) (*http.Response, error) {
				body, err := io.ReadAll(r.Body)
				require.NoError(t, err)
				form, err := url.ParseQuery(string(body))
				require.NoError(t, err)
				_, basic, _ := strings.Cut(r.Header.Get("Authorization"), " ")
				sent = append(sent, form.Get("client_assertion"), basic)
				quoted, err := json.Marshal(secret)
				require.NoError(t, err)
				return answer(400, "refused: "+string(body)+" "+basic+" "+string(quoted)+" "+secret), nil
			})
			ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: &assertion.Transport{Auth: auth, Endpoint: endpoint, Base: echo}})
			c := clientcredentials.Config{ClientID: clientID, TokenURL: endpoint, AuthStyle: oauth2.AuthStyleInParams}
			_, err := c.Token(ctx)
			require.ErrorContains(t, err, "[redacted]")
			for _, s := range sent {
				if s != "" {
					assert.NotContains(t, err.Error(), s)
				}
			}
			if name != "assertion" {
				assert.NotContains(t, err.Error(), secret)
				assert.NotContains(t, err.Error(), url.QueryEscape(secret))
			}
			var refused *oauth2.RetrieveError
			require.ErrorAs(t, err, &refused)
			assert.Empty(t, refused.Response.Request.Header.Get("Authorization"), "the answer's request is the caller's own")
		})
	}
}
