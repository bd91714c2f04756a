package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nokkel/nokkel/internal/programtest"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { programtest.Main(m, main) }

const clientID = "my-client"

// result is the outcome of a command.
type result struct {
	code           int
	stdout, stderr string
}

func program(t *testing.T, args ...string) *exec.Cmd {
	cmd := programtest.Self(args...)
	cmd.Dir = t.TempDir()
	return cmd
}

// invoke runs clientkeys in this process. Tests of signals, the umask and the
// working directory use program instead.
func invoke(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	c := &console{in: strings.NewReader(stdin), out: &out, err: &errs, env: func(name string) string {
		value, _ := variables.Load(variable{t, name})
		s, _ := value.(string)
		return s
	}}
	code := c.main(ctx, args)
	return result{code: code, stdout: out.String(), stderr: errs.String()}
}

// variable is an environment variable of the commands that a test invokes.
// Parallel tests cannot change the environment of the process.
type variable struct {
	t    *testing.T
	name string
}

var variables sync.Map // from variable to string

func setenv(t *testing.T, name, value string) { variables.Store(variable{t, name}, value) }

func runToEnd(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	return start(t, cmd)()
}

// start starts the process. The returned function waits for it to exit.
func start(t *testing.T, cmd *exec.Cmd) (wait func() result) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Start())
	return func() result {
		err := cmd.Wait()
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
			require.NoError(t, err)
		}
		return result{code: cmd.ProcessState.ExitCode(), stdout: out.String(), stderr: errs.String()}
	}
}

// assertFails checks that the command failed with a message on standard error and
// printed no result.
func assertFails(t *testing.T, r result, message string) {
	t.Helper()
	assert.Equal(t, 1, r.code)
	assert.Empty(t, r.stdout)
	assert.Contains(t, r.stderr, message)
}

// assertNoSecrets checks that the output holds no private member of the key in
// its JWK encoding.
func assertNoSecrets(t *testing.T, key *keys.Key, r result) {
	t.Helper()
	for _, secret := range keystest.Secrets(t, key) {
		assert.NotContains(t, r.stdout+r.stderr, base64.RawURLEncoding.EncodeToString(secret))
	}
}

// testDir is a directory for the files of a test.
type testDir struct {
	t   *testing.T
	dir string
}

func newTestDir(t *testing.T) testDir { return testDir{t, t.TempDir()} }

func (d testDir) path(name string) string { return filepath.Join(d.dir, name) }

func (d testDir) write(name, content string) {
	d.t.Helper()
	require.NoError(d.t, os.WriteFile(d.path(name), []byte(content), 0o600))
}

// writeKey saves a key as <name>_private.json and <name>_public.json.
func (d testDir) writeKey(name string, key *keys.Key) {
	d.t.Helper()
	private, err := key.PrivateJWK()
	require.NoError(d.t, err)
	d.write(name+"_private.json", string(private))
	d.write(name+"_public.json", string(key.PublicKey().JWK()))
}

// status returns what "state show" prints about the state directory.
func (d testDir) status() (st selfservice.Status) {
	d.t.Helper()
	r := invoke(d.t, "", "state", "show", "-s", d.path("state"), "-json")
	require.Equal(d.t, 0, r.code, r.stderr)
	require.NoError(d.t, json.Unmarshal([]byte(r.stdout), &st))
	return st
}

// fixture is a HelseID with one client, and the files of its key.
type fixture struct {
	*helseidtest.Server
	testDir
	key *keys.Key
}

// setup returns a fixture. The configure functions set fields of the server
// before it takes its first lock, so that no request races with them.
func setup(t *testing.T, configure ...func(*helseidtest.Server)) *fixture {
	t.Helper()
	f := &fixture{Server: helseidtest.New(), testDir: newTestDir(t), key: keystest.Key(t, keys.ES256)}
	t.Cleanup(f.Close)
	for _, set := range configure {
		set(f.Server)
	}
	f.AddClient(clientID, f.key.PublicKey())
	f.writeKey("old", f.key)
	return f
}

// args returns the arguments of a command on the fixture's client.
func (f *fixture) args(command string, args ...string) []string {
	return append(append(strings.Fields(command), "--ClientId", clientID, "--AuthorityUrl", f.URL(), "--BaseAddress", f.URL()), args...)
}

func TestHelpListsEveryCommandAndOption(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"help", "HELP", "--help", "-h"} {
		r := invoke(t, "", word)
		assert.Equal(t, 0, r.code)
		assert.Empty(t, r.stderr)
		for _, cmd := range commands() {
			assert.Contains(t, r.stdout, cmd.name)
		}
	}
	for _, cmd := range commands() {
		asked := invoke(t, "", "help", strings.ToUpper(cmd.name))
		assert.Equal(t, asked, invoke(t, "", cmd.name, "--help"))
		assert.Equal(t, 0, asked.code)
		summary, about := explained(cmd.name)
		assert.NotEmpty(t, summary)
		assert.NotContains(t, about, "{")
		assert.Greater(t, len(about), 40)
		assert.Contains(t, asked.stdout, about)
		for _, opt := range cmd.options {
			assert.Contains(t, asked.stdout, "--"+opt.long)
			assert.NotEmpty(t, opt.usage)
		}
	}
}

func TestHelpPrintsItsWholeText(t *testing.T) {
	t.Parallel()
	var shown strings.Builder
	for _, cmd := range commands() {
		cmd.help(&shown)
	}
	for line := range strings.Lines(helpText) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "== ") && !strings.HasPrefix(line, "{") {
			assert.Contains(t, shown.String(), line)
		}
	}
}

func TestUsageErrorsDoNotRepeatValues(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-value"
	for rule, args := range map[string][]string{
		"no command given":                                {},
		"unknown command":                                 {secret},
		"missing --KeyFileNamePrefix":                     {"generatejsonwebkey"},
		"argument 1 after the command is no option of it": {"generatejsonwebkey", "--Nonsense=" + secret},
		"--KeyFileNamePrefix needs a value":               {"generatejsonwebkey", "-n"},
		"a value without an option":                       {"generatejsonwebkey", "-n", "x", secret},
		"missing --ClientId, --AuthorityUrl":              {"updateclientkey", "-n", secret},
		"--AuthorityUrl is no URL":                        {"updateclientkey", "-c", "x", "-a", "helseid/" + secret, "-b", "https://x"},
		"--BaseAddress is no URL":                         {"updateclientkey", "-c", "x", "-a", "https://x", "-b", "localhost:" + secret},
		"must not hold /":                                 {"generatejsonwebkey", "-n", "../" + secret},
		"--OutputTransform is":                            {"generatejsonwebkey", "-n", "x", "-ot", secret},
		"--Algorithm is RS256":                            {"generatejsonwebkey", "-n", "x", "-alg", secret},
		"--KeySize is for RSA":                            {"generatejsonwebkey", "-n", "x", "-alg", "ES256", "-ks", "2048"},
		"--KeyCustomKid: keys: malformed: ":               {"generatejsonwebkey", "-n", "x", "-alg", "ES256", "-k", "a\u202e" + secret},
		"--KeySize: keys: ":                               {"generatejsonwebkey", "-n", "x", "-ks", "1024"},
		"from 2048 to 8192":                               {"generatejsonwebkey", "-n", "x", "-ks", "1024"},
		"missing --CertificatePassword":                   {"generatecertificate", "-cn", secret},
		"--ValidityMonths is":                             {"generatecertificate", "-cn", "x", "-pwd", secret, "-vm", "0"},
		"give one of --CertificatePassword":               {"generatecertificate", "-cn", "x", "-pwd", secret, "-pwdp", secret},
	} {
		t.Run(rule, func(t *testing.T) {
			r := invoke(t, "", args...)
			assertFails(t, r, rule)
			assert.NotContains(t, r.stderr, secret)
		})
	}
}

func TestFailedOutputIsReported(t *testing.T) {
	t.Parallel()
	nowhere, err := os.Open(os.DevNull) // read-only
	require.NoError(t, err)
	defer nowhere.Close()
	var stderr bytes.Buffer
	cmd := program(t, "generatejsonwebkey", "-n", "mine", "-alg", "ES256")
	cmd.Stdout, cmd.Stderr = nowhere, &stderr
	require.Error(t, cmd.Run())
	assert.Equal(t, 1, cmd.ProcessState.ExitCode())
	assert.Contains(t, stderr.String(), "it is done, but the result could not be printed: ")
	assert.FileExists(t, filepath.Join(cmd.Dir, "mine_private.json"))
}

func TestFileSizeLimit(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, make([]byte, maxFile), 0o600))
	in := &input{console: &console{}, options: []option{{long: "Option", form: pathForm, value: file}}}
	data, err := in.file("Option")
	require.NoError(t, err)
	assert.Len(t, data, maxFile)
	require.NoError(t, os.Truncate(file, 1<<40)) // more than fits in memory
	_, err = in.file("Option")
	assert.EqualError(t, err, "the file of --Option: it has more than 1048576 bytes")
}
