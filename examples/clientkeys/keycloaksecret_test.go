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

func TestKeycloakSecretRegenerateWritesTheSecretToAFile(t *testing.T) {
	t.Parallel()
	cloaks(t, func(t *testing.T, k *cloak) {
		r := k.do("keycloak secret regenerate", "-c", clientID, "-y")
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.stderr, "missing --SecretPath or --Show")
		r = k.do("keycloak secret regenerate", "-c", clientID, "-p", k.path("new"))
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.stderr, "so the old one ends at once) [y/n]")
		assert.NoFileExists(t, k.path("new"))
		r = k.do("keycloak secret regenerate", "-c", clientID, "-y", "-p", k.path("secret"))
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.stderr, "exists; it is not replaced")
		require.True(t, k.acceptsSecret(k.secret), "nothing was done so far")

		out := k.must("keycloak secret regenerate", "-y", "-p", k.path("new"))
		next := keys.NewSecret(readOwn(t, k.path("new")))
		assert.Equal(t, "ClientId: "+clientID+"\nExpiration: never\nSecretPath: "+k.path("new")+"\n", out)
		assert.True(t, k.acceptsSecret(next))
		assert.False(t, k.acceptsSecret(k.secret), "there is no policy")
	})
}

func TestKeycloakSecretUnderAPolicy(t *testing.T) {
	t.Parallel()
	cloaks(t, func(t *testing.T, k *cloak) {
		k.policy()
		assert.Equal(t, "Rotated: none\n", k.must("keycloak secret rotated", "-p", k.path("none")))
		assert.NoFileExists(t, k.path("none"))
		r := k.do("keycloak secret regenerate", "-c", clientID, "-show")
		assert.Contains(t, r.stderr, "is accepted for a while")
		require.True(t, k.acceptsSecret(k.secret), "nothing was done so far")

		out := k.must("keycloak secret regenerate", "-y", "-show")
		shown := regexp.MustCompile(`(?m)^Secret: (\S+)$`).FindStringSubmatch(out)
		require.Len(t, shown, 2)
		next := keys.NewSecret(shown[1])
		assert.Contains(t, out, "Expiration: 2")
		assert.True(t, k.acceptsSecret(next))
		assert.True(t, k.acceptsSecret(k.secret), "inside the overlap")

		out = k.must("keycloak secret rotated")
		assert.Regexp(t, `^Rotated: made 2\S+Z expires 2\S+Z\n$`, out)
		status := k.must("keycloak status")
		assert.Contains(t, status, out)
		assert.Regexp(t, `(?m)^Secret: made 2\S+Z expires 2\S+Z$`, status)
		assert.NotContains(t, status, next.Reveal())
		k.must("keycloak secret rotated", "-p", k.path("old"))
		assert.Equal(t, k.secret.Reveal(), readOwn(t, k.path("old")))
		assert.Contains(t, k.must("keycloak secret rotated", "-show"), "Secret: "+k.secret.Reveal()+"\n")

		r = k.do("keycloak secret invalidate", "-c", clientID)
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.stderr, "as not confirmed")
		require.True(t, k.acceptsSecret(k.secret))
		for range 2 {
			assert.Empty(t, k.must("keycloak secret invalidate", "-y"))
			assert.False(t, k.acceptsSecret(k.secret))
			assert.True(t, k.acceptsSecret(next))
		}
		assert.Equal(t, "Rotated: none\n", k.must("keycloak secret rotated"))
	})
}

func TestKeycloakSecretRegenerateLeavesNoFileWhenItFails(t *testing.T) {
	t.Parallel()
	cloaks(t, func(t *testing.T, k *cloak) {
		k.grant(clientID, "view-clients")
		r := k.as("keycloak secret regenerate", "-c", clientID, "-ac", clientID, "-asp", k.path("secret"), "-p", k.path("new"), "-y")
		assert.Equal(t, 1, r.code)
		assert.Contains(t, r.stderr, "the role for this is missing")
		assert.NoFileExists(t, k.path("new"))
		assert.NoFileExists(t, k.path("missing"))
		r = k.do("keycloak secret regenerate", "-c", clientID, "-y", "-p", k.path("missing/new"))
		assert.Equal(t, 1, r.code)
		assert.True(t, k.acceptsSecret(k.secret), "there is no place for a new one")
		k.write("two", strings.Repeat("line\n", 2))
		r = k.as("keycloak status", "-c", clientID, "-ac", "boot", "-asp", k.path("two"))
		assert.Contains(t, r.stderr, "the file of --AdminSecretPath is not one line")
	})
}

func TestKeycloakSecretRegenerateLosesNoSecretToWhatEndsIt(t *testing.T) {
	t.Parallel()
	regenerate := func(t *testing.T, k *cloak) *exec.Cmd {
		return program(t, "keycloak", "secret", "regenerate", "-u", k.realm.Server, "-r", k.realm.Name, "-ac", readOwn(t, k.path("adminid")), "-ar", "master",
			"-asp", k.path("admin"), "-c", clientID, "-p", k.path("new"), "-y")
	}
	t.Run("an interrupt while the server makes it", func(t *testing.T) {
		started := make(chan *os.Process, 1)
		k := fronted(t, func(server http.Handler, w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/client-secret") {
				(<-started).Signal(os.Interrupt)
				time.Sleep(200 * time.Millisecond)
			}
			server.ServeHTTP(w, r)
		})
		cmd := regenerate(t, k)
		wait := launch(t, cmd)
		started <- cmd.Process
		r := wait()
		assert.Equal(t, 0, r.code, r.stderr)
		assert.True(t, k.acceptsSecret(keys.NewSecret(readOwn(t, k.path("new")))))
	})
	t.Run("an output that nobody reads", func(t *testing.T) {
		k := fronted(t, http.Handler.ServeHTTP)
		reader, writer, err := os.Pipe()
		require.NoError(t, err)
		reader.Close()
		cmd := regenerate(t, k)
		cmd.Stdout = writer
		assert.Error(t, cmd.Run(), "by SIGPIPE")
		writer.Close()
		assert.True(t, k.acceptsSecret(keys.NewSecret(readOwn(t, k.path("new")))))
	})
}

func TestKeycloakSecretRegenerateFindsTheSecretOfALostAnswer(t *testing.T) {
	t.Parallel()
	made := 0
	k := fronted(t, func(server http.Handler, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/client-secret") {
			made++
			server.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler) // ends the connection
		}
		server.ServeHTTP(w, r)
	})
	k.policy()
	k.must("keycloak secret regenerate", "-y", "-p", k.path("new"))
	assert.Equal(t, 1, made)
	assert.True(t, k.acceptsSecret(keys.NewSecret(readOwn(t, k.path("new")))))
	assert.True(t, k.acceptsSecret(k.secret), "a second new one would have ended it")
}

// fronted is a Keycloak whose requests go through serve, with the client in it
// unless more says otherwise.
func fronted(t *testing.T, serve func(server http.Handler, w http.ResponseWriter, r *http.Request), more ...func(*cloak)) *cloak {
	front := httptest.NewUnstartedServer(nil)
	address := "http://" + front.Listener.Addr().String()
	server := keycloaktest.New(address)
	server.AddRealm("test")
	front.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(server, w, r) })
	front.Start()
	t.Cleanup(front.Close)
	k := newCloak(t, keycloak.Realm{Server: address, Name: "test"}, keycloaktest.AdminID, keycloaktest.AdminSecret)
	if more == nil {
		more = append(more, (*cloak).addClient)
	}
	for _, prepare := range more {
		prepare(k)
	}
	return k
}

func withoutClient(*cloak) {}
