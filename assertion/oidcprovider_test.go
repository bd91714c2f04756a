package assertion_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
)

const callback = "https://app.example.no/callback"

// Keys of every algorithm authenticate the client and prove possession to
// oidc-provider, which demands a nonce.
func TestOIDCProviderClientCredentials(t *testing.T) {
	algorithms := []keys.Algorithm{
		keys.RS256, keys.RS384, keys.RS512, keys.PS256, keys.PS384, keys.PS512,
		keys.ES256, keys.ES384, keys.ES512, keys.EdDSA,
	}
	rsa, err := keys.GenerateRSA(keys.RS256, 2048)
	require.NoError(t, err)
	clientKeys := map[keys.Algorithm]*keys.Key{}
	var clients []oidcClient
	for _, alg := range algorithms {
		key, err := rsa.With(keys.Options{Algorithm: alg})
		if err != nil {
			key, err = keys.Generate(alg)
		}
		require.NoError(t, err)
		clientKeys[alg] = key
		clients = append(clients, privateKeyJWT("client-"+string(alg), key))
	}
	server := startOIDCProvider(t, clients...)

	for _, alg := range algorithms {
		t.Run(string(alg), func(t *testing.T) {
			key, w := clientKeys[alg], &wire{}
			signer := &assertion.Signer{ClientID: "client-" + string(alg), Audience: server.Issuer, Key: key}
			source := func(prover *dpop.Prover) *assertion.TokenSource {
				return &assertion.TokenSource{
					Endpoint: server.TokenEndpoint, Auth: signer, Scopes: []string{"patients"},
					Prover: prover, DPoPKey: key, Base: w,
				}
			}
			prover := &dpop.Prover{}
			token, err := source(prover).Token(t.Context())
			require.NoError(t, err)
			assert.Equal(t, "DPoP", token.Type)
			requireNonceRetry(t, w.take())

			_, err = source(prover).Token(t.Context())
			require.NoError(t, err)
			require.Len(t, w.take(), 1, "the second request has the nonce already")

			asClient := &http.Client{Transport: &assertion.Transport{Auth: signer, Endpoint: server.TokenEndpoint}}
			answer := introspect(t, asClient, server, token.AccessToken.Reveal())
			assert.True(t, answer.Active)
			assert.Equal(t, key.Thumbprint(), answer.Confirmation.Thumbprint, "the server has bound the token to our key")
		})
	}
}

// The http.Client in the context authenticates and proves possession in every flow
// of x/oauth2.
func TestOIDCProviderOAuth2(t *testing.T) {
	key, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	server := startOIDCProvider(t, privateKeyJWT("app", key))

	dpopKey, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	w := &wire{}
	signer := &assertion.Signer{ClientID: "app", Audience: server.Issuer, Key: key}
	auth := &assertion.Transport{Auth: signer, Endpoint: server.TokenEndpoint, Base: w}
	client := &http.Client{Transport: new(dpop.Prover).Bind(auth, dpopKey)}
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, client)
	config := &oauth2.Config{
		ClientID: "app", Endpoint: server.Endpoint(), RedirectURL: callback,
		Scopes: []string{"openid", "offline_access"},
	}

	// Authorization code with PKCE. The other flows use its tokens.
	verifier := oauth2.GenerateVerifier()
	code := authorize(t, config.AuthCodeURL("s1", oauth2.S256ChallengeOption(verifier), consent))
	login, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	assert.Equal(t, "DPoP", login.TokenType)
	requireNonceRetry(t, w.take())

	t.Run("userinfo", func(t *testing.T) {
		api := &http.Client{Transport: &dpop.Transport{Tokens: bound{login.AccessToken, dpopKey}, Base: w}}
		resp, err := api.Get(server.UserinfoEndpoint)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.JSONEq(t, `{"sub":"kari"}`, string(body))
		seen := w.take()
		require.Len(t, seen, 2, "a new Transport has to learn the nonce")
		assert.Equal(t, http.StatusUnauthorized, seen[0].Status)
		assert.Equal(t, "use_dpop_nonce", seen[0].Error)
		assert.Equal(t, seen[0].Nonce, claims(t, seen[1].Proof)["nonce"])
	})
	t.Run("userinfo with another key", func(t *testing.T) {
		stranger, err := keys.Generate(keys.ES256)
		require.NoError(t, err)
		api := &http.Client{Transport: &dpop.Transport{Tokens: bound{login.AccessToken, stranger}}}
		resp, err := api.Get(server.UserinfoEndpoint)
		require.NoError(t, err)
		resp.Body.Close()
		assert.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	})
	t.Run("refresh", func(t *testing.T) {
		require.NotEmpty(t, login.RefreshToken)
		fresh, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: login.RefreshToken}).Token()
		require.NoError(t, err)
		assert.Equal(t, "DPoP", fresh.TokenType)
		assert.NotEqual(t, login.AccessToken, fresh.AccessToken)
		seen := w.take()
		require.Len(t, seen, 1)
		assert.Equal(t, "refresh_token", seen[0].Form.Get("grant_type"))
	})
	t.Run("pushed authorization request", func(t *testing.T) {
		verifier := oauth2.GenerateVerifier()
		uri := push(t, client, server, config.AuthCodeURL("s2", oauth2.S256ChallengeOption(verifier), consent))
		code := authorize(t, server.AuthorizationEndpoint+"?"+url.Values{"client_id": {"app"}, "request_uri": {uri}}.Encode())
		token, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
		require.NoError(t, err)
		assert.Equal(t, "DPoP", token.TokenType)
	})
	t.Run("device", func(t *testing.T) {
		device, err := config.DeviceAuth(ctx)
		require.NoError(t, err)
		approve(t, device.VerificationURIComplete)
		device.Interval = 1 // seconds; already approved
		token, err := config.DeviceAccessToken(ctx, device)
		require.NoError(t, err)
		assert.Equal(t, "DPoP", token.TokenType)
	})
	requireFreshAssertions(t, w.take())
}

func privateKeyJWT(id string, key *keys.Key) oidcClient {
	return oidcClient{
		ID: id, Method: "private_key_jwt", Algorithm: string(key.Algorithm()),
		Keys: keys.Set{Keys: []*keys.PublicKey{key.PublicKey()}}, Bound: true,
		Grants: []string{
			"client_credentials", "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code",
		},
		ResponseTypes: []string{"code"}, RedirectURIs: []string{callback},
	}
}

// requireNonceRetry requires a refused attempt without a nonce and an accepted one
// with the nonce of the refusal. Neither may repeat an assertion or a proof.
func requireNonceRetry(t *testing.T, seen []exchange) {
	t.Helper()
	require.Len(t, seen, 2)
	assert.Equal(t, http.StatusBadRequest, seen[0].Status)
	assert.Equal(t, "use_dpop_nonce", seen[0].Error)
	assert.NotContains(t, claims(t, seen[0].Proof), "nonce")
	assert.NotEmpty(t, seen[0].Nonce)
	assert.Equal(t, http.StatusOK, seen[1].Status)
	assert.Equal(t, seen[0].Nonce, claims(t, seen[1].Proof)["nonce"])
	requireFreshAssertions(t, seen)
}

// requireFreshAssertions requires a new proof and client assertion in each attempt.
func requireFreshAssertions(t *testing.T, seen []exchange) {
	t.Helper()
	require.NotEmpty(t, seen)
	used := map[any]bool{}
	for _, e := range seen {
		for _, token := range []string{e.Proof, e.Form.Get("client_assertion")} {
			jti := claims(t, token)["jti"]
			assert.False(t, used[jti], "a jti was sent twice")
			used[jti] = true
		}
	}
}

type bound struct {
	token string
	key   *keys.Key
}

func (b bound) BoundToken(context.Context) (string, *keys.Key, error) { return b.token, b.key, nil }

type introspection struct {
	Active       bool `json:"active"`
	Confirmation struct {
		Thumbprint string `json:"jkt"`
	} `json:"cnf"`
}

// introspect asks the server about a token (RFC 7662).
func introspect(t *testing.T, client *http.Client, server *assertion.Metadata, token string) (answer introspection) {
	t.Helper()
	resp, err := client.PostForm(server.IntrospectionEndpoint, url.Values{"token": {token}})
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	return answer
}

// offline_access is granted only with prompt=consent (OpenID Connect Core §11).
var consent = oauth2.SetAuthURLParam("prompt", "consent")

// browser returns a client that keeps cookies and stops at the redirect back to the
// application.
func browser(t *testing.T) *http.Client {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &http.Client{Jar: jar, CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(req.URL.String(), callback) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

// authorize logs a user in and returns the authorization code.
func authorize(t *testing.T, address string) string {
	t.Helper()
	resp, err := browser(t).Get(address)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
	back, err := resp.Location()
	require.NoError(t, err)
	require.NotEmpty(t, back.Query().Get("code"), back.Query().Get("error_description"))
	return back.Query().Get("code")
}

// push makes a pushed authorization request (RFC 9126) of an authorization URL.
func push(t *testing.T, client *http.Client, server *assertion.Metadata, address string) (requestURI string) {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	resp, err := client.PostForm(server.PAREndpoint, u.Query())
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusCreated, resp.StatusCode)
	var answer struct {
		RequestURI string `json:"request_uri"`
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	return answer.RequestURI
}

var hidden = regexp.MustCompile(`name="(\w+)" value="([^"]*)"`)

// approve is the user on the second device (RFC 8628 §3.3). It submits the forms of
// the pages until there are none.
func approve(t *testing.T, address string) {
	t.Helper()
	person := browser(t)
	resp, err := person.Get(address)
	for {
		require.NoError(t, err)
		page, err2 := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err2)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		form := url.Values{}
		for _, field := range hidden.FindAllStringSubmatch(string(page), -1) {
			form.Set(field[1], field[2])
		}
		if len(form) == 0 {
			require.Contains(t, string(page), "connected")
			return
		}
		resp, err = person.PostForm(strings.SplitN(address, "?", 2)[0], form)
	}
}
