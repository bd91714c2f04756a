package contract_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
	"github.com/stretchr/testify/require"
)

// target is the server that a test runs on: the fake or a live one, with a fresh
// realm for each test.
type target struct {
	t         *testing.T
	live      bool
	version   string
	realm     keycloak.Realm // with its Nodes, if there are several
	admin     *admin.API
	tokens    *assertion.TokenSource // of the administrator of all realms
	wait      func(time.Duration)
	grantRole func(clientID, role string)
	scopeRole func(clientID, role string) // adds it to tokens without the full scope
	audience  func(clientID, audience string)
	scope     func(clientID, name, audience string) // an optional one
}

// each runs a test on the fake and, if KEYCLOAK_URL is set, on that live server.
// KEYCLOAK_ADMIN_CLIENT_ID and KEYCLOAK_ADMIN_CLIENT_SECRET are those of its
// administrator, a service account in the realm master.
func each(t *testing.T, test func(*target)) {
	t.Parallel() // live tests mostly wait for credentials to expire
	t.Run("fake", func(t *testing.T) {
		t.Parallel()
		server := keycloaktest.Start(t)
		server.AddRealm("test")
		tg := &target{t: t, tokens: server.Admin(), wait: server.Advance, version: keycloaktest.Version}
		tg.use(keycloak.Realm{Server: server.URL, Name: "test"})
		tg.grantRole = func(clientID, role string) { server.Grant("test", clientID, role) }
		tg.scopeRole = func(clientID, role string) { server.Scope("test", clientID, role) }
		tg.audience = func(clientID, audience string) { server.AddAudience("test", clientID, audience) }
		tg.scope = func(clientID, name, audience string) { server.AddClientScope("test", clientID, name, audience) }
		test(tg)
	})
	t.Run("live", func(t *testing.T) { test(live(t)) })
}

func live(t *testing.T) *target {
	address := os.Getenv("KEYCLOAK_URL")
	if address == "" && os.Getenv("NOKKEL_LIVE") == "1" {
		t.Fatal("NOKKEL_LIVE=1, but KEYCLOAK_URL names no server")
	}
	if address == "" {
		t.Skip("KEYCLOAK_URL is not set; only the fake is tested")
	}
	t.Parallel()
	tg := &target{t: t, live: true, wait: time.Sleep, tokens: administrator(address), realm: keycloak.Realm{Server: address}}
	if nodes := os.Getenv("KEYCLOAK_NODES"); nodes != "" {
		tg.realm.Nodes = strings.Split(nodes, ",")
	}
	tg.enter()
	tg.use(tg.realm)
	tg.grantRole, tg.scopeRole = tg.grantLive, tg.scopeLive
	tg.audience, tg.scope = tg.audienceLive, tg.clientScopeLive
	tg.version = liveVersion(tg)
	return tg
}

var version struct {
	sync.Once
	string
}

// liveVersion asks only once, as the answer is long.
func liveVersion(tg *target) string {
	version.Do(func() {
		info, err := tg.admin.ServerInfo(tg.t.Context())
		require.NoError(tg.t, err)
		version.string = info.Version
	})
	return version.string
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

func (tg *target) use(realm keycloak.Realm) {
	tg.realm = realm
	tg.admin = &admin.API{Realm: realm, Tokens: tg.tokens}
}

// old reports whether the server is from before 26.1.
func (tg *target) old() bool { return strings.HasPrefix(tg.version, "26.0.") }

// rest calls the Admin REST API without the package under test, and returns the
// decoded response. It tries again after a 500: of 240 role mappings on two nodes
// of 26.7.4 three failed with a NullPointerException in the server's cache, and a
// single node has failed too. The server rolls back a call that failed.
func (tg *target) rest(method, path string, body any) (answer any) {
	tg.t.Helper()
	status, text := tg.raw(method, path, "application/json", body)
	for tries := 1; status == http.StatusInternalServerError && tries < 4; tries++ {
		status, text = tg.raw(method, path, "application/json", body)
	}
	require.Less(tg.t, status, 300, "%s %s: %s", method, path, text)
	if len(text) > 0 {
		require.NoError(tg.t, json.Unmarshal(text, &answer))
	}
	return answer
}

// whole returns everything the server says about a client. Its lists come in any
// order, and are sorted here.
func (tg *target) whole(id string) map[string]any {
	tg.t.Helper()
	whole := tg.rest(http.MethodGet, tg.path("clients", id), nil).(map[string]any)
	for _, name := range []string{"defaultClientScopes", "optionalClientScopes", "redirectUris", "webOrigins"} {
		if list, ok := whole[name].([]any); ok {
			slices.SortFunc(list, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
		}
	}
	return whole
}

func (tg *target) raw(method, at, contentType string, body any) (int, []byte) {
	tg.t.Helper()
	token, err := tg.tokens.Token(context.Background())
	require.NoError(tg.t, err)
	text, isBytes := body.([]byte)
	if !isBytes && body != nil {
		text, err = json.Marshal(body)
		require.NoError(tg.t, err)
	}
	req, err := http.NewRequest(method, tg.realm.Server+at, bytes.NewReader(text))
	require.NoError(tg.t, err)
	req.Header.Set("Authorization", "Bearer "+token.AccessToken.Reveal())
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	client := &http.Client{Transport: tg.realm.Base}
	resp, err := client.Do(req)
	require.NoError(tg.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(tg.t, err)
	if resp.StatusCode == http.StatusCreated {
		answer, _ = json.Marshal(path.Base(resp.Header.Get("Location"))) // the id of the new resource
	}
	return resp.StatusCode, answer
}

// client makes a confidential client with a service account, and returns its
// id and its secret.
func (tg *target) client(clientID string, more map[string]any) (id string, secret keys.Secret) {
	tg.t.Helper()
	secret = keys.NewSecret(rand.Text() + rand.Text())
	body := map[string]any{"clientId": clientID, "serviceAccountsEnabled": true, "secret": secret.Reveal(), "attributes": map[string]string{}}
	for name, value := range more {
		body[name] = value
	}
	id, _ = tg.rest(http.MethodPost, tg.path("clients"), body).(string)
	require.NotEmpty(tg.t, id)
	if tg.live && body["serviceAccountsEnabled"] == true {
		// The first token creates the user of the service account. Several at
		// once would collide.
		require.True(tg.t, tg.acceptsSecret(clientID, secret))
	}
	return id, secret
}

func (tg *target) path(elements ...string) string {
	return "/admin/realms/" + tg.realm.Name + "/" + strings.Join(elements, "/")
}

// grant gives the service account of a client roles of realm-management.
func (tg *target) grant(clientID string, roles ...string) {
	for _, role := range roles {
		tg.grantRole(clientID, role)
	}
}

func (tg *target) grantLive(clientID, role string) {
	client := tg.rest(http.MethodGet, tg.path("clients?clientId="+url.QueryEscape(clientID)), nil).([]any)[0].(map[string]any)
	management := tg.rest(http.MethodGet, tg.path("clients?clientId=realm-management"), nil).([]any)[0].(map[string]any)["id"].(string)
	user := tg.rest(http.MethodGet, tg.path("clients", client["id"].(string), "service-account-user"), nil).(map[string]any)
	wanted := tg.rest(http.MethodGet, tg.path("clients", management, "roles", role), nil)
	tg.rest(http.MethodPost, tg.path("users", user["id"].(string), "role-mappings/clients", management), []any{wanted})
}

func (tg *target) scopeLive(clientID, role string) {
	client := tg.idOf(clientID)
	management := tg.rest(http.MethodGet, tg.path("clients?clientId=realm-management"), nil).([]any)[0].(map[string]any)["id"].(string)
	wanted := tg.rest(http.MethodGet, tg.path("clients", management, "roles", role), nil)
	tg.rest(http.MethodPost, tg.path("clients", client, "scope-mappings/clients", management), []any{wanted})
}

func (tg *target) idOf(clientID string) string {
	return tg.rest(http.MethodGet, tg.path("clients?clientId="+url.QueryEscape(clientID)), nil).([]any)[0].(map[string]any)["id"].(string)
}

func audienceMapper(audience string) map[string]any {
	return map[string]any{
		"name": "audience " + audience, "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
		"config": map[string]string{"included.custom.audience": audience, "access.token.claim": "true"},
	}
}

func (tg *target) audienceLive(clientID, audience string) {
	tg.rest(http.MethodPost, tg.path("clients", tg.idOf(clientID), "protocol-mappers/models"), audienceMapper(audience))
}

func (tg *target) clientScopeLive(clientID, name, audience string) {
	scope := tg.rest(http.MethodPost, tg.path("client-scopes"), map[string]any{
		"name": name, "protocol": "openid-connect", "attributes": map[string]string{"include.in.token.scope": "true"},
		"protocolMappers": []any{audienceMapper(audience)},
	}).(string)
	assigned := tg.path("clients", tg.idOf(clientID), "optional-client-scopes", scope)
	tg.rest(http.MethodPut, assigned, nil)
	tg.t.Cleanup(func() { // the realm is used again
		tg.rest(http.MethodDelete, assigned, nil)
		tg.rest(http.MethodDelete, tg.path("client-scopes", scope), nil)
	})
}

// accepts reports whether the server issues a token for the credential. All of
// its nodes must agree.
func (tg *target) accepts(clientID string, c selfservice.Credential) bool {
	tg.t.Helper()
	minds := tg.minds(clientID, c)
	for _, accepted := range minds {
		require.Equal(tg.t, minds[0], accepted, "accepted by node: %v", minds)
	}
	return minds[0]
}

// minds reports for each node whether it accepts the credential.
func (tg *target) minds(clientID string, c selfservice.Credential) (accepted []bool) {
	tg.t.Helper()
	for _, way := range tg.each() {
		err := (&keycloak.Client{Realm: way, ClientID: clientID}).Verify(context.Background(), c)
		if err != nil {
			require.ErrorIs(tg.t, err, selfservice.ErrInvalidClient)
		}
		accepted = append(accepted, err == nil)
	}
	return accepted
}

// each returns the realm once for each node, reached directly.
func (tg *target) each() (ways []keycloak.Realm) {
	for _, node := range tg.realm.Nodes {
		way := tg.balanced()
		way.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			r.Host, r.URL.Host = r.URL.Host, strings.TrimPrefix(node, "http://")
			return http.DefaultTransport.RoundTrip(r)
		})
		ways = append(ways, way)
	}
	if ways == nil {
		ways = append(ways, tg.realm)
	}
	return ways
}

// balanced returns the realm as seen by callers who know nothing of its nodes.
func (tg *target) balanced() keycloak.Realm {
	realm := tg.realm
	realm.Nodes = nil
	return realm
}

// byAdmin returns the administrator's view of balanced.
func (tg *target) byAdmin() *admin.API {
	return &admin.API{Realm: tg.balanced(), Tokens: tg.tokens}
}

func (tg *target) acceptsSecret(clientID string, s keys.Secret) bool {
	tg.t.Helper()
	return tg.accepts(clientID, selfservice.Credential{Secret: s})
}

func (tg *target) acceptsKey(clientID string, k *keys.Key) bool {
	tg.t.Helper()
	return tg.accepts(clientID, selfservice.Credential{Key: k})
}

// policy creates a rotation policy for all confidential clients of the realm.
func (tg *target) policy(expiration, rotated, remaining time.Duration) {
	tg.t.Helper()
	require.NoError(tg.t, tg.admin.PutRotationProfile(tg.t.Context(), admin.RotationProfile{
		Name: "rotation", Expiration: expiration, Rotated: rotated, Remaining: remaining,
	}))
	require.NoError(tg.t, tg.admin.PutPolicy(tg.t.Context(), admin.Policy{
		Name: "rotate", AccessTypes: []string{"confidential"}, Profiles: []string{"rotation"},
	}))
}

func newKey(t testing.TB) *keys.Key {
	t.Helper()
	k, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	return k
}

// rsaKeys are made only once. They take long, and are not what is tested.
var rsaKeys = sync.OnceValue(func() (list [2]*keys.Key) {
	for i := range list {
		k, err := keys.GenerateRSA(keys.RS256, 2048)
		if err != nil {
			panic(err)
		}
		list[i] = k
	}
	return list
})

func rsaKey() *keys.Key { return rsaKeys()[0] }

func set(list ...*keys.Key) keys.Set {
	var s keys.Set
	for _, k := range list {
		s.Keys = append(s.Keys, k.PublicKey())
	}
	return s
}
