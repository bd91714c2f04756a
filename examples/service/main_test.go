package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nokkel/nokkel/internal/programtest"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/filestore"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { programtest.Main(m, main) }

// process is a running service.
type process struct {
	*programtest.Process
	url string
}

func start(t *testing.T, server *helseidtest.Server, args ...string) *process {
	t.Helper()
	p := programtest.Start(t, programtest.Self(append([]string{"-client", "my-service", "-authority", server.URL(), "-base", server.URL(), "-scope", "nhn:patients/read",
		"-api", server.URL() + "/api/patients", "-listen", "127.0.0.1:0"}, args...)...), regexp.MustCompile(`msg=serving address=(\S+)\n`))
	return &process{p, "http://" + p.Ready[1]}
}

func (p *process) get(path string) (int, string, error) {
	resp, err := http.Get(p.url + path)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

func TestNoRequestFailsWhileKeysRotate(t *testing.T) {
	t.Parallel()
	server := helseidtest.New()
	defer server.Close()
	server.Replace = helseidtest.AtOnce
	server.TokenLifetime = 2 * time.Second // so that several keys are used
	dir := t.TempDir()
	key := keystest.Key(t, keys.ES256)
	server.AddClient("my-service", key.PublicKey())
	file, state := filepath.Join(dir, "client_private.json"), filepath.Join(dir, "state")
	require.NoError(t, key.WriteFile(file))
	p := start(t, server, "-key", file, "-state", state, "-max-age", "200ms", "-overlap", "80ms", "-propagation", "1ms")

	var requests, failures atomic.Int64
	var clients sync.WaitGroup
	rotated := make(chan struct{})
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-rotated:
					return
				default:
				}
				status, body, err := p.get("/")
				requests.Add(1)
				if err != nil || status != http.StatusOK || body != "200 OK\n" {
					failures.Add(1)
				}
			}
		})
	}
	var status selfservice.Status
	assert.Eventually(t, func() bool {
		code, body, err := p.get("/status")
		return err == nil && code == http.StatusOK && json.Unmarshal([]byte(body), &status) == nil && status.Rotations >= 8 &&
			server.Counts().Tokens > status.Rotations+2 // those for verification and those for the API
	}, 30*time.Second, 50*time.Millisecond)
	close(rotated)
	clients.Wait()
	assert.Zero(t, failures.Load(), "of %d requests: %+v", requests.Load(), server.Counts())
	assert.Greater(t, requests.Load(), int64(100))

	code, _, err := p.get("/healthz")
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, code)
	_, body, err := p.get("/status")
	require.NoError(t, err)
	active, err := (&selfservice.Rotator{Store: filestore.Dir(state)}).SigningKey(t.Context())
	require.NoError(t, err)
	log := p.Stop(t)
	for _, k := range []*keys.Key{key, active} {
		assert.NotContains(t, log+body, base64.RawURLEncoding.EncodeToString(keystest.Secrets(t, k)[0]))
	}

	require.NoError(t, os.Remove(file))
	p = start(t, server, "-state", state) // resumes with the key in the directory
	code, _, err = p.get("/")
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, code)
	p.Stop(t)
}

func TestRelaysTheResponse(t *testing.T) {
	t.Parallel()
	server := helseidtest.New()
	defer server.Close()
	key := keystest.Key(t, keys.ES256)
	server.AddClient("my-service", key.PublicKey())
	state := filepath.Join(t.TempDir(), "state")
	require.NoError(t, (&selfservice.Rotator{Store: filestore.Dir(state)}).Adopt(t.Context(), selfservice.Credential{Key: key}))
	p := start(t, server, "-state", state)
	server.Inject(func(_ int, r *http.Request) *helseidtest.Fault {
		if r.URL.Path == "/api/patients" {
			return &helseidtest.Fault{Status: http.StatusTeapot}
		}
		return nil
	})
	code, _, err := p.get("/")
	require.NoError(t, err)
	assert.Equal(t, http.StatusTeapot, code)
	server.Close()
	code, body, err := p.get("/")
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadGateway, code)
	assert.Equal(t, "the API cannot be called\n", body)
	p.Stop(t)
}

// What the API says beside its status reaches no terminal, and no status ends the
// service.
func TestStatusOfAHostileAPI(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"200 \x1b[2Jforged": "200 OK\n", "299 \x1b[2Jforged": "299 \n",
		"099 x": "the API's answer has no status\n", "000 x": "the API's answer has no status\n", "101 x": "the API's answer has no status\n",
	} {
		api := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			return http.ReadResponse(bufio.NewReader(strings.NewReader("HTTP/1.1 "+line+"\r\nContent-Length: 0\r\n\r\n")), r)
		})}
		w := httptest.NewRecorder()
		handler(api, nil, "https://api.example.no", slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		assert.Equal(t, want, w.Body.String(), line)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestExitsWithoutAKey(t *testing.T) {
	t.Parallel()
	assert.Contains(t, fails(t, "-client", "x", "-scope", "x", "-api", "https://x", "-state", filepath.Join(t.TempDir(), "state"), "-listen", "127.0.0.1:0"),
		"no credential has been adopted: the first start takes -key")
}

func TestKeyFileIsNeededForTheFirstStartOnly(t *testing.T) {
	t.Parallel()
	server := helseidtest.New()
	defer server.Close()
	key := keystest.Key(t, keys.ES256)
	server.AddClient("my-service", key.PublicKey())
	dir := t.TempDir()
	file, state := filepath.Join(dir, "client_private.json"), filepath.Join(dir, "state")
	assert.Contains(t, fails(t, "-client", "x", "-scope", "x", "-api", "https://x", "-state", state, "-key", file), "the file of -key: ")
	require.NoError(t, key.WriteFile(file))
	start(t, server, "-state", state, "-key", file).Stop(t)
	require.NoError(t, os.Remove(file))
	start(t, server, "-state", state, "-key", file).Stop(t)
}

func TestExitsWithoutOptions(t *testing.T) {
	t.Parallel()
	complete := []string{"-client", "x", "-scope", "x", "-api", "https://x", "-state", filepath.Join(t.TempDir(), "state")}
	for i := 0; i < len(complete); i += 2 {
		assert.Contains(t, fails(t, slices.Delete(slices.Clone(complete), i, i+2)...), "are needed")
	}
	assert.Contains(t, fails(t, append(complete, "word")...), "are needed")
}

// A key is passed in the wrong argument.
func TestMisplacedKeyIsNotPrinted(t *testing.T) {
	t.Parallel()
	const line = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g"
	const text = "-----BEGIN PRIVATE KEY-----\n" + line + "\n-----END PRIVATE KEY-----"
	complete := []string{"-client", "x", "-scope", "x", "-api", "https://x", "-state", filepath.Join(t.TempDir(), "state"), "-listen", "127.0.0.1:0"}
	for _, key := range []string{text, line, base64.StdEncoding.EncodeToString([]byte(text))} {
		for _, args := range [][]string{
			{"-key=", key}, {"-key", key}, {"-" + key}, {key}, {"-keys=" + key}, {"-overlap", key}, {"-client", key}, {"-authority", key},
			{"-base", key}, {"-scope", key}, {"-api", key}, {"-state", key}, {"-listen", key}, {"-listen", key + ":0"},
		} {
			said := fails(t, append(slices.Clone(complete), args...)...)
			for _, piece := range []string{line[20:40], key[len(key)-40 : len(key)-20]} {
				assert.NotContains(t, said, piece, args[0])
			}
		}
	}
}

// fails runs a service that must fail and returns its output.
func fails(t *testing.T, args ...string) string {
	t.Helper()
	out, err := programtest.Self(args...).CombinedOutput()
	require.Error(t, err)
	return string(out)
}
