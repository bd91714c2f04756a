package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/internal/programtest"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { programtest.Main(m, main) }

// start runs a program that logs its address, until the test ends.
func start(t *testing.T, cmd *exec.Cmd) (url string) {
	t.Helper()
	return "http://" + programtest.Start(t, cmd, regexp.MustCompile(`msg=serving address=(\S+)\n`)).Ready[1]
}

const (
	oldSecret = "the-secret-that-nonces-were-made-with"
	newSecret = "the-secret-that-nonces-are-made-with-now"
)

func startAPI(t *testing.T, issuer *helseidtest.Server, args ...string) (url string) {
	t.Helper()
	return startAPIWith(t, nil, issuer, args...)
}

// startAPIWith starts it with more of an environment.
func startAPIWith(t *testing.T, environment []string, issuer *helseidtest.Server, args ...string) (url string) {
	t.Helper()
	args = append([]string{"-issuer", issuer.URL(), "-audience", "nhn:patients", "-scope", "nhn:patients/read", "-listen", "127.0.0.1:0"}, args...)
	cmd := programtest.Self(args...)
	cmd.Env = append(append(cmd.Env, "NONCE_SECRETS="+oldSecret, "DATABASE_URL="), environment...)
	return start(t, cmd)
}

// newClient registers a client with the key in the file.
func newClient(t *testing.T, issuer *helseidtest.Server) (key *keys.Key, file string) {
	t.Helper()
	key = keystest.Key(t, keys.ES256)
	issuer.AddClient("my-service", key.PublicKey())
	file = filepath.Join(t.TempDir(), "client_private.json")
	require.NoError(t, key.WriteFile(file))
	return key, file
}

func TestAPI(t *testing.T) {
	t.Parallel()
	issuer := helseidtest.New()
	defer issuer.Close()
	key, _ := newClient(t, issuer)
	url := startAPI(t, issuer)
	call := func(scopes ...string) (int, string, http.Header) {
		tokens := (&helseid.Client{Environment: issuer.Environment(), ClientID: "my-service", Scopes: scopes}).Tokens(key)
		resp, err := (&http.Client{Transport: &dpop.Transport{Tokens: tokens}}).Get(url + "/patients?name=kari")
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body), resp.Header
	}
	status, body, _ := call("nhn:patients/read", "nhn:patients/write")
	require.Equal(t, http.StatusOK, status)
	var who struct {
		Client, Subject string
		Scopes          []string
	}
	require.NoError(t, json.Unmarshal([]byte(body), &who))
	assert.Equal(t, []any{"my-service", []string{"nhn:patients/read", "nhn:patients/write"}}, []any{who.Client, who.Scopes})

	status, _, header := call("nhn:patients/write")
	assert.Equal(t, http.StatusForbidden, status)
	assert.Contains(t, header.Get("WWW-Authenticate"), `scope="nhn:patients/read"`)
	status, _, header = call("nhn:others/read")
	assert.Equal(t, http.StatusUnauthorized, status)
	assert.Contains(t, header.Get("WWW-Authenticate"), `error="invalid_token"`)
}

// TestServiceCallsTheAPI runs both examples, each in its own process.
func TestServiceCallsTheAPI(t *testing.T) {
	t.Parallel()
	issuer := helseidtest.New()
	defer issuer.Close()
	_, file := newClient(t, issuer)
	api := startAPI(t, issuer)
	dir := t.TempDir()
	service := filepath.Join(dir, "service")
	out, err := exec.Command("go", "build", "-o", service, "../service").CombinedOutput()
	require.NoError(t, err, string(out))
	url := start(t, exec.Command(service, "-client", "my-service", "-authority", issuer.URL(), "-base", issuer.URL(),
		"-scope", "nhn:patients/read", "-key", file, "-state", filepath.Join(dir, "state"), "-api", api+"/patients", "-listen", "127.0.0.1:0"))
	for range 3 {
		resp, err := http.Get(url)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err)
		assert.Equal(t, "200 OK\n", string(body))
	}
}

const outside = "https://api.example.no"

// caller makes proofs for the external URL and sends them to either process.
type caller struct {
	token string
	key   *keys.Key
}

func newCaller(t *testing.T, issuer *helseidtest.Server) caller {
	t.Helper()
	key, _ := newClient(t, issuer)
	tokens := (&helseid.Client{Environment: issuer.Environment(), ClientID: "my-service", Scopes: []string{"nhn:patients/read"}}).Tokens(key)
	token, bound, err := tokens.BoundToken(t.Context())
	require.NoError(t, err)
	return caller{token, bound}
}

func (c caller) proof(t *testing.T, nonce string) string {
	t.Helper()
	proof, err := dpop.Sign(t.Context(), c.key, dpop.Proof{URL: outside + "/patients", AccessToken: keys.NewSecret(c.token), Nonce: nonce})
	require.NoError(t, err)
	return proof
}

func (c caller) send(t *testing.T, url, proof string) (status int, header http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/patients", nil)
	require.NoError(t, err)
	req.Header = http.Header{"Authorization": {"DPoP " + c.token}, "Dpop": {proof}}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	resp.Body.Close()
	return resp.StatusCode, resp.Header
}

// TestIntrospectionHeedsTheAudience has the issuer say that a token is for
// another API.
func TestIntrospectionHeedsTheAudience(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	issuer := httptest.NewServer(mux)
	defer issuer.Config.Close() // its own Close closes connections of other tests
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]string{"issuer": issuer.URL, "token_endpoint": issuer.URL + "/token", "introspection_endpoint": issuer.URL + "/introspect"})
	})
	mux.HandleFunc("POST /introspect", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"active": true, "iss": issuer.URL, "aud": r.PostFormValue("token"), "sub": "kari", "client_id": "c"})
	})
	file := filepath.Join(t.TempDir(), "key")
	_, err := keys.GenerateFile(file, keys.ES256)
	require.NoError(t, err)
	tokens, err := config{issuer: issuer.URL, audience: "nhn:patients", client: "api", key: file}.tokens(t.Context())
	require.NoError(t, err)
	_, err = tokens.Token(t.Context(), "nhn:patients")
	require.NoError(t, err)
	_, err = tokens.Token(t.Context(), "nhn:others")
	require.ErrorIs(t, err, dpop.ErrInvalidToken)
}

// Processes with the same secret accept each other's nonces, also after a restart and
// while the secret changes. Others do not.
func TestNoncesAreSharedByASecret(t *testing.T) {
	t.Parallel()
	issuer := helseidtest.New()
	defer issuer.Close()
	c := newCaller(t, issuer)
	nonceOf := func(url string) string {
		status, header := c.send(t, url, c.proof(t, ""))
		require.Equal(t, http.StatusUnauthorized, status)
		require.Contains(t, header.Get("WWW-Authenticate"), `error="use_dpop_nonce"`)
		return header.Get("DPoP-Nonce")
	}
	with := func(secrets string) string {
		return startAPIWith(t, []string{"NONCE_SECRETS=" + secrets}, issuer, "-url", outside)
	}
	first, second := with(oldSecret), with(oldSecret)
	during, after := with(newSecret+" "+oldSecret), with(newSecret)
	for name, r := range map[string]struct {
		from, to string
		status   int
	}{
		"the same secret":         {first, second, 200},
		"a new one, the old kept": {first, during, 200},
		"the new one":             {during, after, 200},
		"the old one gone":        {first, after, 401},
		"the new one not known":   {during, first, 401},
	} {
		status, _ := c.send(t, r.to, c.proof(t, nonceOf(r.from)))
		assert.Equal(t, r.status, status, name)
	}
}

// Several processes with a database and without secrets would refuse each other's
// nonces for ever. The database is not asked before that is found out.
func TestDatabaseNeedsNonceSecrets(t *testing.T) {
	t.Parallel()
	cmd := programtest.Self("-issuer", "https://as.example.no", "-audience", "a", "-listen", "127.0.0.1:0")
	cmd.Env = append(cmd.Env, "NONCE_SECRETS=", "DATABASE_URL=postgres://127.0.0.1:1/none")
	said, err := cmd.CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(said), "Nonces.Secrets is empty")
}

// One of two processes accepts a proof, once, also of many concurrent requests.
// Without the database every request is refused.
func TestTwoProcessesBehindOneDatabase(t *testing.T) {
	t.Parallel()
	address := os.Getenv("NOKKEL_POSTGRES")
	if address == "" {
		programtest.Missing(t, "NOKKEL_POSTGRES names no server, see .ci/postgres")
	}
	issuer := helseidtest.New()
	defer issuer.Close()
	c := newCaller(t, issuer)
	wire := relay(t, address)
	apis := []string{
		startAPIWith(t, []string{"DATABASE_URL=" + address}, issuer, "-url", outside),
		startAPIWith(t, []string{"DATABASE_URL=" + wire.address}, issuer, "-url", outside),
	}
	_, header := c.send(t, apis[0], c.proof(t, ""))
	nonce := header.Get("DPoP-Nonce")
	for first := range apis {
		proof := c.proof(t, nonce)
		status, _ := c.send(t, apis[first], proof)
		require.Equal(t, http.StatusOK, status)
		for _, url := range apis {
			status, header := c.send(t, url, proof)
			assert.Equal(t, http.StatusUnauthorized, status)
			assert.Contains(t, header.Get("WWW-Authenticate"), `error="invalid_dpop_proof", error_description="proof was used before"`)
		}
	}

	proof := c.proof(t, nonce)
	var passed, refused atomic.Int32
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			switch status, _ := c.send(t, apis[i%2], proof); status {
			case http.StatusOK:
				passed.Add(1)
			case http.StatusUnauthorized:
				refused.Add(1)
			}
		})
	}
	all.Wait()
	assert.Equal(t, []int32{1, 39}, []int32{passed.Load(), refused.Load()})

	wire.cut()
	status, header := c.send(t, apis[1], c.proof(t, nonce))
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Empty(t, header.Get("WWW-Authenticate"))
	status, _ = c.send(t, apis[0], c.proof(t, nonce))
	assert.Equal(t, http.StatusOK, status, "the other has its database still")
}

// wire is a connection to a database that can be cut.
type wire struct {
	address string
	cut     func()
}

func relay(t *testing.T, dsn string) *wire {
	t.Helper()
	to, err := url.Parse(dsn)
	require.NoError(t, err)
	target := to.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	to.Host = listener.Addr().String()
	var mu sync.Mutex
	var ends []net.Conn
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", target)
			if err != nil {
				near.Close()
				continue
			}
			mu.Lock()
			ends = append(ends, near, far)
			mu.Unlock()
			go io.Copy(near, far)
			go io.Copy(far, near)
		}
	}()
	cut := sync.OnceFunc(func() {
		listener.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range ends {
			c.Close()
		}
	})
	t.Cleanup(cut)
	return &wire{to.String(), cut}
}

// A missing option is reported before any request.
func TestExitsWithoutOptions(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-audience", "a"}, {"-issuer", "https://as.example.no"}} {
		said, err := programtest.Self(append([]string{"-listen", "127.0.0.1:0"}, args...)...).CombinedOutput()
		require.Error(t, err)
		assert.Contains(t, string(said), "api failed")
	}
}

// A key is passed in the wrong argument.
func TestMisplacedKeyIsNotPrinted(t *testing.T) {
	t.Parallel()
	const line = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g"
	const text = "-----BEGIN PRIVATE KEY-----\n" + line + "\n-----END PRIVATE KEY-----"
	complete := []string{"-issuer", "https://as.example.no", "-audience", "a", "-listen", "127.0.0.1:0"}
	for _, key := range []string{text, line, base64.StdEncoding.EncodeToString([]byte(text))} {
		for _, args := range [][]string{
			{"-key=", key}, {"-key", key}, {"-" + key}, {key}, {"-keys=" + key}, {"-plain-type=" + key}, {"-plain-type", key},
			{"-issuer", key}, {"-url", key}, {"-listen", key}, {"-listen", key + ":0"}, {"-client", "x", "-issuer", key, "-key", key},
		} {
			out, err := programtest.Self(append(slices.Clone(complete), args...)...).CombinedOutput()
			require.Error(t, err)
			for _, piece := range []string{line[20:40], key[len(key)-40 : len(key)-20]} {
				assert.NotContains(t, string(out), piece, args[0])
			}
		}
	}
}
