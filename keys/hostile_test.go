package keys_test

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// object is a JWK whose members can be changed. Values are raw JSON.
type object map[string]json.RawMessage

func privateObject(t testing.TB, key *keys.Key) object {
	private, err := key.PrivateJWK()
	require.NoError(t, err)
	var o object
	require.NoError(t, json.Unmarshal(private, &o))
	return o
}

func (o object) with(name, raw string) string {
	changed := make(object)
	for n, v := range o {
		changed[n] = v
	}
	if changed[name] = json.RawMessage(raw); raw == "" {
		delete(changed, name)
	}
	text, err := json.Marshal(changed)
	if err != nil { // raw is not JSON: insert it verbatim
		changed[name] = json.RawMessage(`"HERE"`)
		text, _ = json.Marshal(changed)
		return strings.Replace(string(text), `"HERE"`, raw, 1)
	}
	return string(text)
}

func (o object) octets(name string) []byte {
	var s string
	json.Unmarshal(o[name], &s)
	b, _ := base64.RawURLEncoding.DecodeString(s)
	return b
}

func b64(b []byte) string { return `"` + base64.RawURLEncoding.EncodeToString(b) + `"` }

func TestMembersOfTheWrongType(t *testing.T) {
	for _, alg := range []keys.Algorithm{keys.RS256, keys.ES256, keys.EdDSA} {
		o := privateObject(t, testKey(t, alg))
		for name := range o {
			for _, raw := range []string{`null`, `5`, `1e300`, `-0.5`, `true`, `[]`, `["a"]`, `{}`, `{"a":1}`} {
				text := o.with(name, raw)
				_, err := keys.Parse([]byte(text), keys.Options{})
				refused(t, err, keys.ErrMalformed, name+" "+raw, nil)
			}
		}
		for _, name := range []string{"key_ops", "x5c"} {
			for _, raw := range []string{`null`, `5`, `"sign"`, `{}`, `[5]`, `[null]`, `[["sign"]]`} {
				_, err := keys.Parse([]byte(o.with(name, raw)), keys.Options{})
				refused(t, err, keys.ErrMalformed, name+" "+raw, nil)
			}
		}
	}
}

func TestAmbiguousJSON(t *testing.T) {
	o := privateObject(t, testKey(t, keys.ES256))
	for name, text := range map[string]string{
		"member twice":                  strings.Replace(o.with("", ""), `{`, `{"kid":"a","kid":"b",`, 1),
		"kty twice":                     strings.Replace(o.with("", ""), `{`, `{"kty":"oct",`, 1),
		"twice, once escaped":           strings.Replace(o.with("", ""), `{`, `{"\u006bty":"oct",`, 1),
		"unknown member twice":          strings.Replace(o.with("", ""), `{`, `{"x-a":1,"x-a":2,`, 1),
		"twice inside another value":    o.with("x-a", `{"b":1,"b":2}`),
		"twice inside an array":         o.with("x-a", `[[{"b":1,"b":2}]]`),
		"other case":                    o.with("KID", `"a"`),
		"other case, instead":           strings.Replace(o.with("", ""), `"kty"`, `"Kty"`, 1),
		"other case, Kelvin sign":       o.with("\u212aid", `"a"`),
		"null in an unknown member":     o.with("x-a", `null`),
		"null deep down":                o.with("x-a", `[{"b":null}]`),
		"NUL in a name":                 o.with("kid\x00", `"a"`),
		"NUL in a value":                o.with("kid", `"a\u0000"`),
		"half a surrogate pair":         o.with("kid", `"\ud800"`),
		"half a pair in unknown member": o.with("x-a", `"\udc00"`),
		"halves in the wrong order":     o.with("kid", `"\udc00\ud800"`),
		"broken UTF-8":                  o.with("kid", "\"\xc3\x28\""),
		"control character":             o.with("kid", `"a\u001b[0m"`),
		"next line":                     o.with("kid", `"a\u0085b"`),
		"control sequence of C1":        o.with("kid", `"a\u009b0m"`),
		"text turned around":            o.with("kid", `"a\u202eb"`),
		"text isolated":                 o.with("kid", `"a\u2066b"`),
		"line separator":                o.with("kid", `"a\u2028b"`),
		"paragraph separator":           o.with("kid", `"a\u2029b"`),
		"character without width":       o.with("kid", `"a\u200bb"`),
		"nested 20000 deep":             o.with("x-a", strings.Repeat("[", 20000)+strings.Repeat("]", 20000)),
		"nested 9 deep":                 o.with("x-a", strings.Repeat("[", 9)+strings.Repeat("]", 9)),
		"trailing value":                o.with("", "") + `{}`,
		"trailing comma":                strings.TrimSuffix(o.with("", ""), "}") + ",}",
		"comment":                       o.with("", "") + "//",
		"single quotes":                 strings.ReplaceAll(o.with("", ""), `"`, `'`),
		"missing colon":                 strings.Replace(o.with("", ""), `"kty":`, `"kty" `, 1),
	} {
		_, err := keys.Parse([]byte(text), keys.Options{})
		refused(t, err, keys.ErrMalformed, name, nil)
		set, err := keys.ParseSet([]byte(`{"keys":[` + text + `]}`))
		assert.True(t, err != nil || len(set.Keys) == 0, name)
	}
}

func TestPurposeContradictsSigning(t *testing.T) {
	key := testKey(t, keys.ES256)
	o := privateObject(t, key)
	for name, c := range map[string]struct {
		member, raw string
		rule        error
	}{
		"use enc":                  {"use", `"enc"`, keys.ErrNotSigning},
		"use empty":                {"use", `""`, keys.ErrNotSigning},
		"use in upper case":        {"use", `"SIG"`, keys.ErrNotSigning},
		"key_ops encrypt":          {"key_ops", `["encrypt"]`, keys.ErrNotSigning},
		"key_ops sign and decrypt": {"key_ops", `["sign","decrypt"]`, keys.ErrNotSigning},
		"key_ops sign twice":       {"key_ops", `["sign","sign"]`, keys.ErrNotSigning},
		"alg none":                 {"alg", `"none"`, keys.ErrUnsupported},
		"alg None":                 {"alg", `"None"`, keys.ErrUnsupported},
		"alg HS256":                {"alg", `"HS256"`, keys.ErrUnsupported},
		"alg empty":                {"alg", `""`, keys.ErrUnsupported},
		"alg RSA-OAEP":             {"alg", `"RSA-OAEP"`, keys.ErrUnsupported},
		"alg of RSA":               {"alg", `"RS256"`, keys.ErrInconsistent},
		"alg of another curve":     {"alg", `"ES512"`, keys.ErrInconsistent},
		"x5c of another key":       {"x5c", `["` + base64.StdEncoding.EncodeToString(certificates(t, "rsa")[0].Raw) + `"]`, keys.ErrInconsistent},
		"x5c in base64url":         {"x5c", `["` + base64.RawURLEncoding.EncodeToString(certificates(t, "rsa")[0].Raw) + `"]`, keys.ErrMalformed},
		"x5c with tail bits":       {"x5c", `["` + tailBits(base64.StdEncoding.EncodeToString(certificates(t, "p256")[0].Raw)) + `"]`, keys.ErrMalformed},
		"x5c without certificate":  {"x5c", `["AAAA"]`, keys.ErrMalformed},
		"kid of 1025 bytes":        {"kid", `"` + strings.Repeat("a", 1025) + `"`, keys.ErrTooLarge},
	} {
		private := o.with(c.member, c.raw)
		_, err := keys.Parse([]byte(private), keys.Options{})
		refused(t, err, c.rule, name, nil)
		public := make(object)
		require.NoError(t, json.Unmarshal([]byte(private), &public))
		_, err = keys.ParsePublic([]byte(public.with("d", "")), keys.Options{})
		refused(t, err, c.rule, name, nil)
	}
	// Options replace members of the input but resolve no contradiction.
	_, err := keys.Parse([]byte(o.with("alg", `"RS256"`)), keys.Options{Algorithm: keys.ES256})
	assert.ErrorIs(t, err, keys.ErrInconsistent)
	_, err = keys.Parse([]byte(o.with("", "")), keys.Options{KeyID: "n\ufffdkkel"}) // which no JSON here may hold
	assert.ErrorIs(t, err, keys.ErrMalformed)

	_, err = keys.Parse([]byte(o.with("key_ops", `["verify"]`)), keys.Options{})
	assert.ErrorIs(t, err, keys.ErrNotSigning, "private key with key_ops verify")
	public := make(object)
	require.NoError(t, json.Unmarshal(key.PublicKey().JWK(), &public))
	_, err = keys.ParsePublic([]byte(public.with("key_ops", `["sign"]`)), keys.Options{})
	assert.ErrorIs(t, err, keys.ErrNotSigning, "public key with key_ops sign")
	_, err = keys.ParsePublic([]byte(public.with("key_ops", `["verify"]`)), keys.Options{})
	assert.NoError(t, err)
}

// "x5t#S256" is the thumbprint of the leaf in x5c.
func TestCertificateThumbprintMustMatch(t *testing.T) {
	key := mustParse(t, concat(openssl(t, "p256-pkcs8"), openssl(t, "p256-certificate")))
	o := privateObject(t, key)
	assert.Equal(t, key.Certificates(), mustParse(t, []byte(o.with("", ""))).Certificates())
	_, err := keys.Parse([]byte(o.with("x5t#S256", b64(make([]byte, 32)))), keys.Options{})
	refused(t, err, keys.ErrInconsistent, "x5t#S256", nil)
	_, err = keys.Parse([]byte(o.with("x5t#S256", `5`)), keys.Options{})
	refused(t, err, keys.ErrMalformed, "x5t#S256", nil)
}

// The key is read without a request to the URL of "x5u" (RFC 7517 §4.6) or of
// "jku", which belongs in headers (RFC 7515 §4.1.2).
func TestURLsInAJWKAreNotFetched(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	address := listener.Addr().String()
	key := testKey(t, keys.ES256)
	private, public := privateObject(t, key), make(object)
	require.NoError(t, json.Unmarshal(key.PublicKey().JWK(), &public))
	for _, member := range []string{"x5u", "jku"} {
		for _, raw := range []string{`"https://` + address + `/"`, `"http://` + address + `/"`, `"` + address + `"`, `5`} {
			got, err := keys.Parse([]byte(private.with(member, raw)), keys.Options{})
			require.NoError(t, err)
			assert.Equal(t, key.Thumbprint(), got.Thumbprint())
			assert.Nil(t, got.Certificates())
			one, err := keys.ParsePublic([]byte(public.with(member, raw)), keys.Options{})
			require.NoError(t, err)
			set, err := keys.ParseSet([]byte(`{"keys":[` + public.with(member, raw) + `],"jku":` + raw + `}`))
			require.NoError(t, err)
			assert.Equal(t, []*keys.PublicKey{one}, set.Keys)
			assert.NotContains(t, string(one.JWK()), member)
		}
	}
	require.NoError(t, listener.(*net.TCPListener).SetDeadline(time.Now().Add(100*time.Millisecond)))
	_, err = listener.Accept()
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded, "the URL was fetched")
}

// A public key holds no private member of any value.
func TestPublicKeyWithPrivateMember(t *testing.T) {
	for _, alg := range []keys.Algorithm{keys.RS256, keys.ES256, keys.EdDSA} {
		public := make(object)
		require.NoError(t, json.Unmarshal(testKey(t, alg).PublicKey().JWK(), &public))
		for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "k", "oth"} {
			for _, raw := range []string{`"AQ"`, `""`, `5`, `[{"r":"AQ"}]`} {
				text := public.with(name, raw)
				_, err := keys.ParsePublic([]byte(text), keys.Options{})
				refused(t, err, keys.ErrPrivateKey, name+raw, nil)
				_, err = keys.ParseSet([]byte(`{"keys":[` + text + `]}`))
				refused(t, err, keys.ErrPrivateKey, name+raw, nil)
			}
		}
		_, err := keys.ParsePublic([]byte(public.with("D", `"AQ"`)), keys.Options{})
		refused(t, err, keys.ErrMalformed, "D", nil)
		_, err = keys.ParsePublic([]byte(public.with("oth", `[ ]`)), keys.Options{})
		assert.NoError(t, err, ".NET writes empty members")
	}
}
