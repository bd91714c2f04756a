package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/nokkel/nokkel/certs"
	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// formsPassword is that of the keystores among the forms of a key.
const formsPassword = "changeit"

var keystores = map[string]func(key *keys.Key, alias, password string) ([]byte, error){
	"PKCS#12": keystore.MarshalPKCS12, "legacy PKCS#12": keystore.MarshalLegacyPKCS12, "JKS": keystore.MarshalJKS,
}

// forms returns one private key in every form that a file can hold, and that
// "$(cat key)" or "$(base64 key)" can put into an argument.
func forms(t *testing.T, alg keys.Algorithm) map[string]string {
	t.Helper()
	key := keystest.Key(t, alg)
	text, err := key.PrivatePEM()
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	jwk, err := key.PrivateJWK()
	require.NoError(t, err)
	all := map[string]string{
		"PEM": strings.TrimSpace(string(text)), "JWK": string(jwk), "JWKS": `{"keys":[` + string(jwk) + `]}`,
		"PEM after other lines": "Bag Attributes\n    friendlyName: mine\n" + string(text),
		"escaped quotes":        strings.ReplaceAll(string(jwk), `"`, `\u0022`), "escaped name": strings.Replace(string(jwk), `"kty"`, `"\u006bty"`, 1),
	}
	switch k := key.Signer().(type) {
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(k)
		require.NoError(t, err)
		all["SEC 1"] = string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	case *rsa.PrivateKey:
		all["PKCS#1"] = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}))
	}
	data := map[string][]byte{"DER": block.Bytes}
	for name, text := range maps.Clone(all) {
		quoted, err := json.Marshal(text)
		require.NoError(t, err)
		all[name+" in a JSON string"] = string(quoted)
		data[name], data[name+" in a JSON string"], data[name+" in UTF-16"] = []byte(text), quoted, inUTF16(text)
	}
	for name, content := range data {
		once := base64.StdEncoding.EncodeToString(content)
		all[name+" in base64"] = once
		all[name+" in base64url"] = base64.RawURLEncoding.EncodeToString(content)
		all[name+" in base64 twice"] = base64.StdEncoding.EncodeToString([]byte(once))
	}
	der := all["DER in base64"]
	all["JWK, everything escaped"], all["DER in base64, everything escaped"] = escaped16(string(jwk)), escaped16(der)
	all["DER in base64 after an escape"] = `\n` + der
	key, err = certs.SelfSign(t.Context(), key, certs.Template{Subject: pkix.Name{CommonName: "mine"}})
	require.NoError(t, err)
	for name, marshal := range keystores {
		store, err := marshal(key, "mine", formsPassword)
		require.NoError(t, err)
		all[name+" in base64"] = base64.StdEncoding.EncodeToString(store)
	}
	for form, text := range all {
		_, err := keystore.ParseKey([]byte(text), "", formsPassword)
		require.NoError(t, err, form)
	}
	return all
}

// escaped16 escapes every character for a JSON string.
func escaped16(text string) string {
	var b strings.Builder
	for _, r := range text {
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String()
}

func inUTF16(text string) []byte {
	b := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return b
}

// leaks reports whether the output holds any 12 consecutive characters of a
// secret.
func leaks(printed, secret string) bool {
	secret = strings.NewReplacer("-----BEGIN PRIVATE KEY-----", "", "-----END PRIVATE KEY-----", "", "\n", "").Replace(secret)
	printed = strings.ReplaceAll(printed, "\n", "")
	for i := range len(printed) - 11 {
		if strings.Contains(secret, printed[i:i+12]) {
			return true
		}
	}
	return false
}

func TestMisplacedKeyIsNotPrinted(t *testing.T) {
	t.Chdir(t.TempDir())
	for form, key := range forms(t, keys.EdDSA) { // the shortest
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
			"the path of the key":             {[]string{"updateclientkey", "-ep", key}, "--ExistingPrivateJwkPath "},
			"a URL":                           {[]string{"updateclientkey", "-a", key}, "--AuthorityUrl is no URL like"},
			"a directory":                     {[]string{"generatejsonwebkey", "-n", "x", "-alg", "ES256", "-d", key}, "--KeyDirectory "},
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

// TestNoOptionPrintsAKey passes each form of a key to each option. One that is not
// for a key refuses it there, before a command can use it.
func TestNoOptionPrintsAKey(t *testing.T) {
	t.Chdir(t.TempDir())
	type place struct {
		cmd command
		opt option
	}
	places := make(map[string]place) // by option: those of one name are alike
	for _, cmd := range commands() {
		for _, opt := range cmd.options {
			places[opt.long] = place{cmd, opt}
		}
	}
	for _, alg := range []keys.Algorithm{keys.EdDSA, keys.ES256, keys.RS256} {
		for form, key := range forms(t, alg) {
			require.True(t, isKey(key), "%s %s", alg, form)
			for name, at := range places {
				for _, args := range [][]string{{"--" + name, key}, {"-" + name + "=" + key}, {"--" + name + "=", key}, {"--" + name + key}} {
					var out, errs bytes.Buffer
					c := &console{in: strings.NewReader(""), out: &out, err: &errs, env: os.Getenv}
					err := at.cmd.execute(t.Context(), c, args)
					require.Error(t, err)
					require.False(t, leaks(out.String()+errs.String()+err.Error(), key), "%s %s: %s", alg, form, args[0][:3])
					if at.opt.form != secretForm {
						require.NotContains(t, err.Error(), "missing", "%s %s: --%s", alg, form, name)
					}
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
		"my-organisation-my-department-my-application-in-production-in-region-north", // base64 as well, of garbage
		"/var/lib/my-organisation/my-department/my-application/production/clientkeys/state",
		`\\nas\backup\my-organisation\my-department\my-application\production\state`, `\\server\share\my-organisation\my-department\my-application\production\key`,
		`C:\Users\Åse\AppData\Local\my-organisation\my-department\my-application\production\key.json`,
		"https://my-organisation.example.no/my-department/my-application/production/client", strings.Repeat("nhn:patients/read ", 10),
		"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg_SpIdNs6c5H0NE8XYXysP-DGNKHfuwvY7kxvUdBeoGlODJ6-SfaPg", // thumbprints
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
		"--KeyDirectory":   {"generatejsonwebkey", "-n", "x", "-alg", "ES256", "-d", dir + "//x"}, // which is mended before it is used
	} {
		r := invoke(t, "", args...)
		assertFails(t, r, option)
		assert.NotContains(t, r.stderr, "a-secret-in-the-wrong-place")
	}
}
