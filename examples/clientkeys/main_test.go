package main

import (
	"bytes"
	"context"
	"encoding/base64"
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
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { programtest.Main(m, main) }

const clientID = "my-client"

// result is what a process left behind.
type result struct {
	code           int
	stdout, stderr string
}

func program(t *testing.T, args ...string) *exec.Cmd {
	cmd := programtest.Self(args...)
	cmd.Dir = t.TempDir()
	return cmd
}

// invoke runs clientkeys to its end, in this process: what takes a process of
// its own (signals, a umask, a working directory) uses program. Standard input
// is what stdin holds, and then has ended.
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

// variable is one of the environment of what a test invokes: tests that run
// in parallel share that of the process.
type variable struct {
	t    *testing.T
	name string
}

var variables sync.Map // from variable to string

func setenv(t *testing.T, name, value string) { variables.Store(variable{t, name}, value) }

func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	return launch(t, cmd)()
}

// launch starts the process; the function that it returns waits for its end.
func launch(t *testing.T, cmd *exec.Cmd) (wait func() result) {
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

// hides fails when a private member of the key, as a JWK writes it, is in any
// of the texts.
func hides(t *testing.T, key *keys.Key, r result) {
	t.Helper()
	for _, secret := range keystest.Secrets(t, key) {
		assert.NotContains(t, r.stdout+r.stderr, base64.RawURLEncoding.EncodeToString(secret))
	}
}

// fixture is a HelseID with one client, and the files of its key.
type fixture struct {
	*helseidtest.Server
	dir string
	key *keys.Key
}

// setup configures the server before its lock is first taken: requests come
// from other processes, and nothing else orders them after it.
func setup(t *testing.T, configure ...func(*helseidtest.Server)) *fixture {
	t.Helper()
	f := &fixture{Server: helseidtest.New(), dir: t.TempDir(), key: keystest.Key(t, keys.ES256)}
	t.Cleanup(f.Close)
	for _, set := range configure {
		set(f.Server)
	}
	f.AddClient(clientID, f.key.PublicKey())
	f.write(t, "old", f.key)
	return f
}

// path is that of a file in the fixture's directory.
func (f *fixture) path(name string) string { return filepath.Join(f.dir, name) }

// write saves a key as <name>_private.json and <name>_public.json.
func (f *fixture) write(t *testing.T, name string, key *keys.Key) {
	t.Helper()
	private, err := key.PrivateJWK()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(f.path(name+"_private.json"), private, 0o600))
	require.NoError(t, os.WriteFile(f.path(name+"_public.json"), key.PublicKey().JWK(), 0o600))
}

// at puts command and connection in front of other arguments.
func (f *fixture) at(command string, args ...string) []string {
	return append(append(strings.Fields(command), "--ClientId", clientID, "--AuthorityUrl", f.URL(), "--BaseAddress", f.URL()), args...)
}

func TestHelpGoesToStdoutAndNamesEveryCommandAndOption(t *testing.T) {
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

func TestHelpLosesNoLineOfItsText(t *testing.T) {
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

func TestWrongUseFailsOnStderrWithoutRepeatingValues(t *testing.T) {
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
			assert.Equal(t, 1, r.code)
			assert.Empty(t, r.stdout)
			assert.Contains(t, r.stderr, rule)
			assert.NotContains(t, r.stderr, secret)
		})
	}
}

func TestAResultThatCannotBePrintedIsAFailure(t *testing.T) {
	t.Parallel()
	nowhere, err := os.Open(os.DevNull) // for reading
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

func TestAFileIsReadUpToALimit(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, make([]byte, maxFile), 0o600))
	in := &input{options: []option{{long: "Option", form: pathForm, value: file}}}
	data, err := in.file("Option")
	require.NoError(t, err)
	assert.Len(t, data, maxFile)
	require.NoError(t, os.Truncate(file, 1<<40)) // no machine has the memory for it
	_, err = in.file("Option")
	assert.EqualError(t, err, "the file of --Option: it has more than 1048576 bytes")
}
