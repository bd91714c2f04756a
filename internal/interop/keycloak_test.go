package interop_test

import (
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestClientsDriveKeycloak has each client get a bound token and call userinfo.
func TestClientsDriveKeycloak(t *testing.T) {
	t.Parallel()
	for _, client := range []program{oauth4webapi(), openidClient(), requestsOAuth2(), nimbus()} {
		t.Run(client.name, func(t *testing.T) {
			t.Parallel()
			realm, _, private := keycloakClient(t)
			issuer := realm.Server + "/realms/" + realm.Name
			work := task{issuer, "stranger", private, "openid", []call{{"GET", issuer + "/protocol/openid-connect/userinfo", ""}}}
			var r result
			complaint, ok := client.run(t, work, &r)
			require.True(t, ok, complaint)
			assert.Contains(t, r.Token.Scope, "openid")
			require.Len(t, r.Answers, 1)
			assert.Equal(t, 200, r.Answers[0].Status)
			assert.Contains(t, r.Answers[0].Body, `"preferred_username":"service-account-stranger"`)

			work.Scope = "email"
			complaint, ok = client.run(t, work, &r)
			assert.False(t, ok && r.Answers[0].Status == 200, "without the scope openid")
			assert.NotContains(t, complaint, "invalid_")
		})
	}
}

// keycloakClient starts a Keycloak with a client that has a key.
func keycloakClient(t *testing.T) (realm keycloak.Realm, key *keys.Key, private []byte) {
	t.Helper()
	key, private = newKey(t)
	server, realm := startKeycloak(t)
	addKeycloakClient(t, server, "stranger", key, map[string]string{"dpop.bound.access.tokens": "true", "access.token.header.type.rfc9068": "true"})
	return realm, key, private
}

func startKeycloak(t *testing.T) (*keycloaktest.Server, keycloak.Realm) {
	server := keycloaktest.Start(t)
	server.AddRealm("test")
	return server, keycloak.Realm{Server: server.URL, Name: "test"}
}

func addKeycloakClient(t *testing.T, server *keycloaktest.Server, id string, key *keys.Key, attributes map[string]string) {
	t.Helper()
	server.AddClient("test", id)
	api := &admin.API{Realm: keycloak.Realm{Server: server.URL, Name: "test"}, Tokens: server.Admin()}
	info, err := api.FindClient(t.Context(), id)
	require.NoError(t, err)
	require.NoError(t, api.SetKeys(t.Context(), info.ID, keys.Set{Keys: []*keys.PublicKey{key.PublicKey()}}))
	require.NoError(t, api.UpdateClient(t.Context(), info.ID, admin.Change{Attributes: attributes}))
}
