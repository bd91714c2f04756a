package sdktest

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	nokkel "github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/okta/okta-sdk-golang/v6/okta"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sdk returns Okta's client for a fake. Answers are validated, requests are not.
func sdk(t *testing.T, server *oktatest.Server, more ...okta.ConfigSetter) *okta.APIClient {
	c := &checker{seen: map[string]int{}}
	t.Cleanup(func() {
		assert.NotEmpty(t, c.seen)
		for _, err := range c.problems {
			assert.NotContains(t, err.Error(), "answer of")
		}
	})
	cfg, err := okta.NewConfiguration(append([]okta.ConfigSetter{
		okta.WithOrgUrl(server.URL), okta.WithCache(false), okta.WithTestingDisableHttpsCheck(true), okta.WithHttpClientPtr(&http.Client{Transport: c}),
	}, more...)...)
	require.NoError(t, err)
	cfg.Host = strings.TrimPrefix(server.URL, "http://") // which drops the port
	return okta.NewAPIClient(cfg)
}

// TestSDK makes all calls with an API token, and as a service app with
// private_key_jwt and DPoP.
func TestSDK(t *testing.T) {
	for name, client := range map[string]func(*testing.T, *oktatest.Server) *okta.APIClient{
		"API token": func(t *testing.T, s *oktatest.Server) *okta.APIClient {
			return sdk(t, s, okta.WithToken(oktatest.APIToken))
		},
		"service app": serviceApp,
	} {
		t.Run(name, func(t *testing.T) {
			server := oktatest.Start(t)
			drive(t, server, client(t, server))
			for _, e := range server.Events(oktatest.EventToken) {
				// It sends no proof at first, and then no nonce.
				assert.Contains(t, []string{"", "invalid_dpop_proof", "use_dpop_nonce"}, e.Reason)
			}
		})
	}
}

func serviceApp(t *testing.T, server *oktatest.Server) *okta.APIClient {
	key := keystest.Key(t, keys.RS256)
	text, err := key.PrivatePEM()
	require.NoError(t, err)
	scopes := []string{nokkel.ScopeRead, nokkel.ScopeManage}
	id := server.AddApp(oktatest.App{Keys: []*keys.PublicKey{key.PublicKey()}, Service: true, DPoP: true, Scopes: scopes, Role: oktatest.SuperAdmin})
	return sdk(t, server, okta.WithAuthorizationMode("PrivateKey"), okta.WithClientId(id), okta.WithPrivateKey(string(text)), okta.WithPrivateKeyId(key.KeyID()), okta.WithScopes(scopes))
}

func drive(t *testing.T, server *oktatest.Server, client *okta.APIClient) {
	ctx, api := context.Background(), client.ApplicationSSOPublicKeysAPI
	web := server.AddApp(oktatest.App{})
	check := func(resp *okta.APIResponse, err error, status int) {
		t.Helper()
		require.NoError(t, err)
		require.Equal(t, status, resp.StatusCode)
	}
	list, resp, err := api.ListOAuth2ClientSecrets(ctx, web).Execute()
	check(resp, err, http.StatusOK)
	require.Len(t, list, 1)
	own := okta.NewOAuth2ClientSecretRequestBody()
	own.SetClientSecret("a-secret-that-was-made-elsewhere")
	made, resp, err := api.CreateOAuth2ClientSecret(ctx, web).OAuth2ClientSecretRequestBody(*own).Execute()
	check(resp, err, http.StatusCreated)
	assert.Equal(t, "a-secret-that-was-made-elsewhere", made.GetClientSecret())
	assert.NotEmpty(t, made.GetSecretHash())
	_, _, err = api.CreateOAuth2ClientSecret(ctx, web).Execute() // posts null
	require.Error(t, err, "a third one")
	got, resp, err := api.GetOAuth2ClientSecret(ctx, web, made.GetId()).Execute()
	check(resp, err, http.StatusOK)
	assert.Equal(t, made.GetSecretHash(), got.GetSecretHash())
	got, resp, err = api.DeactivateOAuth2ClientSecret(ctx, web, made.GetId()).Execute()
	check(resp, err, http.StatusOK)
	assert.Equal(t, "INACTIVE", got.GetStatus())
	got, resp, err = api.ActivateOAuth2ClientSecret(ctx, web, made.GetId()).Execute()
	check(resp, err, http.StatusOK)
	assert.Equal(t, "ACTIVE", got.GetStatus())
	_, resp, err = api.DeactivateOAuth2ClientSecret(ctx, web, made.GetId()).Execute()
	check(resp, err, http.StatusOK)
	resp, err = api.DeleteOAuth2ClientSecret(ctx, web, made.GetId()).Execute()
	check(resp, err, http.StatusNoContent)
	_, resp, err = api.CreateOAuth2ClientSecret(ctx, web).Execute()
	check(resp, err, http.StatusCreated)

	first := keystest.Key(t, keys.ES256)
	app := server.AddApp(oktatest.App{Keys: []*keys.PublicKey{first.PublicKey()}})
	set, resp, err := api.ListJwk(ctx, app).Execute()
	check(resp, err, http.StatusOK)
	require.Len(t, set.GetKeys(), 1)
	public := publicMembers(t, keystest.Key(t, keys.RS256))
	rsa := okta.NewOAuth2ClientJsonWebKeyRsaRequest()
	rsa.SetKid(public["kid"])
	rsa.SetKty("RSA")
	rsa.SetUse("sig")
	rsa.SetAlg("RS256")
	rsa.SetE(public["e"])
	rsa.SetN(public["n"])
	signing := okta.OAuth2ClientJsonWebKeyRsaRequestAsOAuth2ClientJsonSigningKeyRequest(rsa)
	added, resp, err := api.AddJwk(ctx, app).AddJwkRequest(okta.OAuth2ClientJsonSigningKeyRequestAsAddJwkRequest(&signing)).Execute()
	check(resp, err, http.StatusCreated)
	id := added.OAuth2ClientJsonSigningKeyResponse.OAuth2ClientJsonWebKeyRsaResponse.GetId()
	require.NotEmpty(t, id)
	_, resp, err = api.GetJwk(ctx, app, id).Execute()
	check(resp, err, http.StatusOK)
	_, resp, err = api.DeactivateOAuth2ClientJsonWebKey(ctx, app, id).Execute()
	check(resp, err, http.StatusOK)
	_, resp, err = api.ActivateOAuth2ClientJsonWebKey(ctx, app, id).Execute()
	check(resp, err, http.StatusOK)
	_, resp, err = api.DeactivateOAuth2ClientJsonWebKey(ctx, app, id).Execute()
	check(resp, err, http.StatusOK)
	resp, err = api.Deletejwk(ctx, app, id).Execute()
	check(resp, err, http.StatusNoContent)

	whole, resp, err := client.ApplicationAPI.GetApplication(ctx, app).Execute()
	check(resp, err, http.StatusOK)
	require.NotNil(t, whole.OpenIdConnectApplication)
	whole.OpenIdConnectApplication.SetLabel("another label")
	_, resp, err = client.ApplicationAPI.ReplaceApplication(ctx, app).Application(okta.ListApplications200ResponseInner{OpenIdConnectApplication: whole.OpenIdConnectApplication}).Execute()
	check(resp, err, http.StatusOK)
	assert.True(t, server.Accepts(app, first.Thumbprint()), "the update dropped the keys")
}

// publicMembers returns the string members of a public JWK.
func publicMembers(t *testing.T, key *keys.Key) map[string]string {
	var members map[string]string
	require.NoError(t, json.Unmarshal(key.PublicKey().JWK(), &members))
	return members
}
