package main

import (
	"net/http"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKeycloakClientConfidential(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		k.rest(http.MethodPost, "/admin/realms/"+k.realm.Name+"/clients", map[string]any{"clientId": "web", "publicClient": true})
		r := k.do("keycloak client confidential", "-c", "web")
		assertFails(t, r, "as not confirmed")
		assert.Equal(t, "ClientId: web\nEnabled: true\n", k.do("keycloak status", "-c", "web").stdout)

		r = k.do("keycloak client confidential", "-c", "web", "--ServiceAccount", "-y")
		require.Equal(t, 0, r.code, r.stderr)
		assert.Empty(t, r.stdout)
		assert.Contains(t, k.do("keycloak status", "-c", "web").stdout, "Method: client-secret\n")
		info, err := k.admin.FindClient(t.Context(), "web")
		require.NoError(t, err)
		assert.True(t, info.ServiceAccount)
		assert.False(t, info.Public)
		require.Equal(t, 0, k.do("keycloak secret regenerate", "-c", "web", "-y", "-p", k.path("web")).code)
	})
}

// A policy with a client role applies to the clients that define the role.
func TestKeycloakPolicyLifecycle(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		overlap := func() bool {
			t.Helper()
			info, err := k.admin.FindClient(t.Context(), clientID)
			require.NoError(t, err)
			found, err := k.admin.Overlap(t.Context(), info.ID)
			require.NoError(t, err)
			return found
		}
		named := []string{"-n", "weekly"}
		must := func(command string, args ...string) string {
			t.Helper()
			r := k.do(command, append(args, named...)...)
			require.Equal(t, 0, r.code, r.stderr)
			return r.stdout
		}
		must("keycloak policy create", "-cr", "rotating")
		assert.False(t, overlap(), "the client does not define the role")
		for range 2 {
			assert.Empty(t, k.must("keycloak role create", "-cr", "rotating"))
		}
		assert.True(t, overlap())

		for _, command := range []string{"keycloak policy disable", "keycloak policy delete"} {
			r := k.do(command, named...)
			assertFails(t, r, "as not confirmed")
		}
		assert.True(t, overlap())
		assert.Empty(t, must("keycloak policy disable", "-y"))
		assert.False(t, overlap())
		assert.Contains(t, k.do("keycloak policy show").stdout, `Policy: "weekly" disabled for`)
		assert.Empty(t, must("keycloak policy enable"))
		assert.True(t, overlap())

		must("keycloak policy delete", "-y")
		assert.False(t, overlap())
		r := k.do("keycloak policy show")
		assert.Equal(t, 0, r.code, r.stderr)
		assert.Empty(t, r.stdout)
		for _, command := range []string{"keycloak policy enable", "keycloak policy disable", "keycloak policy delete"} {
			r = k.do(command, "-n", "weekly", "-y")
			if command == "keycloak policy enable" {
				r = k.do(command, named...)
			}
			assert.Equal(t, 1, r.code, command)
			assert.Contains(t, r.stderr, "not found", command)
		}
	})
}

func TestKeycloakPolicyDeleteKeepsAProfileInUse(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		k.policy()
		policies, err := k.admin.Policies(t.Context())
		require.NoError(t, err)
		policies[0].Name = "another"
		require.NoError(t, k.admin.PutPolicy(t.Context(), policies[0]))
		r := k.do("keycloak policy delete", "-n", "secret-rotation", "-y")
		require.Equal(t, 0, r.code, r.stderr)
		assert.Contains(t, r.stderr, `The profile "secret-rotation" is kept`)
		shown := k.do("keycloak policy show").stdout
		assert.Contains(t, shown, `Profile: "secret-rotation"`)
		assert.Contains(t, shown, `Policy: "another" enabled`)
	})
}

func TestKeycloakJWKSURLSetAndCacheClear(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		key := keystest.Key(t, keys.ES256)
		site := publish(t, key)
		r := k.do("keycloak jwksurl set", "-c", clientID, "-j", site)
		assertFails(t, r, "as not confirmed")
		r = k.do("keycloak jwksurl set", "-c", clientID, "-y", "-j", "ftp://example.no/jwks")
		assert.Contains(t, r.stderr, "--JwksUrl is no URL like")
		require.True(t, k.acceptsSecret(k.secret))

		assert.Empty(t, k.must("keycloak jwksurl set", "-y", "-j", site))
		assert.Equal(t, "ClientId: "+clientID+"\nMethod: client-jwt\nEnabled: true\nJwksUrl: "+site+"\n", k.must("keycloak status"))
		assert.True(t, k.acceptsKey(key))
		r = k.do("keycloak cache clear")
		assert.Equal(t, result{}, r)
		assert.True(t, k.acceptsKey(key))
		r = k.run("keycloak cache clear")
		assertFails(t, r, "missing --AdminClientId")
	})
}
