package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKeycloakSecretRegenerateWritesAFile(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		r := k.do("keycloak secret regenerate", "-c", clientID, "-y")
		assertFails(t, r, "missing --SecretPath or --Show")
		r = k.do("keycloak secret regenerate", "-c", clientID, "-p", k.path("new"))
		assertFails(t, r, "so the old one ends at once) [y/n]")
		assert.NoFileExists(t, k.path("new"))
		r = k.do("keycloak secret regenerate", "-c", clientID, "-y", "-p", k.path("secret"))
		assertFails(t, r, "exists; it is not replaced")
		require.True(t, k.acceptsSecret(k.secret), "nothing has been changed")

		out := k.must("keycloak secret regenerate", "-y", "-p", k.path("new"))
		next := keys.NewSecret(readPrivate(t, k.path("new")))
		assert.Equal(t, "ClientId: "+clientID+"\nExpiration: never\nSecretPath: "+k.path("new")+"\n", out)
		assert.True(t, k.acceptsSecret(next))
		assert.False(t, k.acceptsSecret(k.secret), "no policy keeps the old secret")
	})
}

func TestKeycloakSecretUnderAPolicy(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		k.policy()
		assert.Equal(t, "Rotated: none\n", k.must("keycloak secret rotated", "-p", k.path("none")))
		assert.NoFileExists(t, k.path("none"))
		r := k.do("keycloak secret regenerate", "-c", clientID, "-show")
		assert.Contains(t, r.stderr, "is accepted for a while")
		require.True(t, k.acceptsSecret(k.secret), "nothing has been changed")

		out := k.must("keycloak secret regenerate", "-y", "-show")
		shown := regexp.MustCompile(`(?m)^Secret: (\S+)$`).FindStringSubmatch(out)
		require.Len(t, shown, 2)
		next := keys.NewSecret(shown[1])
		assert.Contains(t, out, "Expiration: 2")
		assert.True(t, k.acceptsSecret(next))
		assert.True(t, k.acceptsSecret(k.secret), "during the overlap")

		out = k.must("keycloak secret rotated")
		assert.Regexp(t, `^Rotated: made 2\S+Z expires 2\S+Z\n$`, out)
		status := k.must("keycloak status")
		assert.Contains(t, status, out)
		assert.Regexp(t, `(?m)^Secret: made 2\S+Z expires 2\S+Z$`, status)
		assert.NotContains(t, status, next.Reveal())
		k.must("keycloak secret rotated", "-p", k.path("old"))
		assert.Equal(t, k.secret.Reveal(), readPrivate(t, k.path("old")))
		assert.Contains(t, k.must("keycloak secret rotated", "-show"), "Secret: "+k.secret.Reveal()+"\n")

		r = k.do("keycloak secret invalidate", "-c", clientID)
		assertFails(t, r, "as not confirmed")
		require.True(t, k.acceptsSecret(k.secret))
		for range 2 {
			assert.Empty(t, k.must("keycloak secret invalidate", "-y"))
			assert.False(t, k.acceptsSecret(k.secret))
			assert.True(t, k.acceptsSecret(next))
		}
		assert.Equal(t, "Rotated: none\n", k.must("keycloak secret rotated"))
	})
}

func TestKeycloakSecretRegenerateFailureLeavesNoFile(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		k.grant(clientID, "view-clients")
		r := k.run("keycloak secret regenerate", "-c", clientID, "-ac", clientID, "-asp", k.path("secret"), "-p", k.path("new"), "-y")
		assertFails(t, r, "the role for this is missing")
		assert.NoFileExists(t, k.path("new"))
		assert.NoFileExists(t, k.path("missing"))
		r = k.do("keycloak secret regenerate", "-c", clientID, "-y", "-p", k.path("missing/new"))
		assert.Equal(t, 1, r.code)
		assert.True(t, k.acceptsSecret(k.secret), "a new secret has nowhere to go")
		k.write("two", strings.Repeat("line\n", 2))
		r = k.run("keycloak status", "-c", clientID, "-ac", "boot", "-asp", k.path("two"))
		assert.Contains(t, r.stderr, "the file of --AdminSecretPath is not one line")
	})
}

// regenerate returns a process that saves a new secret as "new".
func (k *keycloakRealm) regenerate(more ...string) *exec.Cmd {
	return program(k.t, append([]string{"keycloak", "secret", "regenerate", "-u", k.realm.Server, "-r", k.realm.Name, "-ac", readPrivate(k.t, k.path("adminid")),
		"-ar", "master", "-asp", k.path("admin"), "-c", clientID, "-p", k.path("new"), "-y"}, more...)...)
}

func TestKeycloakSecretRegenerateSurvivesSignals(t *testing.T) {
	t.Parallel()
	t.Run("interrupt during the request", func(t *testing.T) {
		started := make(chan *os.Process, 1)
		k := newProxiedRealm(t, func(server http.Handler, w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/client-secret") {
				(<-started).Signal(os.Interrupt)
				time.Sleep(200 * time.Millisecond)
			}
			server.ServeHTTP(w, r)
		})
		cmd := k.regenerate()
		wait := start(t, cmd)
		started <- cmd.Process
		r := wait()
		assert.Equal(t, 0, r.code, r.stderr)
		assert.True(t, k.acceptsSecret(keys.NewSecret(readPrivate(t, k.path("new")))))
	})
	t.Run("closed standard output", func(t *testing.T) {
		k := newProxiedRealm(t, http.Handler.ServeHTTP)
		reader, writer, err := os.Pipe()
		require.NoError(t, err)
		reader.Close()
		cmd := k.regenerate()
		cmd.Stdout = writer
		assert.Error(t, cmd.Run(), "by SIGPIPE")
		writer.Close()
		assert.True(t, k.acceptsSecret(keys.NewSecret(readPrivate(t, k.path("new")))))
	})
}

func TestKeycloakSecretRegenerateRecoversALostReply(t *testing.T) {
	t.Parallel()
	made := 0
	k := newProxiedRealm(t, func(server http.Handler, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/client-secret") {
			made++
			server.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler) // closes the connection
		}
		server.ServeHTTP(w, r)
	})
	k.policy()
	k.must("keycloak secret regenerate", "-y", "-p", k.path("new"))
	assert.Equal(t, 1, made)
	assert.True(t, k.acceptsSecret(keys.NewSecret(readPrivate(t, k.path("new")))))
	assert.True(t, k.acceptsSecret(k.secret), "a second regeneration would have invalidated it")
}

// newProxiedRealm returns a realm whose requests go through serve. Functions in
// more replace the default preparation, which adds the client.
func newProxiedRealm(t *testing.T, serve func(server http.Handler, w http.ResponseWriter, r *http.Request), more ...func(*keycloakRealm)) *keycloakRealm {
	front := httptest.NewUnstartedServer(nil)
	address := "http://" + front.Listener.Addr().String()
	server := keycloaktest.New(address)
	server.AddRealm("test")
	front.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(server, w, r) })
	front.Start()
	endWith(t, front)
	k := newKeycloakRealm(t, keycloak.Realm{Server: address, Name: "test"}, keycloaktest.AdminID, keycloaktest.AdminSecret)
	if more == nil {
		more = append(more, (*keycloakRealm).addClient)
	}
	for _, prepare := range more {
		prepare(k)
	}
	return k
}

func noClient(*keycloakRealm) {}
