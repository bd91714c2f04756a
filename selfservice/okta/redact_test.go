package okta_test

import (
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/stretchr/testify/require"
)

// TestNoTypeShowsASecret of clients that have used their credentials and hold
// tokens.
func TestNoTypeShowsASecret(t *testing.T) {
	server := oktatest.Start(t)
	key := keystest.Key(t, keys.ES256)
	service := server.AddApp(serviceApp(key))
	web := server.AddApp(oktatest.App{Secret: keys.NewSecret("a-secret-that-nobody-may-see-1")})
	org := server.Org()
	tokens := org.Tokens(org.Signer(service, key), nil)
	admin := &okta.Admin{Org: org, APIToken: keys.NewSecret(oktatest.APIToken)}
	secret, err := admin.GenerateSecret(t.Context(), web)
	require.NoError(t, err)
	_, refused := admin.GenerateSecret(t.Context(), web)
	require.ErrorIs(t, refused, okta.ErrFull)
	own := &okta.Client{Org: org, AppID: service}
	require.NoError(t, own.Verify(t.Context(), credential(key)))
	_, err = okta.JWKS{Client: own}.List(t.Context(), credential(key))
	require.NoError(t, err)
	app, err := admin.App(t.Context(), web)
	require.NoError(t, err)
	all, err := admin.Keys(t.Context(), service)
	require.NoError(t, err)
	client := &okta.Client{Org: org, AppID: web, Admin: admin, Authenticate: func(string, selfservice.Credential) assertion.Authenticator {
		return &assertion.Post{ClientID: web, Secret: secret.Value}
	}}

	keystest.PackageRedacted(t, map[string][]any{
		"Admin":               {admin, &okta.Admin{Org: org, Tokens: tokens}},
		"App":                 {app},
		"Authentication":      {okta.Authentication{Method: okta.MethodPrivateKey, Keys: keys.Set{Keys: publicKeys(key)}}},
		"AuthorizationServer": {okta.AuthorizationServer{Org: org}},
		"Client":              {own, client},
		"Error":               {refused},
		"JWKS":                {okta.JWKS{Client: own}},
		"JWKSURL":             {okta.JWKSURL{Client: own}},
		"Key":                 {all},
		"Loss":                {okta.Loss{ID: "ocs"}},
		"Method":              {okta.MethodBasic},
		"Org":                 {org},
		"Secret":              {secret, *secret},
		"Secrets":             {okta.Secrets{Client: client}},
		"Status":              {okta.Active},
	}, append(keystest.Secrets(t, key), []byte(secret.Value.Reveal()), []byte("a-secret-that-nobody-may-see-1"), []byte(oktatest.APIToken))...)
}
