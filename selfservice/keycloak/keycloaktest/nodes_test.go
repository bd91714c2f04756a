package keycloaktest_test

import (
	"net/http"
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNodesByConnection has a program that keeps its connection, and so sees only
// one node.
func TestNodesByConnection(t *testing.T) {
	server := keycloaktest.Start(t)
	server.Nodes, server.ByConnection = 3, true
	server.AddRealm("test")
	server.AddClient("test", "app")
	realm := keycloak.Realm{Server: server.URL, Name: "test"}
	api := &admin.API{Realm: realm, Tokens: server.Admin()}
	id, err := api.FindClient(t.Context(), "app")
	require.NoError(t, err)
	old, next := keystest.Key(t, keys.ES256), keystest.Key(t, keys.ES256)
	require.NoError(t, api.SetKeys(t.Context(), id.ID, keys.Set{Keys: []*keys.PublicKey{old.PublicKey()}}))
	known := func(key *keys.Key) (nodes int) {
		for node := range server.Nodes {
			if server.AcceptsAt(node, "test", "app", key.Thumbprint()) {
				nodes++
			}
		}
		return nodes
	}
	kept := realm
	kept.Base = &http.Transport{}
	ask := func(realm keycloak.Realm, key *keys.Key) error {
		_, err := realm.Tokens(realm.Signer("app", selfservice.Credential{Key: key}), nil).Token(t.Context())
		return err
	}
	for range 5 {
		require.NoError(t, ask(kept, old)) // one node loads the keys
	}
	require.NoError(t, api.AddKey(t.Context(), id.ID, next.PublicKey()))
	assert.Equal(t, 2, known(next), "the one that has loaded the keys does not load them again for 10 s")
	for range 5 {
		require.ErrorIs(t, ask(kept, next), assertion.ErrInvalidClient)
	}
}
