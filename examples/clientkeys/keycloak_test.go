package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/internal/programtest"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keycloakRealm is a new realm of a Keycloak with one client, which has a
// secret, and the files of the person who runs clientkeys.
type keycloakRealm struct {
	testDir
	realm  keycloak.Realm
	admin  *admin.API
	tokens *assertion.TokenSource
	grant  func(clientID, role string)
	secret keys.Secret // of clientID
}

// onKeycloak runs a test on the fake, and on the server that KEYCLOAK_URL names.
// KEYCLOAK_ADMIN_CLIENT_ID and KEYCLOAK_ADMIN_CLIENT_SECRET are those of its
// administrator, a service account in the realm master.
func onKeycloak(t *testing.T, test func(t *testing.T, k *keycloakRealm)) {
	t.Run("fake", func(t *testing.T) {
		t.Parallel()
		server := keycloaktest.Start(t)
		server.AddRealm("test")
		k := newKeycloakRealm(t, keycloak.Realm{Server: server.URL, Name: "test"}, keycloaktest.AdminID, keycloaktest.AdminSecret)
		k.grant = func(clientID, role string) { server.Grant("test", clientID, role) }
		k.addClient()
		test(t, k)
	})
	t.Run("live", func(t *testing.T) {
		t.Parallel()
		address := os.Getenv("KEYCLOAK_URL")
		if address == "" {
			programtest.Missing(t, "KEYCLOAK_URL is not set; only the fake is tested")
		}
		id, secret := "boot", "boot-secret" // as .ci/keycloak starts it
		if other := os.Getenv("KEYCLOAK_ADMIN_CLIENT_ID"); other != "" {
			id, secret = other, os.Getenv("KEYCLOAK_ADMIN_CLIENT_SECRET")
		}
		k := newKeycloakRealm(t, keycloak.Realm{Server: address, Name: "clientkeys-" + strings.ToLower(rand.Text()[:8])}, id, secret)
		k.rest(http.MethodPost, "/admin/realms", map[string]any{"realm": k.realm.Name, "enabled": true})
		t.Cleanup(func() { k.rest(http.MethodDelete, "/admin/realms/"+k.realm.Name, nil) })
		k.grant = k.grantLive
		k.addClient()
		test(t, k)
	})
}

func newKeycloakRealm(t *testing.T, realm keycloak.Realm, adminID, adminSecret string) *keycloakRealm {
	k := &keycloakRealm{testDir: newTestDir(t), realm: realm, secret: keys.NewSecret(rand.Text() + rand.Text())}
	master := keycloak.Realm{Server: realm.Server, Name: "master"}
	k.tokens = master.Tokens(&assertion.Basic{ClientID: adminID, Secret: keys.NewSecret(adminSecret)}, nil)
	k.admin = &admin.API{Realm: realm, Tokens: k.tokens}
	k.write("admin", adminSecret+"\n")
	k.write("adminid", adminID)
	return k
}

// rest calls the Admin REST API without the package under test. It returns the
// decoded response, or the id of a new resource. It tries again after a 500:
// about one role mapping in a hundred fails inside Keycloak 26.7.4, and is
// rolled back.
func (k *keycloakRealm) rest(method, at string, body any) (answer any) {
	k.t.Helper()
	resp, text := k.send(method, at, body)
	for tries := 1; resp.StatusCode == http.StatusInternalServerError && tries < 4; tries++ {
		resp, text = k.send(method, at, body)
	}
	require.Less(k.t, resp.StatusCode, 300, "%s %s: %s", method, at, text)
	if resp.StatusCode == http.StatusCreated {
		return filepath.Base(resp.Header.Get("Location"))
	}
	if len(text) > 0 {
		require.NoError(k.t, json.Unmarshal(text, &answer))
	}
	return answer
}

// send makes one such call.
func (k *keycloakRealm) send(method, at string, body any) (*http.Response, []byte) {
	k.t.Helper()
	token, err := k.tokens.Token(context.Background())
	require.NoError(k.t, err)
	text, err := json.Marshal(body)
	require.NoError(k.t, err)
	req, err := http.NewRequest(method, k.realm.Server+at, bytes.NewReader(text))
	require.NoError(k.t, err)
	req.Header.Set("Authorization", "Bearer "+token.AccessToken.Reveal())
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(k.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(k.t, err)
	return resp, answer
}

func (k *keycloakRealm) grantLive(clientID, role string) {
	clients := "/admin/realms/" + k.realm.Name + "/clients"
	id := func(clientID string) string {
		return k.rest(http.MethodGet, clients+"?clientId="+url.QueryEscape(clientID), nil).([]any)[0].(map[string]any)["id"].(string)
	}
	management := id("realm-management")
	user := k.rest(http.MethodGet, clients+"/"+id(clientID)+"/service-account-user", nil).(map[string]any)["id"].(string)
	wanted := k.rest(http.MethodGet, clients+"/"+management+"/roles/"+role, nil)
	k.rest(http.MethodPost, "/admin/realms/"+k.realm.Name+"/users/"+user+"/role-mappings/clients/"+management, []any{wanted})
}

func (k *keycloakRealm) addClient() {
	k.t.Helper()
	k.rest(http.MethodPost, "/admin/realms/"+k.realm.Name+"/clients", map[string]any{
		"clientId": clientID, "serviceAccountsEnabled": true, "secret": k.secret.Reveal(), "attributes": map[string]string{},
	})
	k.write("secret", k.secret.Reveal())
}

// accepts reports whether the client gets a token with the credential.
func (k *keycloakRealm) accepts(c selfservice.Credential) bool {
	k.t.Helper()
	err := (&keycloak.Client{Realm: k.realm, ClientID: clientID}).Verify(k.t.Context(), c)
	if err != nil {
		require.ErrorIs(k.t, err, selfservice.ErrInvalidClient)
	}
	return err == nil
}

func (k *keycloakRealm) acceptsSecret(s keys.Secret) bool {
	k.t.Helper()
	return k.accepts(selfservice.Credential{Secret: s})
}

// run runs a command on the realm, without an administrator.
func (k *keycloakRealm) run(command string, args ...string) result {
	k.t.Helper()
	r := invoke(k.t, "", append(append(strings.Fields(command), "--KeycloakUrl", k.realm.Server, "--Realm", k.realm.Name), args...)...)
	assert.NotContains(k.t, r.stderr, k.secret.Reveal())
	return r
}

// do runs a command as an administrator of the realm master, by secret.
func (k *keycloakRealm) do(command string, args ...string) result {
	k.t.Helper()
	return k.run(command, append([]string{"-ac", readPrivate(k.t, k.path("adminid")), "-ar", "master", "-asp", k.path("admin")}, args...)...)
}

// must runs a command on the client as do does, and returns its output. It fails
// the test if the command fails.
func (k *keycloakRealm) must(command string, args ...string) string {
	k.t.Helper()
	r := k.do(command, append([]string{"-c", clientID}, args...)...)
	require.Equal(k.t, 0, r.code, r.stderr)
	return r.stdout
}

func (k *keycloakRealm) policy() {
	k.t.Helper()
	r := k.do("keycloak policy create", "--AllClients")
	require.Equal(k.t, 0, r.code, r.stderr)
}

func TestKeycloakPolicyCreateAndShow(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		r := k.do("keycloak policy show")
		assert.Equal(t, 0, r.code, r.stderr)
		assert.Empty(t, r.stdout)
		assert.Contains(t, r.stderr, "No policy rotates secrets")

		week := []string{"-n", "weekly", "--SecretLifetime", "168h", "--OldSecretLifetime", "48h", "--RenewalWindow", "24h"}
		for _, scope := range [][]string{{}, {"-all", "-cr", "rotating"}} {
			r = k.do("keycloak policy create", append(scope, week...)...)
			assertFails(t, r, "give one of --ClientRole and --AllClients")
		}
		made := k.do("keycloak policy create", append([]string{"-cr", "rotating"}, week...)...)
		require.Equal(t, 0, made.code, made.stderr)
		assert.Equal(t, `Profile: "weekly" secret 168h0m0s old secret 48h0m0s renewal window 24h0m0s
Policy: "weekly" enabled for ["access type confidential" "client role rotating"] with profiles ["weekly"]
`, made.stdout)
		assert.Equal(t, made, k.do("keycloak policy create", append([]string{"-cr", "rotating"}, week...)...), "repeated")
		r = k.do("keycloak policy show")
		assert.Equal(t, made.stdout, r.stdout)

		id, err := k.admin.FindClient(t.Context(), clientID)
		require.NoError(t, err)
		overlap, err := k.admin.Overlap(t.Context(), id.ID)
		require.NoError(t, err)
		assert.False(t, overlap, "the client does not define the role")
		k.policy()
		overlap, err = k.admin.Overlap(t.Context(), id.ID)
		require.NoError(t, err)
		assert.True(t, overlap)

		r = k.do("keycloak policy create", "-all", "--OldSecretLifetime", "1000h")
		assertFails(t, r, "invalid argument")
	})
}

func TestKeycloakAdministratorByKeyOrEnvironment(t *testing.T) {
	t.Parallel()
	onKeycloak(t, func(t *testing.T, k *keycloakRealm) {
		key, err := keys.Generate(keys.ES256)
		require.NoError(t, err)
		private, err := key.PrivateJWK()
		require.NoError(t, err)
		k.write("rotator", string(private))
		k.rest(http.MethodPost, "/admin/realms/"+k.realm.Name+"/clients", map[string]any{
			"clientId": "rotator", "serviceAccountsEnabled": true, "clientAuthenticatorType": "client-jwt",
			"attributes": map[string]string{"use.jwks.string": "true", "jwks.string": `{"keys":[` + string(key.PublicKey().JWK()) + `]}`},
		})
		asRotator := []string{"-c", clientID, "-ac", "rotator", "-ap", k.path("rotator")}
		r := k.run("keycloak status", asRotator...)
		assertFails(t, r, "the role for this is missing")
		k.grant("rotator", "manage-clients")
		for _, more := range [][]string{nil, {"--DPoP"}} {
			r = k.run("keycloak status", append(more, asRotator...)...)
			require.Equal(t, 0, r.code, r.stderr)
			assert.Contains(t, r.stdout, "Method: client-secret\n")
			assertNoSecrets(t, key, r)
		}

		asBoot := []string{"-c", clientID, "-ac", readPrivate(t, k.path("adminid")), "-ar", "master"}
		r = k.run("keycloak status", asBoot...)
		assertFails(t, r, "missing --AdminPrivateJwkPath, --AdminSecretPath or CLIENTKEYS_ADMIN_SECRET")
		setenv(t, "CLIENTKEYS_ADMIN_SECRET", strings.TrimSpace(readPrivate(t, k.path("admin"))))
		assert.Equal(t, 0, k.run("keycloak status", asBoot...).code)
		setenv(t, "CLIENTKEYS_ADMIN_SECRET", "wrong-admin-secret")
		r = k.run("keycloak status", asBoot...)
		assert.Equal(t, 1, r.code)
		assert.NotContains(t, r.stderr, "wrong-admin-secret")
		assert.Contains(t, r.stderr, `the administrator "`+strings.TrimSpace(readPrivate(t, k.path("adminid")))+`" gets no token`)
		k.write("nokey", "nokey")
		r = k.run("keycloak status", "-c", clientID, "-ac", "rotator", "-ap", k.path("nokey"))
		assert.Contains(t, r.stderr, "--AdminPrivateJwkPath: keys: malformed")
		r = k.do("keycloak status", "-c", "nobody")
		assert.Contains(t, r.stderr, "not found")
	})
}
