package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// oktaOrg is an Okta org with an administrator and an app, and the files of the
// person who runs clientkeys.
type oktaOrg struct {
	*oktatest.Server
	testDir
	app     string    // the app that the commands act on
	adminID string    // client ID of a super administrator
	key     *keys.Key // of the app, if it has one
	secret  keys.Secret
}

func newOktaOrg(t *testing.T, secret bool) *oktaOrg {
	a := &oktaOrg{Server: oktatest.Start(t), testDir: newTestDir(t)}
	admin := keystest.Key(t, keys.ES256)
	a.writeKey("admin", admin)
	a.adminID = a.AddApp(oktatest.App{
		Keys: []*keys.PublicKey{admin.PublicKey()}, Service: true, DPoP: true, Scopes: []string{okta.ScopeRead, okta.ScopeManage}, Role: oktatest.SuperAdmin,
	})
	if secret {
		a.secret = keys.NewSecret(strings.Repeat("old-secret-", 4))
		a.write("secret", a.secret.Reveal())
		a.app = a.AddApp(oktatest.App{Secret: a.secret})
		return a
	}
	a.key = keystest.Key(t, keys.ES256)
	a.writeKey("old", a.key)
	a.app = a.AddApp(oktatest.App{Keys: []*keys.PublicKey{a.key.PublicKey()}})
	return a
}

// do runs a command on the app as the administrator.
func (a *oktaOrg) do(command string, args ...string) result {
	a.t.Helper()
	r := invoke(a.t, "", append(append(strings.Fields(command), "--OktaUrl", a.URL, "--AppId", a.app, "-ac", a.adminID, "-ap", a.path("admin_private.json")), args...)...)
	if !a.secret.IsZero() {
		assert.NotContains(a.t, r.stdout+r.stderr, a.secret.Reveal())
	}
	return r
}

func (a *oktaOrg) must(command string, args ...string) string {
	a.t.Helper()
	r := a.do(command, args...)
	require.Equal(a.t, 0, r.code, r.stderr)
	return r.stdout
}

// accepts reports whether every node of Okta accepts the credential.
func (a *oktaOrg) accepts(c selfservice.Credential) bool { return a.Accepts(a.app, c.Fingerprint()) }

func TestOktaKeyLifecycle(t *testing.T) {
	t.Parallel()
	a := newOktaOrg(t, false)
	next := keystest.Key(t, keys.ES256)
	a.writeKey("next", next)
	r := a.do("okta key add", "-p", a.path("next_private.json"))
	assertFails(t, r, "--PublicKeyPath: keys: private or secret key")
	assertNoSecrets(t, next, r)

	out := a.must("okta key add", "-p", a.path("next_public.json"))
	added := regexp.MustCompile(`^KeyId: (\S+)\nKid: (\S+)\n$`).FindStringSubmatch(out)
	require.Len(t, added, 3, out)
	assert.Equal(t, next.KeyID(), added[2])
	id := added[1]
	assert.Equal(t, out, a.must("okta key add", "-p", a.path("next_public.json")), "repeated")
	assert.True(t, a.accepts(selfservice.Credential{Key: next}))
	list := a.must("okta key list")
	assert.Regexp(t, `(?m)^Key: `+id+` active kid `+next.KeyID()+` ES256 made 2\S+Z expires never$`, list)
	assert.Contains(t, list, "kid "+a.key.KeyID())
	assert.Equal(t, "AppId: "+a.app+"\nClientId: "+a.app+"\n", firstLines(a.must("okta status"), 2))
	assert.Contains(t, a.must("okta status"), "Method: private_key_jwt\nEnabled: true\n"+list)

	for _, verb := range []string{"deactivate", "delete"} {
		r = a.do("okta key "+verb, "-i", id)
		assertFails(t, r, "as not confirmed")
	}
	r = a.do("okta key delete", "-i", id, "-y")
	assertFails(t, r, "it is active: deactivate it before deleting it")
	assert.Empty(t, a.must("okta key deactivate", "-i", id, "-y"))
	assert.False(t, a.accepts(selfservice.Credential{Key: next}))
	assert.Contains(t, a.must("okta key list"), "Key: "+id+" inactive kid")
	assert.Empty(t, a.must("okta key activate", "-i", id))
	assert.True(t, a.accepts(selfservice.Credential{Key: next}))
	a.must("okta key deactivate", "-i", id, "-y")
	for range 2 {
		assert.Empty(t, a.must("okta key delete", "-i", id, "-y"))
	}
	assert.NotContains(t, a.must("okta key list"), id)

	first := regexp.MustCompile(`Key: (\S+) active`).FindStringSubmatch(a.must("okta key list"))[1]
	r = a.do("okta key deactivate", "-i", first, "-y")
	assertFails(t, r, "it is the only active credential")
	assert.True(t, a.accepts(selfservice.Credential{Key: a.key}))
}

func firstLines(text string, n int) string {
	return strings.Join(strings.SplitAfterN(text, "\n", n+1)[:n], "")
}

func TestOktaSecretLifecycle(t *testing.T) {
	t.Parallel()
	a := newOktaOrg(t, true)
	r := a.do("okta secret add")
	assertFails(t, r, "missing --SecretPath or --Show")
	r = a.do("okta secret add", "-p", a.path("secret"))
	assert.Contains(t, r.stderr, "the file of --SecretPath exists")

	out := a.must("okta secret add", "-p", a.path("next"))
	id := regexp.MustCompile(`^SecretId: (\S+)\nSecretPath: `).FindStringSubmatch(out)[1]
	next := selfservice.Credential{Secret: keys.NewSecret(readPrivate(t, a.path("next")))}
	assert.NotContains(t, out, next.Secret.Reveal())
	assert.True(t, a.accepts(next))
	assert.Regexp(t, `(?m)^Secret: `+id+` active made 2\S+Z expires never$`, a.must("okta secret list"))
	assert.Contains(t, a.must("okta status"), "Method: client_secret_basic\n")
	assert.Contains(t, a.must("okta status"), "Secret: "+id+" active")

	r = a.do("okta secret add", "-p", a.path("third"))
	assertFails(t, r, "there is no room for another credential")
	assert.NoFileExists(t, a.path("third"), "Okta did not register it")

	a.must("okta secret deactivate", "-i", id, "-y")
	assert.False(t, a.accepts(next))
	a.must("okta secret activate", "-i", id)
	assert.True(t, a.accepts(next))
	a.must("okta secret deactivate", "-i", id, "-y")
	a.must("okta secret delete", "-i", id, "-y")
	shown := regexp.MustCompile(`(?m)^Secret: (\S+)$`).FindStringSubmatch(a.must("okta secret add", "-show"))
	require.Len(t, shown, 2)
	assert.True(t, a.accepts(selfservice.Credential{Secret: keys.NewSecret(shown[1])}))
}

func TestOktaSecretAddKeepsTheSecretOfALostReply(t *testing.T) {
	t.Parallel()
	lost := func(_ int, r *http.Request) *oktatest.Fault {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/secrets") {
			return &oktatest.Fault{Execute: true, Cut: true}
		}
		return nil
	}
	a := newOktaOrg(t, true)
	a.Inject(lost)
	r := a.do("okta secret add", "-p", a.path("next"))
	assertFails(t, r, "it may have been added all the same, so keep the secret")
	next := selfservice.Credential{Secret: keys.NewSecret(readPrivate(t, a.path("next")))}
	assert.True(t, a.accepts(next))

	a = newOktaOrg(t, true)
	a.Inject(lost)
	r = a.do("okta secret add", "-show")
	assert.Equal(t, 1, r.code)
	assert.Contains(t, r.stderr, "so keep the secret")
	next.Secret = keys.NewSecret(strings.TrimSpace(strings.TrimPrefix(r.stdout, "Secret: ")))
	assert.True(t, a.accepts(next), "it is in no file: %q", r.stdout)
}

func TestOktaRotate(t *testing.T) {
	t.Parallel()
	t.Run("key", func(t *testing.T) {
		t.Parallel()
		a := newOktaOrg(t, false)
		state := []string{"-s", a.path("state"), "-ep", a.path("old_private.json"), "--Propagation", "1ms", "--Overlap", "100ms"}
		assert.Empty(t, a.must("okta rotate", append(state, "--IfDue")...), "adopted, not due")
		out := a.must("okta rotate", state...)
		assert.Regexp(t, `^OldKid: `+a.key.KeyID()+`\nNewKid: \S+\nExpiration: never\n$`, out)
		require.Eventually(t, func() bool {
			a.must("okta rotate", append(state, "--IfDue")...)
			return !a.accepts(selfservice.Credential{Key: a.key}) && len(strings.Split(a.must("okta key list"), "\n")) == 2
		}, 30*time.Second, 100*time.Millisecond, "the old key is not deleted")
	})
	t.Run("secret", func(t *testing.T) {
		t.Parallel()
		a := newOktaOrg(t, true)
		a.must("okta rotate", "-s", a.path("state"), "-esp", a.path("secret"), "--Propagation", "1ms")
		assert.True(t, a.accepts(selfservice.Credential{Secret: a.secret}), "during the overlap")
		require.Equal(t, 0, invoke(t, "", "state", "export", "-s", a.path("state"), "-p", a.path("new")).code)
		assert.True(t, a.accepts(selfservice.Credential{Secret: keys.NewSecret(readPrivate(t, a.path("new")))}))
	})
	t.Run("secret, no free slot", func(t *testing.T) {
		t.Parallel()
		a := newOktaOrg(t, true)
		out := a.must("okta secret add", "-p", a.path("other"))
		id := regexp.MustCompile(`^SecretId: (\S+)\n`).FindStringSubmatch(out)[1]
		a.must("okta secret deactivate", "-i", id, "-y")
		rotate := []string{"-s", a.path("state"), "-esp", a.path("secret"), "--Propagation", "1ms", "--CallTimeout", "2s"}
		r := a.do("okta rotate", rotate...)
		assertFails(t, r, "no key is lost")
		assert.Contains(t, a.must("okta secret list"), id)
		a.must("okta rotate", append(rotate, "--MakeRoom")...)
		assert.NotContains(t, a.must("okta secret list"), id)
	})
	t.Run("app as its own administrator", func(t *testing.T) {
		t.Parallel()
		a := newOktaOrg(t, false)
		r := invoke(t, "", "okta", "rotate", "-u", a.URL, "-app", a.adminID, "-s", a.path("state"), "-ep", a.path("admin_private.json"), "--Propagation", "1ms")
		require.Equal(t, 0, r.code, r.stderr)
		st := a.status()
		assert.Equal(t, 1, st.Rotations)
		assert.True(t, a.Accepts(a.adminID, st.Active.Fingerprint))
	})
}

func TestOktaAdministratorByAPIToken(t *testing.T) {
	t.Parallel()
	a := newOktaOrg(t, false)
	at := []string{"okta", "key", "list", "-u", a.URL, "-app", a.app}
	r := invoke(t, "", at...)
	assertFails(t, r, "missing --AdminPrivateJwkPath, --AdminTokenPath or CLIENTKEYS_ADMIN_TOKEN")
	r = invoke(t, "", append(at, "-ap", a.path("admin_private.json"))...)
	assert.Contains(t, r.stderr, "missing --AdminClientId")
	a.write("token", oktatest.APIToken+"\n")
	r = invoke(t, "", append(at, "-atp", a.path("token"))...)
	require.Equal(t, 0, r.code, r.stderr)
	assert.Contains(t, r.stdout, "kid "+a.key.KeyID())
	setenv(t, tokenVariable, "00wrong-token-of-okta")
	r = invoke(t, "", at...)
	assertFails(t, r, "the token is not accepted")
	assert.NotContains(t, r.stderr, "00wrong")
	setenv(t, tokenVariable, oktatest.APIToken)
	assert.Equal(t, 0, invoke(t, "", at...).code)
}
