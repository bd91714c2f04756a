package keycloak_test

import (
	"crypto/x509"
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
	"github.com/stretchr/testify/require"
)

// TestNoTypeShowsASecret: the clients have used their credentials and hold
// tokens. The content of a KeyFile with a private key is encrypted.
func TestNoTypeShowsASecret(t *testing.T) {
	const password = "a-password-that-nobody-may-see"
	server := keycloaktest.Start(t)
	source := server.Admin()
	token, err := source.Token(t.Context())
	require.NoError(t, err)
	realm := keycloak.Realm{Server: server.URL, Name: "master"}
	admin := &keycloak.Admin{Realm: realm, Tokens: source}
	info, err := admin.FindClient(t.Context(), keycloaktest.AdminID)
	require.NoError(t, err)
	secret, err := admin.RegenerateSecret(t.Context(), info.ID)
	require.NoError(t, err)
	key := keystest.Key(t, keys.ES256)
	client := &keycloak.Client{Realm: realm, ClientID: keycloaktest.AdminID, Authenticate: func(selfservice.Credential) assertion.Authenticator {
		return &assertion.Post{ClientID: keycloaktest.AdminID, Secret: secret}
	}}
	require.NoError(t, client.Verify(t.Context(), selfservice.Credential{Secret: secret}))
	_, refused := admin.Client(t.Context(), "nobody")
	require.Error(t, refused)

	keystest.PackageHides(t, map[string][]any{
		"Admin":           {admin},
		"CertificateCut":  {keycloak.CertificateCut{Client: client}},
		"Change":          {keycloak.Change{Secret: secret}},
		"Client":          {client},
		"ClientInfo":      {info},
		"Error":           {refused},
		"Format":          {keycloak.FormatJKS},
		"JWKS":            {keycloak.JWKS{Client: client}},
		"JWKSURL":         {keycloak.JWKSURL{Client: client}},
		"KeyFile":         {keycloak.KeyFile{Password: keys.NewSecret(password)}},
		"Keystore":        {keycloak.Keystore{Password: keys.NewSecret(password)}},
		"Method":          {keycloak.MethodSecret},
		"OwnSecret":       {keycloak.OwnSecret{Client: client}},
		"Password":        {&keycloak.Password{Password: keys.NewSecret(password)}},
		"Policy":          {keycloak.Policy{Name: "p"}},
		"Realm":           {realm},
		"RotationProfile": {keycloak.RotationProfile{Name: "p"}},
		"Secret":          {keycloak.Secret{Client: client}},
		"SecretTimes":     {info.SecretTimes()},
		"ServerInfo":      {keycloak.ServerInfo{}},
		"State":           {keycloak.On},
		"StoredKey":       {keycloak.StoredKey{Certificate: &x509.Certificate{}, PublicKey: key.PublicKey()}},
	}, append(keystest.Secrets(t, key), []byte(password), []byte(secret.Reveal()), []byte(token.AccessToken.Reveal()))...)
}
