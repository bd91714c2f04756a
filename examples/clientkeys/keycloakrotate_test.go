package main

import (
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKeycloakRotateKey(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		old := keystest.Key(t, keys.ES256)
		k.writeKey("old", old)
		k.must("keycloak key upload", "-y", "-p", k.path("old_public.json"))
		state := []string{"-s", k.path("state"), "--Overlap", "1s"}
		rotate := func(args ...string) string {
			t.Helper()
			return k.must("keycloak rotate", append(append(args, "--Propagation", "1ms"), state...)...)
		}
		assert.Empty(t, rotate("--IfDue", "-ep", k.path("old_private.json")), "adopted, not due")
		out := rotate()
		kid := k.status().Active.KeyID
		assert.Equal(t, "OldKid: "+old.KeyID()+"\nNewKid: "+kid+"\nExpiration: never\n", out)
		assert.Contains(t, k.must("keycloak status"), "Key: "+old.KeyID(), "both keys are registered")

		require.Empty(t, invoke(t, "", "state", "export", "-s", k.path("state"), "-p", k.path("new.json")).stderr)
		next, err := keys.Parse([]byte(readPrivate(t, k.path("new.json"))), keys.Options{})
		require.NoError(t, err)
		assert.True(t, k.acceptsKey(next))
		require.Eventually(t, func() bool {
			// With this overlap a call has 5 s, in which a busy server may not answer
			// the 22 requests of a Purge.
			r := k.do("keycloak rotate", append([]string{"--IfDue", "--Propagation", "1ms", "-c", clientID}, state...)...)
			assert.Empty(t, r.stdout)
			return r.code == 0 && !k.acceptsKey(old)
		}, time.Minute, 100*time.Millisecond, "the old key is not removed")
		assert.Equal(t, kid, k.status().Active.KeyID)
	})
}

func TestKeycloakRotateSecret(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		rotate := func(state string) result {
			t.Helper()
			return k.do("keycloak rotate", "--Propagation", "1ms", "-c", clientID, "-s", k.path(state), "-esp", k.path("secret"))
		}
		r := rotate("refused")
		assertFails(t, r, "no rotation policy applies")
		require.True(t, k.acceptsSecret(k.secret), "refused before a change")

		k.policy()
		r = rotate("state")
		require.Equal(t, 0, r.code, r.stderr)
		assert.Contains(t, r.stderr, "switched: ")
		assert.Regexp(t, `^Expiration: 2\S+Z\n$`, r.stdout)
		require.Equal(t, 0, invoke(t, "", "state", "export", "-s", k.path("state"), "-p", k.path("new")).code)
		next := keys.NewSecret(readPrivate(t, k.path("new")))
		assert.NotContains(t, r.stdout+r.stderr, next.Reveal())
		assert.True(t, k.acceptsSecret(next))
		assert.True(t, k.acceptsSecret(k.secret), "during the overlap")
		r = invoke(t, "", "state", "show", "-s", k.path("state"))
		assert.Contains(t, r.stdout, "Active: "+selfservice.Credential{Secret: next}.Fingerprint()+" made")
		r = invoke(t, "", "state", "export", "-s", k.path("state"), "-p", k.path("new.pem"), "-f", "pem")
		assertFails(t, r, "the rotation is of a client secret")
	})
}

func TestKeycloakRotateWithCut(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		out := k.must("keycloak rotate", "--Propagation", "1ms", "--Cut", "-s", k.path("state"), "-esp", k.path("secret"))
		assert.Equal(t, "Expiration: never\n", out)
		assert.False(t, k.acceptsSecret(k.secret))
		rotator := selfservice.Rotator{Store: filestore.Dir(k.path("state"))}
		next, err := rotator.ClientSecret(t.Context())
		require.NoError(t, err)
		assert.True(t, k.acceptsSecret(next))
	})
}

func TestKeycloakRotateByTheClientItself(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		k.policy()
		k.grant(clientID, "manage-clients")
		setenv(t, "CLIENTKEYS_SECRET", k.secret.Reveal())
		r := k.run("keycloak rotate", "--Propagation", "1ms", "-c", clientID, "-s", k.path("state"))
		require.Equal(t, 0, r.code, r.stderr)
		assert.Equal(t, 1, k.status().Rotations)
		assert.True(t, k.acceptsSecret(k.secret), "during the overlap")

		info, err := k.admin.FindClient(t.Context(), clientID)
		require.NoError(t, err)
		var theirs keys.Secret
		for range 2 { // the second invalidates both secrets of the state directory
			theirs, err = k.admin.RegenerateSecret(t.Context(), info.ID)
			require.NoError(t, err)
		}
		setenv(t, "CLIENTKEYS_SECRET", theirs.Reveal())
		r = k.run("keycloak rotate", "--Propagation", "1ms", "-c", clientID, "-s", k.path("state"))
		require.Equal(t, 0, r.code, r.stderr)
		assert.Contains(t, r.stderr, "is used only if the server refuses")
		assert.True(t, k.acceptsSecret(theirs), "now the previous secret")
	})
}

func TestKeycloakRotateAdoptsOnlyAnAcceptedCredential(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		k.write("wrong", strings.Repeat("w", 40))
		for says, args := range map[string][]string{
			"missing --ExistingPrivateJwkPath, --ExistingSecretPath or CLIENTKEYS_SECRET": {},
			"give one of --ExistingPrivateJwkPath and ":                                   {"-ep", k.path("x"), "-esp", k.path("y")},
			"the credential of --ExistingSecretPath was not adopted":                      {"-esp", k.path("wrong")},
		} {
			r := k.do("keycloak rotate", append(append(args, "--Propagation", "1ms"), "-c", clientID, "-s", k.path("state"))...)
			assertFails(t, r, says)
			assert.NoDirExists(t, k.path("state"))
		}
	})
}
