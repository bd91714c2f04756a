package keycloaktest_test

import (
	"testing"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestOfAUser begins with the lines in the package documentation.
func TestOfAUser(t *testing.T) {
	server := keycloaktest.Start(t)
	server.AddRealm("test")
	secret := server.AddClient("test", "app")
	realm := keycloak.Realm{Server: server.URL, Name: "test"}
	api := &admin.API{Realm: realm, Tokens: server.Admin()}

	client := &keycloak.Client{Realm: realm, ClientID: "app", Admin: api}
	rotator := &selfservice.Rotator{Provider: keycloak.Secret{Client: client}, Store: &selfservice.Mem{}, Timing: selfservice.Timing{Propagation: -1}}
	first := selfservice.Credential{Secret: secret}
	require.NoError(t, rotator.Adopt(t.Context(), first))
	require.NoError(t, client.Verify(t.Context(), first))
	require.NoError(t, rotator.Rotate(t.Context()))
	status, err := rotator.Status(t.Context())
	require.NoError(t, err)
	assert.True(t, server.Accepts("test", "app", status.Active.Fingerprint))
	assert.False(t, server.Accepts("test", "app", first.Fingerprint()), "without a policy")
}
