package main

import (
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rotateArgs returns the arguments of a command on the fixture's state directory.
func (f *fixture) rotateArgs(command string, args ...string) []string {
	return f.args(command, append([]string{"--StateDirectory", f.path("state"), "--CallTimeout", "5s", "--Propagation", "1ms"}, args...)...)
}

// active returns the active key of the state directory.
func (f *fixture) active(t *testing.T) *keys.Key {
	t.Helper()
	rotator := selfservice.Rotator{Store: filestore.Dir(f.path("state"))}
	key, err := rotator.SigningKey(t.Context())
	require.NoError(t, err)
	return key
}

func TestRotateAdoptsOnce(t *testing.T) {
	t.Parallel()
	f := setup(t, func(s *helseidtest.Server) { s.Replace = helseidtest.AtOnce })
	kid := f.key.KeyID()
	for n, args := range [][]string{{"-ep", f.path("old_private.json")}, {}, {"-ep", f.path("old_private.json")}} {
		r := invoke(t, "", f.rotateArgs("helseid rotate", args...)...)
		require.Equal(t, 0, r.code, r.stderr)
		key := f.active(t)
		assert.NotEqual(t, kid, key.KeyID())
		listed := f.Keys(clientID)
		expires := listed[len(listed)-1].Expiration.Format(time.RFC3339)
		assert.Equal(t, "OldKid: "+kid+"\nNewKid: "+key.KeyID()+"\nExpiration: "+expires+"\n", r.stdout)
		assert.Contains(t, r.stderr, "switched: "+key.Thumbprint())
		assert.Equal(t, n == 2, strings.Contains(r.stderr, "the given one is used only if"))
		assert.Equal(t, n+1, f.Counts().Registrations)
		assertNoSecrets(t, f.key, r)
		assertNoSecrets(t, key, r)
		kid = key.KeyID()
	}
	st := f.status()
	assert.Equal(t, 3, st.Rotations)
	assert.Equal(t, kid, st.Active.KeyID)
	assert.Len(t, st.Retiring, 3)

	r := invoke(t, "", "state", "show", "--StateDirectory", f.path("state"))
	assert.Equal(t, 0, r.code, r.stderr)
	assert.Empty(t, r.stderr)
	assert.Contains(t, r.stdout, "Active: "+kid+" ")
	assert.Contains(t, r.stdout, "\n  kept until 2")
	assert.Contains(t, r.stdout, "Rotations: 3\n")
	assertNoSecrets(t, f.active(t), r)
}

func TestRotateAdoptsOnlyAnAcceptedKey(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.writeKey("stranger", keystest.Key(t, keys.ES256))
	for says, args := range map[string][]string{
		"missing --ExistingPrivateJwk":                       {},
		"the credential of --ExistingPrivateJwkPath was not": {"-ep", f.path("stranger_private.json")},
		"--ExistingPrivateJwkPath: keystore: no private key": {"-ep", f.path("old_public.json")},
	} {
		r := invoke(t, "", f.rotateArgs("helseid rotate", args...)...)
		assertFails(t, r, says)
		assert.NoDirExists(t, f.path("state"))
	}
	r := invoke(t, "", "state", "show", "-s", f.path("state"))
	assertFails(t, r, "the state directory holds no key yet")
	assert.Equal(t, 0, invoke(t, "", f.rotateArgs("helseid rotate", "-ep", f.path("old_private.json"))...).code)
}

// The process is killed while it waits for the reply to the registration, which
// then fails, or to the request after it.
func TestRotateResumesAfterSIGKILL(t *testing.T) {
	t.Parallel()
	for name, registrations := range map[string]int{"before the registration": 1, "after the registration": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, func(s *helseidtest.Server) { s.Replace = helseidtest.AtOnce })
			require.Equal(t, 0, invoke(t, "", f.rotateArgs("helseid rotate", "-ep", f.path("old_private.json"))...).code)
			f.RemoveKey(clientID, f.key.PublicKey()) // so that only the new key is left once it is registered

			cmd := program(t, f.rotateArgs("helseid rotate", "--CallTimeout", "1s")...) // the lease is four times that
			wait := start(t, cmd)
			f.Inject(func(_ int, r *http.Request) *helseidtest.Fault {
				registering := r.Method == http.MethodPost && r.URL.Path == "/v1/client-secret"
				if f.Counts().Registrations != registrations || registrations == 1 && !registering {
					return nil
				}
				cmd.Process.Kill()
				return &helseidtest.Fault{Delay: time.Second, Cut: true}
			})
			require.Equal(t, -1, wait().code, "ended by a signal")
			f.Inject(nil)

			pending := f.status().Pending
			require.NotNil(t, pending, "the new key is saved before it is sent")
			r := invoke(t, "", f.rotateArgs("helseid rotate")...)
			require.Equal(t, 0, r.code, r.stderr)
			assert.Contains(t, r.stderr, "Going on with the rotation to key "+pending.KeyID)
			assert.Contains(t, r.stdout, "NewKid: "+pending.KeyID+"\n")
			assert.Equal(t, 2, f.Counts().Registrations, "one for each rotation")
			st := f.status()
			assert.Nil(t, st.Pending)
			assert.Equal(t, 2, st.Rotations)
		})
	}
}

func TestRotateFailureKeepsTheKey(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.Equal(t, 0, invoke(t, "", f.rotateArgs("helseid rotate", "-ep", f.path("old_private.json"))...).code)
	f.Inject(helseidtest.Every(1, helseidtest.Problem(http.StatusServiceUnavailable, "Down", "")))
	r := invoke(t, "", f.rotateArgs("helseid rotate")...)
	assertFails(t, r, "no key is lost")
}

func TestLockOutIsRecoveredByHand(t *testing.T) {
	t.Parallel()
	f := setup(t, func(s *helseidtest.Server) { s.Replace = helseidtest.AtOnce })
	require.Equal(t, 0, invoke(t, "", f.rotateArgs("helseid rotate", "-ep", f.path("old_private.json"))...).code)
	f.RemoveKey(clientID, f.key.PublicKey())
	f.RemoveKey(clientID, f.active(t).PublicKey())
	r := invoke(t, "", f.rotateArgs("helseid rotate")...)
	assertFails(t, r, "no stored credential is accepted by the server: ")
	assert.Contains(t, r.stderr, ": register a new key by hand and rotate again")
	assert.NotContains(t, r.stderr, "no key is lost")

	r = invoke(t, "", f.rotateArgs("helseid rotate", "-ep", f.path("absent.json"))...)
	assertFails(t, r, "the given one is not used")

	replacement := keystest.Key(t, keys.ES256)
	f.writeKey("replacement", replacement)
	f.AddClient(clientID, replacement.PublicKey())
	r = invoke(t, "", f.rotateArgs("helseid rotate", "-ep", f.path("replacement_private.json"))...)
	require.Equal(t, 0, r.code, r.stderr)
	assert.Contains(t, r.stderr, "adopted: "+replacement.Thumbprint())
	assert.True(t, f.Accepts(clientID, f.active(t).Thumbprint()))
}

func TestRotateStopsOnSIGTERM(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.Equal(t, 0, invoke(t, "", f.rotateArgs("helseid rotate", "-ep", f.path("old_private.json"))...).code)
	cmd := program(t, f.args("helseid rotate", "-s", f.path("state"))...)
	wait := start(t, cmd)
	f.Inject(func(_ int, r *http.Request) *helseidtest.Fault {
		if r.Method == http.MethodPost && r.URL.Path == "/v1/client-secret" {
			cmd.Process.Signal(syscall.SIGTERM)
			return &helseidtest.Fault{Delay: time.Second, Cut: true}
		}
		return nil
	})
	r := wait()
	assertFails(t, r, "interrupted; no key is lost")
}

func TestRunRotatesUntilSIGTERM(t *testing.T) {
	t.Parallel()
	f := setup(t)
	cmd := program(t, f.rotateArgs("helseid run", "-ep", f.path("old_private.json"), "--MaxAge", "500ms", "--Overlap", "200ms")...)
	wait := start(t, cmd)
	require.Eventually(t, func() bool { return f.Counts().Registrations >= 3 }, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	r := wait()
	assert.Equal(t, 0, r.code, r.stderr)
	assert.Empty(t, r.stdout)
	assert.Contains(t, r.stderr, `level=INFO msg="rotation switched" client=my-client credential=`)
	assert.Contains(t, r.stderr, `msg="rotation stopped"`)
	assert.NotContains(t, r.stderr, "level=WARN")
	assertNoSecrets(t, f.key, r)
	assertNoSecrets(t, f.active(t), r)
	assert.GreaterOrEqual(t, f.status().Rotations, 2)
}

func TestStateDirectoryMustBePrivate(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.NoError(t, os.Mkdir(f.path("state"), 0o755))
	require.NoError(t, os.Chmod(f.path("state"), 0o755)) // regardless of the umask
	r := invoke(t, "", f.rotateArgs("helseid rotate", "-ep", f.path("old_private.json"))...)
	assertFails(t, r, "0700")
	assert.Zero(t, f.Counts().Registrations)
}

func TestRotateExplainsADamagedStateDirectory(t *testing.T) {
	t.Parallel()
	f := setup(t)
	require.NoError(t, os.Mkdir(f.path("state"), 0o700))
	require.NoError(t, os.WriteFile(f.path("state")+"/state-1", []byte("torn"), 0o600))
	r := invoke(t, "", f.rotateArgs("helseid rotate", "-ep", f.path("old_private.json"))...)
	assertFails(t, r, "restore the state directory from a backup")
	assert.Zero(t, f.Counts().Registrations)
}
