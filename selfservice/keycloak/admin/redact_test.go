package admin_test

import (
	"crypto/x509"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
	"github.com/stretchr/testify/require"
)

// TestNoTypeShowsASecret uses an API that holds a token. The content of a KeyFile
// with a private key is encrypted.
func TestNoTypeShowsASecret(t *testing.T) {
	const password = "a-password-that-nobody-may-see"
	server := keycloaktest.Start(t)
	source := server.Admin()
	token, err := source.Token(t.Context())
	require.NoError(t, err)
	realm := admin.Realm{Server: server.URL, Name: "master"}
	api := &admin.API{Realm: realm, Tokens: source}
	info, err := api.FindClient(t.Context(), keycloaktest.AdminID)
	require.NoError(t, err)
	secret, err := api.RegenerateSecret(t.Context(), info.ID)
	require.NoError(t, err)
	_, refused := api.Client(t.Context(), "nobody")
	require.Error(t, refused)
	key := keystest.Key(t, keys.ES256)

	keystest.PackageRedacted(t, map[string][]any{
		"API":             {api},
		"Change":          {admin.Change{Secret: secret}},
		"Client":          {info},
		"Error":           {refused},
		"Format":          {admin.FormatJKS},
		"KeyFile":         {admin.KeyFile{Password: keys.NewSecret(password)}},
		"Keystore":        {admin.Keystore{Password: keys.NewSecret(password)}},
		"Method":          {admin.MethodSecret},
		"Policy":          {admin.Policy{Name: "p"}},
		"Realm":           {realm},
		"RotationProfile": {admin.RotationProfile{Name: "p"}},
		"SecretTimes":     {info.SecretTimes()},
		"ServerInfo":      {admin.ServerInfo{}},
		"State":           {admin.On},
		"StoredKey":       {admin.StoredKey{Certificate: &x509.Certificate{}, PublicKey: key.PublicKey()}},
	}, append(keystest.Secrets(t, key), []byte(password), []byte(secret.Reveal()), []byte(token.AccessToken.Reveal()))...)
}
