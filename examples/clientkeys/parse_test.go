package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// encodings returns one private key in every form that a file can hold, and that
// "$(cat key)" can put into an argument.
func encodings(t *testing.T) map[string]string {
	t.Helper()
	key := keystest.Key(t, keys.ES256)
	pem, err := key.PrivatePEM()
	require.NoError(t, err)
	short, err := keystest.Key(t, keys.EdDSA).PrivatePEM() // in base64 not longer than a name may be
	require.NoError(t, err)
	jwk, err := key.PrivateJWK()
	require.NoError(t, err)
	text, err := json.Marshal(string(jwk))
	require.NoError(t, err)
	body := strings.Split(strings.TrimSpace(string(pem)), "\n")
	return map[string]string{
		"PEM": strings.TrimSpace(string(pem)), "JWK": string(jwk), "JSON string": string(text),
		"escaped": strings.ReplaceAll(string(jwk), `"`, `\u0022`), "base64": base64.StdEncoding.EncodeToString(jwk),
		"PEM in base64": base64.StdEncoding.EncodeToString(short), "DER in base64": strings.Join(body[1:len(body)-1], ""),
	}
}

// leaks reports whether the output holds any 12 consecutive characters of a
// secret.
func leaks(printed, secret string) bool {
	secret = strings.NewReplacer("-----BEGIN PRIVATE KEY-----", "", "-----END PRIVATE KEY-----", "", "\n", "").Replace(secret)
	printed = strings.ReplaceAll(printed, "\n", "")
	for i := range len(secret) - 12 {
		if strings.Contains(printed, secret[i:i+12]) {
			return true
		}
	}
	return false
}

func TestMisplacedKeyIsNotPrinted(t *testing.T) {
	t.Chdir(t.TempDir())
	for form, key := range encodings(t) {
		for name, c := range map[string]struct {
			args []string
			says string
		}{
			"a space after =":                 {[]string{"readclientsecretexpiration", "--ExistingPrivateJwk=", key}, "--ExistingPrivateJwk= has nothing after it; there is no space after ="},
			"a stray argument":                {[]string{"updateclientkey", "-y", "-c", "x", key}, "argument 4 after the command is"},
			"a value for a switch":            {[]string{"updateclientkey", "-Yes=" + key}, "-Yes"},
			"a value after a switch":          {[]string{"updateclientkey", "--Yes", key}, "--Yes takes no value"},
			"a value for a short switch":      {[]string{"updateclientkey", "-y=" + key}, "--Yes is true or false, or stands alone"},
			"a number":                        {[]string{"generatejsonwebkey", "-n", "x", "-ks", key}, "--KeySize is a whole number"},
			"a duration":                      {[]string{"helseid", "rotate", "--MaxAge=" + key}, "--MaxAge is a time like 90m or 720h"},
			"an unknown option":               {[]string{"updateclientkey", "--Nonsense=" + key}, "argument 1 after the command is no option of it"},
			"in place of an option":           {[]string{"updateclientkey", "--" + key}, "argument 1 after the command is no option of it"},
			"in place of an option, one dash": {[]string{"updateclientkey", "-" + key}, "argument 1 after the command is"},
			"three dashes":                    {[]string{"updateclientkey", "---ExistingPrivateJwk=" + key}, "is not spelled like an option: --ExistingPrivateJwk"},
			"lower case":                      {[]string{"updateclientkey", "--existingprivatejwk", key}, "is not spelled like an option: --ExistingPrivateJwk"},
			"after --":                        {[]string{"updateclientkey", "--", key}, "argument 1 after the command is no option of it"},
			"in place of a command":           {[]string{key}, "unknown command"},
			"after a system":                  {[]string{"keycloak", key}, "unknown or incomplete command (see: clientkeys help keycloak)"},
			"after help":                      {[]string{"help", key}, ""},
			"the client's id":                 {[]string{"updateclientkey", "-c", key}, "--ClientId"},
			"the path of the key":             {[]string{"updateclientkey", "-ep", key}, "--ExistingPrivateJwkPath looks like a key"},
			"a URL":                           {[]string{"updateclientkey", "-a", key}, "--AuthorityUrl is no URL like"},
			"a directory":                     {[]string{"generatejsonwebkey", "-n", "x", "-alg", "ES256", "-d", key}, "--KeyDirectory looks like a key"},
			"a file name":                     {[]string{"generatejsonwebkey", "-alg", "ES256", "-n", key}, "--KeyFileNamePrefix"},
			"a key id":                        {[]string{"generatejsonwebkey", "-n", "x", "-alg", "ES256", "-k", key}, "--KeyCustomKid"},
		} {
			t.Run(form+"/"+name, func(t *testing.T) {
				r := invoke(t, "", c.args...)
				if c.says != "" {
					assert.Equal(t, 1, r.code)
				}
				assert.Contains(t, r.stderr, c.says)
				assert.False(t, leaks(r.stdout+r.stderr, key), "%s%s", r.stdout, r.stderr)
				files, err := os.ReadDir(".")
				require.NoError(t, err)
				assert.Empty(t, files)
			})
		}
	}
}

// TestNoOptionPrintsAKey passes each form of a key to each option of each
// command.
func TestNoOptionPrintsAKey(t *testing.T) {
	t.Chdir(t.TempDir())
	for form, key := range encodings(t) {
		for _, cmd := range commands() {
			for _, opt := range cmd.options {
				for _, args := range [][]string{{"--" + opt.long, key}, {"-" + opt.long + "=" + key}, {"--" + opt.long + "=", key}, {"--" + opt.long + key}} {
					var out, errs bytes.Buffer
					c := &console{in: strings.NewReader(""), out: &out, err: &errs, env: os.Getenv}
					err := cmd.execute(t.Context(), c, args)
					require.Error(t, err)
					require.False(t, leaks(out.String()+errs.String()+err.Error(), key), "%s of %s: %s", form, cmd.name, args[0][:3])
				}
			}
		}
	}
}

func TestOrdinaryValuesAreNotKeys(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"", "my-client", "3d1c9fb2-5a41-4e2c-9b61-1b1f0c9ce1c4", "/var/lib/app/key", "Åse Østby AS", "C:\\keys\\mine", "0oa2o0xeoZ1aBcDeF5d7",
		strings.Repeat("0123456789", 12), strings.Repeat("a", maxName), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "eyJ",
	} {
		assert.False(t, isKey(value), value)
	}
}

func TestErrorsNameTheOptionNotThePath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a-secret-in-the-wrong-place")
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	for option, args := range map[string][]string{
		"--StateDirectory": {"state", "show", "-s", dir + "/x"},
		"--KeyDirectory":   {"generatejsonwebkey", "-n", "x", "-alg", "ES256", "-d", dir + "/x"},
	} {
		r := invoke(t, "", args...)
		assertFails(t, r, option)
		assert.NotContains(t, r.stderr, "a-secret-in-the-wrong-place")
	}
}
