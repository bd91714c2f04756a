package main

import (
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUpdateClientKeyRegistersAndPrints(t *testing.T) {
	t.Parallel()
	f := setup(t, func(s *helseidtest.Server) { s.Propagation = 500 * time.Millisecond })
	next := keystest.Key(t, keys.PS256)
	f.writeKey("new", next)
	r := invoke(t, "", f.args("UpdateClientKey", "-np", f.path("new_public.json"), "-ep", f.path("old_private.json"), "-npp", f.path("new_private.json"), "-y")...)
	require.Equal(t, 0, r.code, r.stderr)
	registered := f.Keys(clientID)
	require.Len(t, registered, 2)
	assert.Equal(t, next.Thumbprint(), registered[1].Thumbprint)
	assert.Equal(t, "ClientId: my-client\nKid: "+next.KeyID()+"\nExpiration: "+registered[1].Expiration.Format(time.RFC3339)+"\n", r.stdout)
	assert.Contains(t, r.stderr, "accepts the new key")
	assertNoSecrets(t, f.key, r)
	assertNoSecrets(t, next, r)
}

func TestUpdateClientKeyAsksForConfirmation(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		stdin   string
		updates bool
	}{
		"y":                    {"y\n", true},
		"yes in capitals":      {"YES\r\n", true},
		"y without a line end": {"y", true},
		"n":                    {"n\n", false},
		"an empty line":        {"\n", false},
		"anything else":        {"yes please\n", false},
		"input that has ended": {"", false},
		"input without an end": {strings.Repeat("y", 1<<20), false},
	} {
		t.Run(name, func(t *testing.T) {
			f := setup(t)
			f.writeKey("new", keystest.Key(t, keys.ES256))
			r := invoke(t, tc.stdin, f.args("updateclientkey", "--NewPublicJwkPath", f.path("new_public.json"), "--ExistingPrivateJwkPath", f.path("old_private.json"))...)
			assert.Contains(t, r.stderr, "[y/n]")
			if tc.updates {
				assert.Equal(t, 0, r.code, r.stderr)
				assert.Len(t, f.Keys(clientID), 2)
				assert.Contains(t, r.stderr, "has not been tried")
				return
			}
			assert.Equal(t, 1, r.code)
			assert.Empty(t, r.stdout)
			assert.Zero(t, f.Counts().Requests)
		})
	}
}

func TestUpdateClientKeyRefusesWithoutARequest(t *testing.T) {
	t.Parallel()
	f := setup(t)
	next := keystest.Key(t, keys.ES256)
	f.writeKey("new", next)
	f.writeKey("other", keystest.Key(t, keys.ES256))
	sameKid, err := next.With(keys.Options{KeyID: f.key.KeyID()})
	require.NoError(t, err)
	f.writeKey("kid", sameKid)
	private := string(read(t, f.path("new_private.json")))
	existing := []string{"-ep", f.path("old_private.json")}
	for rule, args := range map[string][]string{
		"private or secret key among public ones":            append(existing, "-np", f.path("new_private.json")),
		"--NewPublicJwk: keys: private":                      append(existing, "-n", private),
		"is the existing one":                                append(existing, "-np", f.path("old_public.json")),
		"kid of the existing one":                            append(existing, "-np", f.path("kid_public.json")),
		"the private part of another key":                    append(existing, "-np", f.path("new_public.json"), "-npp", f.path("other_private.json")),
		"missing --NewPublicJwk or --NewPublicJwkPath":       existing,
		"missing --ExistingPrivateJwk or":                    {"-np", f.path("new_public.json")},
		"give one of --NewPublicJwk and --NewPublicJwkPath":  append(existing, "-n", "x", "-np", "y"),
		"--ExistingPrivateJwkPath: keystore: no private key": {"-np", f.path("new_public.json"), "-ep", f.path("old_public.json")},
		"--ExistingPrivateJwkPath looks like a key":          {"-np", f.path("new_public.json"), "-ep", private},
		"the file of --NewPublicJwkPath: no such file":       append(existing, "-np", f.path("absent")),
		"--ExistingPrivateJwk: keys: malformed":              {"-np", f.path("new_public.json"), "-e", private[:len(private)-3]},
		"a value without an option; values with spaces need": {"-np", f.path("new_public.json"), private},
	} {
		t.Run(rule, func(t *testing.T) {
			r := invoke(t, "", f.args("updateclientkey", append(args, "-y")...)...)
			assertFails(t, r, rule)
			assertNoSecrets(t, next, r)
			assertNoSecrets(t, f.key, r)
		})
	}
	assert.Zero(t, f.Counts().Requests)
}

func TestUpdateClientKeyExplainsAFailure(t *testing.T) {
	t.Parallel()
	post := func(fault helseidtest.Fault) func(int, *http.Request) *helseidtest.Fault {
		return func(_ int, r *http.Request) *helseidtest.Fault {
			if r.Method == http.MethodPost && r.URL.Path == "/v1/client-secret" {
				return &fault
			}
			return nil
		}
	}
	const doubt = "may be registered all the same"
	for name, tc := range map[string]struct {
		fault helseidtest.Fault
		says  string
		doubt bool
	}{
		"refused":      {helseidtest.Problem(http.StatusForbidden, "No access", "the scope is missing"), "403 No access: the scope is missing", false},
		"server error": {helseidtest.Problem(http.StatusBadGateway, "Bad gateway", ""), "502", true},
		"lost reply":   {helseidtest.Fault{Execute: true}, "self-service API", true},
	} {
		t.Run(name, func(t *testing.T) {
			f := setup(t)
			f.writeKey("new", keystest.Key(t, keys.ES256))
			f.Inject(post(tc.fault))
			r := invoke(t, "", f.args("updateclientkey", "-np", f.path("new_public.json"), "-ep", f.path("old_private.json"), "-y")...)
			assertFails(t, r, tc.says)
			assert.Equal(t, tc.doubt, strings.Contains(r.stderr, doubt))
		})
	}
}

func TestUpdateClientKeyExplainsAnInterrupt(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.writeKey("new", keystest.Key(t, keys.ES256))
	started := make(chan *os.Process, 1)
	f.Inject(func(_ int, r *http.Request) *helseidtest.Fault {
		if r.Method == http.MethodPost && r.URL.Path == "/v1/client-secret" {
			(<-started).Signal(os.Interrupt)
			return &helseidtest.Fault{Execute: true, Delay: time.Second}
		}
		return nil
	})
	cmd := program(t, f.args("updateclientkey", "-np", f.path("new_public.json"), "-ep", f.path("old_private.json"), "-y")...)
	wait := start(t, cmd)
	started <- cmd.Process
	r := wait()
	assertFails(t, r, "may be registered all the same")
}

func TestInterruptAtThePrompt(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.writeKey("new", keystest.Key(t, keys.ES256))
	cmd := program(t, f.args("updateclientkey", "-np", f.path("new_public.json"), "-ep", f.path("old_private.json"))...)
	input, err := cmd.StdinPipe() // never written to
	require.NoError(t, err)
	defer input.Close()
	asked, stderr, err := os.Pipe()
	require.NoError(t, err)
	defer asked.Close()
	cmd.Stderr = stderr
	require.NoError(t, cmd.Start())
	stderr.Close()
	question := make([]byte, 1)
	_, err = asked.Read(question)
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	said, err := io.ReadAll(asked)
	require.NoError(t, err)
	assert.Error(t, cmd.Wait())
	assert.Equal(t, 1, cmd.ProcessState.ExitCode())
	assert.Contains(t, string(said), "interrupted; nothing was changed")
	assert.Zero(t, f.Counts().Requests)
}

func TestReadClientSecretExpirationPrintsUnixSeconds(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.writeKey("new", keystest.Key(t, keys.ES256))
	require.Equal(t, 0, invoke(t, "", f.args("updateclientkey", "-np", f.path("new_public.json"), "-ep", f.path("old_private.json"), "-y")...).code)

	slash := []string{"-a", f.URL() + "/", "-b", f.URL() + "/"} // FHI's tool accepts a trailing slash
	r := invoke(t, "", f.args("ReadClientSecretExpiration", append(slash, "-ep", f.path("new_private.json"))...)...)
	require.Equal(t, 0, r.code, r.stderr)
	assert.Equal(t, strconv.FormatInt(f.Keys(clientID)[1].Expiration.Unix(), 10)+"\n", r.stdout)

	private := string(read(t, f.path("old_private.json")))
	r = invoke(t, "", f.args("readclientsecretexpiration", "--ExistingPrivateJwk="+private)...)
	require.Equal(t, 0, r.code, r.stderr)
	assert.Equal(t, "never\n", r.stdout)
	assert.Contains(t, r.stderr, "--ExistingPrivateJwkPath keeps the key out")
	assertNoSecrets(t, f.key, r)
}

func TestReadClientSecretExpirationErrors(t *testing.T) {
	t.Parallel()
	t.Run("the key is not listed", func(t *testing.T) {
		f := setup(t)
		f.Inject(func(_ int, r *http.Request) *helseidtest.Fault {
			if r.URL.Path == "/v1/client-secret" {
				return &helseidtest.Fault{Status: http.StatusOK, Body: `[{"kid":"another","origin":"Gui"}]`}
			}
			return nil
		})
		r := invoke(t, "", f.args("readclientsecretexpiration", "-ep", f.path("old_private.json"))...)
		assertFails(t, r, "lists no key")
	})
	t.Run("the key is not accepted", func(t *testing.T) {
		f := setup(t)
		f.writeKey("stranger", keystest.Key(t, keys.ES256))
		r := invoke(t, "", f.args("readclientsecretexpiration", "-ep", f.path("stranger_private.json"))...)
		assertFails(t, r, "invalid_client")
	})
}
