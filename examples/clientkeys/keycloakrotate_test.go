package main

import (
	"encoding/json"
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

// status is what the command of that name says of the state directory.
func (k *cloak) status() (st selfservice.Status) {
	k.t.Helper()
	r := invoke(k.t, "", "state", "show", "-s", k.path("state"), "-json")
	require.Equal(k.t, 0, r.code, r.stderr)
	require.NoError(k.t, json.Unmarshal([]byte(r.stdout), &st))
	return st
}

func TestKeycloakRotateOfAKey(t *testing.T) {
	t.Parallel()
	cloaks(t, func(t *testing.T, k *cloak) {
		old := keystest.Key(t, keys.ES256)
		k.writeKey("old", old)
		k.must("keycloak key upload", "-y", "-p", k.path("old_public.json"))
		state := []string{"-s", k.path("state"), "--Overlap", "1s"}
		rotate := func(args ...string) string {
			t.Helper()
			return k.must("keycloak rotate", append(append(args, "--Propagation", "1ms"), state...)...)
		}
		assert.Empty(t, rotate("--IfDue", "-ep", k.path("old_private.json")), "it is adopted and not due")
		out := rotate()
		kid := k.status().Active.KeyID
		assert.Equal(t, "OldKid: "+old.KeyID()+"\nNewKid: "+kid+"\nExpiration: never\n", out)
		assert.Contains(t, k.must("keycloak status"), "Key: "+old.KeyID(), "side by side")

		require.Empty(t, invoke(t, "", "state", "export", "-s", k.path("state"), "-p", k.path("new.json")).stderr)
		next, err := keys.Parse([]byte(readOwn(t, k.path("new.json"))), keys.Options{})
		require.NoError(t, err)
		assert.True(t, k.acceptsKey(next))
		require.Eventually(t, func() bool {
			assert.Empty(t, rotate("--IfDue"))
			return !k.acceptsKey(old)
		}, 30*time.Second, 100*time.Millisecond, "the removal of the old key is a step that is due")
		assert.Equal(t, kid, k.status().Active.KeyID)
	})
}

func TestKeycloakRotateOfASecret(t *testing.T) {
	t.Parallel()
	cloaks(t, func(t *testing.T, k *cloak) {
		rotate := func(state string) result {
			t.Helper()
			return k.do("keycloak rotate", "--Propagation", "1ms", "-c", clientID, "-s", k.path(state), "-esp", k.path("secret"))
		}
		r := rotate("refused")
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.stderr, "no rotation policy applies")
		require.True(t, k.acceptsSecret(k.secret), "the refusal came first")

		k.policy()
		r = rotate("state")
		require.Equal(t, 0, r.code, r.stderr)
		assert.Contains(t, r.stderr, "switched: ")
		assert.Regexp(t, `^Expiration: 2\S+Z\n$`, r.stdout)
		require.Equal(t, 0, invoke(t, "", "state", "export", "-s", k.path("state"), "-p", k.path("new")).code)
		next := keys.NewSecret(readOwn(t, k.path("new")))
		assert.NotContains(t, r.stdout+r.stderr, next.Reveal())
		assert.True(t, k.acceptsSecret(next))
		assert.True(t, k.acceptsSecret(k.secret), "inside the overlap")
		r = invoke(t, "", "state", "show", "-s", k.path("state"))
		assert.Contains(t, r.stdout, "Active: "+selfservice.Credential{Secret: next}.Fingerprint()+" made")
		r = invoke(t, "", "state", "export", "-s", k.path("state"), "-p", k.path("new.pem"), "-f", "pem")
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.stderr, "the rotation is of a client secret")
	})
}

func TestKeycloakRotateWithCut(t *testing.T) {
	t.Parallel()
	cloaks(t, func(t *testing.T, k *cloak) {
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
	cloaks(t, func(t *testing.T, k *cloak) {
		k.policy()
		k.grant(clientID, "manage-clients")
		setenv(t, "CLIENTKEYS_SECRET", k.secret.Reveal())
		r := k.as("keycloak rotate", "--Propagation", "1ms", "-c", clientID, "-s", k.path("state"))
		require.Equal(t, 0, r.code, r.stderr)
		assert.Equal(t, 1, k.status().Rotations)
		assert.True(t, k.acceptsSecret(k.secret), "inside the overlap")

		info, err := k.admin.FindClient(t.Context(), clientID)
		require.NoError(t, err)
		var theirs keys.Secret
		for range 2 { // the second one ends all that the state directory has
			theirs, err = k.admin.RegenerateSecret(t.Context(), info.ID)
			require.NoError(t, err)
		}
		setenv(t, "CLIENTKEYS_SECRET", theirs.Reveal())
		r = k.as("keycloak rotate", "--Propagation", "1ms", "-c", clientID, "-s", k.path("state"))
		require.Equal(t, 0, r.code, r.stderr)
		assert.Contains(t, r.stderr, "is used only if the server refuses")
		assert.True(t, k.acceptsSecret(theirs), "it is the one before now")
	})
}

func TestKeycloakRotateAdoptsNothingThatIsNotAccepted(t *testing.T) {
	t.Parallel()
	cloaks(t, func(t *testing.T, k *cloak) {
		k.write("wrong", strings.Repeat("w", 40))
		for says, args := range map[string][]string{
			"missing --ExistingPrivateJwkPath, --ExistingSecretPath or CLIENTKEYS_SECRET": {},
			"give one of --ExistingPrivateJwkPath and ":                                   {"-ep", k.path("x"), "-esp", k.path("y")},
			"the credential of --ExistingSecretPath was not adopted":                      {"-esp", k.path("wrong")},
		} {
			r := k.do("keycloak rotate", append(append(args, "--Propagation", "1ms"), "-c", clientID, "-s", k.path("state"))...)
			assert.Equal(t, 1, r.code)
			assert.Empty(t, r.stdout)
			assert.Contains(t, r.stderr, says)
			assert.NoDirExists(t, k.path("state"))
		}
	})
}
