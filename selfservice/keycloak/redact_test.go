package keycloak_test

import (
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
	"github.com/stretchr/testify/require"
)

// TestNoTypeShowsASecret uses clients that have used their credentials and hold
// tokens.
func TestNoTypeShowsASecret(t *testing.T) {
	server := keycloaktest.Start(t)
	source := server.Admin()
	token, err := source.Token(t.Context())
	require.NoError(t, err)
	realm := keycloak.Realm{Server: server.URL, Name: "master"}
	api := &admin.API{Realm: realm, Tokens: source}
	info, err := api.FindClient(t.Context(), keycloaktest.AdminID)
	require.NoError(t, err)
	secret, err := api.RegenerateSecret(t.Context(), info.ID)
	require.NoError(t, err)
	client := &keycloak.Client{Realm: realm, ClientID: keycloaktest.AdminID, Authenticate: func(selfservice.Credential) assertion.Authenticator {
		return &assertion.Post{ClientID: keycloaktest.AdminID, Secret: secret}
	}}
	require.NoError(t, client.Verify(t.Context(), selfservice.Credential{Secret: secret}))

	keystest.PackageRedacted(t, map[string][]any{
		"Certificate": {keycloak.Certificate{Client: client}},
		"Client":      {client, &keycloak.Client{Realm: realm, ClientID: "app", Admin: api}},
		"JWKS":        {keycloak.JWKS{Client: client}},
		"JWKSURL":     {keycloak.JWKSURL{Client: client}},
		"OwnSecret":   {keycloak.OwnSecret{Client: client}},
		"Realm":       {realm},
		"Secret":      {keycloak.Secret{Client: client}},
	}, append(keystest.Secrets(t, keystest.Key(t, keys.ES256)), []byte(secret.Reveal()), []byte(token.AccessToken.Reveal()))...)
}
