package main

import (
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/access"
	"github.com/nokkel/nokkel/internal/programtest"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { programtest.Main(m, main) }

// world is an issuer, a client of it, and a gate that is not asked yet.
type world struct {
	gate   *gate
	client *http.Client
	server *httptest.Server // of the gate
}

func newWorld(t *testing.T, forwarded bool) *world {
	t.Helper()
	issuer := helseidtest.New()
	t.Cleanup(issuer.Close)
	key := keystest.Key(t, keys.ES256)
	issuer.AddClient("my-client", key.PublicKey())
	tokens := (&helseid.Client{Environment: issuer.Environment(), ClientID: "my-client", Scopes: []string{"nhn:patients/read"}}).Tokens(key)
	w := &world{client: &http.Client{Transport: &dpop.Transport{Tokens: tokens}}}
	w.gate = &gate{
		guard: &dpop.Middleware{
			Tokens: &access.Verifier{Issuer: issuer.URL(), Audiences: []string{"nhn:patients"}},
			Proofs: &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: &dpop.Nonces{}},
		},
		proxy: netip.MustParsePrefix("127.0.0.1/32"), forwarded: forwarded, scopes: []string{"nhn:patients/read"},
	}
	w.server = httptest.NewServer(w.gate)
	t.Cleanup(w.server.Close)
	return w
}

// proxy is one of another maker that asks the gate: the real thing.
type proxy struct {
	name      string
	program   string
	config    string
	forwarded bool
	args      func(config, dir string) []string
}

var proxies = []proxy{
	{"nginx", "/usr/sbin/nginx", "nginx.conf", false, func(config, dir string) []string { return []string{"-c", config, "-p", dir, "-e", "stderr"} }},
	{"Caddy", "caddy", "Caddyfile", true, func(config, _ string) []string { return []string{"run", "--config", config, "--adapter", "caddyfile"} }},
}

// TestBehindRealProxies: this module's client reaches an API that knows nothing
// of tokens through nginx and Caddy, and others do not.
func TestBehindRealProxies(t *testing.T) {
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) {
			w := newWorld(t, p.forwarded)
			api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.Empty(t, r.Header.Get("Authorization"))
				io.WriteString(w, r.Method+" "+r.RequestURI+" "+r.Header.Get("X-Client-Id"))
			}))
			defer api.Close()
			w.gate.guard.BaseURL = p.start(t, w.server.URL, api.URL)

			for _, path := range []string{"/patients", "/patients?name=%7Ekari", "/a%2Fb", "/"} {
				for _, method := range []string{http.MethodGet, http.MethodPost} {
					req, err := http.NewRequestWithContext(t.Context(), method, w.gate.guard.BaseURL+path, nil)
					require.NoError(t, err)
					req.Header.Set("X-Client-Id", "admin") // not the client's to say
					resp, err := w.client.Do(req)
					require.NoError(t, err)
					body, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					require.NoError(t, err)
					assert.Equal(t, "200 OK", resp.Status, path)
					assert.Equal(t, method+" "+path+" my-client", string(body))
				}
			}
			assert.Equal(t, dpop.Counts{Passed: 8, Refused: 1}, w.gate.guard.Counts(), "one for the nonce")

			resp, err := http.Get(w.gate.guard.BaseURL + "/patients")
			require.NoError(t, err)
			resp.Body.Close()
			assert.Equal(t, http.StatusUnauthorized, resp.StatusCode)
			assert.Contains(t, resp.Header.Get("WWW-Authenticate"), "DPoP algs=")
			assert.NotEmpty(t, resp.Header.Get("DPoP-Nonce"))
			assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"))

			// What a client says of another request is not believed.
			spoof := http.Header{"X-Original-Uri": {"/open"}, "X-Original-Method": {"GET"}, "X-Forwarded-Uri": {"/open"}, "X-Forwarded-Method": {"GET"}}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, w.gate.guard.BaseURL+"/patients", nil)
			require.NoError(t, err)
			req.Header = spoof
			resp, err = w.client.Do(req)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			require.NoError(t, err)
			assert.Equal(t, "DELETE /patients my-client", string(body), "the proof names DELETE /patients")
		})
	}
}

// TestClientDoesNotSpeakForItself: the API sees what the gate says, even if that
// is empty, and never what the client says of itself.
func TestClientDoesNotSpeakForItself(t *testing.T) {
	names := []string{"X-Client-Id", "X-Subject", "X-Scope"}
	for _, p := range proxies {
		for _, value := range []string{"", "said by the gate"} {
			t.Run(p.name+" "+value, func(t *testing.T) {
				gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					for _, name := range names {
						w.Header().Set(name, value)
					}
				}))
				defer gate.Close()
				api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					for _, name := range names {
						assert.Equal(t, value, strings.Join(r.Header[name], ","), name)
					}
				}))
				defer api.Close()
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.start(t, gate.URL, api.URL), nil)
				require.NoError(t, err)
				for _, name := range names {
					req.Header[name] = []string{"admin", "admin"}
				}
				resp, err := http.DefaultClient.Do(req)
				require.NoError(t, err)
				resp.Body.Close()
				assert.Equal(t, http.StatusOK, resp.StatusCode)
			})
		}
	}
}

// TestNginxAsksOneGate: the gate that breaks off may have spent the proof, and
// another one would call it a replay.
func TestNginxAsksOneGate(t *testing.T) {
	var asked atomic.Int32
	breaksOff := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		panic(http.ErrAbortHandler)
	})
	one, two := httptest.NewServer(breaksOff), httptest.NewServer(breaksOff)
	defer one.Close()
	defer two.Close()
	text, err := os.ReadFile("testdata/nginx.conf")
	require.NoError(t, err)
	gates := "http {\n\tupstream gates { server " + one.Listener.Addr().String() + "; server " + two.Listener.Addr().String() + "; }\n"
	url := proxies[0].startWith(t, strings.Replace(string(text), "http {\n", gates, 1), "http://gates", "http://127.0.0.1:1")
	resp, err := http.Get(url + "/patients")
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusInternalServerError, resp.StatusCode)
	assert.EqualValues(t, 1, asked.Load())
}

// ask sends what a proxy does.
func (g *gate) ask(authorization, proof string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/auth", nil)
	r.RemoteAddr = "127.0.0.1:1"
	r.Header = http.Header{"X-Original-Method": {"GET"}, "X-Original-Uri": {"/patients"}, "Authorization": {authorization}, "Dpop": {proof}}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

// keycloakCaller returns the options of a gate for tokens of Keycloak's own type,
// such a token, and a function that makes proofs for it.
func keycloakCaller(t *testing.T) (c config, token string, proof func(nonce string) string) {
	t.Helper()
	server := keycloaktest.Start(t)
	server.AddRealm("test")
	secret := server.AddClient("test", "my-client")
	server.AddAudience("test", "my-client", "nhn:patients")
	realm := admin.Realm{Server: server.URL, Name: "test"}
	tokens := realm.Tokens(&assertion.Basic{ClientID: "my-client", Secret: secret}, &dpop.Prover{})
	token, key, err := tokens.BoundToken(t.Context())
	require.NoError(t, err)
	c = config{issuer: server.URL + "/realms/test", audience: "nhn:patients", url: "https://api.example.no", proxy: "127.0.0.1/32", plain: true}
	return c, token, func(nonce string) string {
		proof, err := dpop.Sign(t.Context(), key, dpop.Proof{URL: c.url + "/patients", AccessToken: keys.NewSecret(token), Nonce: nonce})
		require.NoError(t, err)
		return proof
	}
}

func TestPlainType(t *testing.T) {
	t.Setenv("DATABASE_URL", "")
	t.Setenv("NONCE_SECRETS", "")
	c, token, proof := keycloakCaller(t)
	for plain, status := range map[bool]int{true: 200, false: 401} {
		c.plain = plain
		g, err := c.gate(t.Context())
		require.NoError(t, err)
		w := g.ask("DPoP "+token, proof(g.guard.Proofs.Nonces.Nonce()))
		assert.Equal(t, status, w.Code)
		assert.Equal(t, plain, w.Header().Get("X-Client-Id") == "my-client")
	}
}

// Several gates with a database and without secrets would refuse each other's
// nonces for ever. The database is not asked before that is found out.
func TestDatabaseNeedsNonceSecrets(t *testing.T) {
	t.Setenv("DATABASE_URL", "postgres://127.0.0.1:1/none")
	t.Setenv("NONCE_SECRETS", "")
	_, err := config{issuer: "https://as.example.no", audience: "a", url: "https://api.example.no", proxy: "127.0.0.1/32"}.gate(t.Context())
	require.ErrorIs(t, err, dpop.ErrConfig)
	assert.Contains(t, err.Error(), "Nonces.Secrets is empty")
}

// TestInstances: two gates with a database and secrets in common take each
// other's nonces, and each proof once.
func TestInstances(t *testing.T) {
	address := os.Getenv("NOKKEL_POSTGRES")
	if address == "" {
		programtest.Missing(t, "NOKKEL_POSTGRES names no server, see .ci/postgres")
	}
	t.Setenv("DATABASE_URL", address)
	t.Setenv("NONCE_SECRETS", strings.Repeat("s", 32))
	c, token, proof := keycloakCaller(t)
	one, err := c.gate(t.Context())
	require.NoError(t, err)
	two, err := c.gate(t.Context())
	require.NoError(t, err)
	first := proof(one.ask("DPoP "+token, proof("")).Header().Get("DPoP-Nonce"))
	assert.Equal(t, 200, two.ask("DPoP "+token, first).Code)
	w := one.ask("DPoP "+token, first)
	assert.Equal(t, 401, w.Code)
	assert.Contains(t, w.Header().Get("WWW-Authenticate"), "proof was used before")
}

// start runs the proxy on a port of loopback until the test ends.
func (p *proxy) start(t *testing.T, auth, api string) (url string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", p.config))
	require.NoError(t, err)
	return p.startWith(t, string(text), auth, api)
}

func (p *proxy) startWith(t *testing.T, text, auth, api string) (url string) {
	t.Helper()
	program, err := exec.LookPath(p.program)
	if err != nil {
		programtest.Missing(t, p.name+" is not installed, see .ci/install")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	dir := t.TempDir()
	config := filepath.Join(dir, p.config)
	require.NoError(t, os.WriteFile(config, []byte(strings.NewReplacer("PORT", port, "AUTH", auth, "API", api, "RUN", dir).Replace(text)), 0o600))

	var said strings.Builder
	cmd := exec.Command(program, p.args(config, dir)...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	cmd.Stderr = &said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s says:\n%s", p.name, said.String())
		}
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, 30*time.Second, 20*time.Millisecond, "%s did not start", p.name)
	return "http://" + address
}

// TestOnlyTheProxyIsHeard: by its address, and by the headers of its kind.
func TestOnlyTheProxyIsHeard(t *testing.T) {
	for name, c := range map[string]struct {
		forwarded bool
		peer      string
		header    http.Header
		status    int
	}{
		"nginx":                    {false, "127.0.0.1:1", http.Header{"X-Original-Method": {"GET"}, "X-Original-Uri": {"/x"}}, 401},
		"Traefik":                  {true, "127.0.0.1:1", http.Header{"X-Forwarded-Method": {"GET"}, "X-Forwarded-Uri": {"/x"}}, 401},
		"another peer":             {false, "127.0.0.2:1", http.Header{"X-Original-Method": {"GET"}, "X-Original-Uri": {"/x"}}, 403},
		"a peer without address":   {false, "@", http.Header{"X-Original-Method": {"GET"}, "X-Original-Uri": {"/x"}}, 403},
		"the other kind":           {false, "127.0.0.1:1", http.Header{"X-Forwarded-Method": {"GET"}, "X-Forwarded-Uri": {"/x"}}, 400},
		"the other kind, reversed": {true, "127.0.0.1:1", http.Header{"X-Original-Method": {"GET"}, "X-Original-Uri": {"/x"}}, 400},
		"two URIs":                 {false, "127.0.0.1:1", http.Header{"X-Original-Method": {"GET"}, "X-Original-Uri": {"/x", "/y"}}, 400},
		"two methods":              {false, "127.0.0.1:1", http.Header{"X-Original-Method": {"GET", "GET"}, "X-Original-Uri": {"/x"}}, 400},
		"a URL of another host":    {false, "127.0.0.1:1", http.Header{"X-Original-Method": {"GET"}, "X-Original-Uri": {"https://evil.example/x"}}, 400},
		"nothing":                  {false, "127.0.0.1:1", nil, 400},
	} {
		w := newWorld(t, c.forwarded)
		w.gate.guard.BaseURL = "https://api.example.no"
		r := httptest.NewRequest("GET", "/auth", nil)
		r.RemoteAddr = c.peer
		if c.header != nil {
			r.Header = c.header
		}
		recorder := httptest.NewRecorder()
		w.gate.ServeHTTP(recorder, r)
		assert.Equal(t, c.status, recorder.Code, name)
	}
}

// A key is passed in the wrong argument.
func TestMisplacedKeyIsNotPrinted(t *testing.T) {
	const line = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g"
	const text = "-----BEGIN PRIVATE KEY-----\n" + line + "\n-----END PRIVATE KEY-----"
	complete := []string{"-issuer", "https://as.example.no", "-audience", "a", "-url", "https://api.example.no", "-listen", "127.0.0.1:0"}
	for _, key := range []string{text, line, base64.StdEncoding.EncodeToString([]byte(text))} {
		for _, args := range [][]string{
			{"-" + key}, {key}, {"-url=", key}, {"-keys=" + key}, {"-plain-type=" + key}, {"-plain-type", key}, {"-x-forwarded=" + key},
			{"-issuer", key}, {"-url", key}, {"-proxy", key}, {"-proxy", key + "/32"}, {"-listen", key}, {"-listen", key + ":0"},
		} {
			out, err := programtest.Self(append(slices.Clone(complete), args...)...).CombinedOutput()
			require.Error(t, err)
			for _, piece := range []string{line[20:40], key[len(key)-40 : len(key)-20]} {
				assert.NotContains(t, string(out), piece, args[0])
			}
		}
	}
}
