package keys_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func utf16Text(text string, order binary.AppendByteOrder) []byte {
	var out []byte
	for _, u := range append([]uint16{0xfeff}, utf16.Encode([]rune(text))...) {
		out = order.AppendUint16(out, u)
	}
	return out
}

// TestParseTakesEveryFormOnDisk: what users of the FHI console tool, of
// PowerShell and of environment variables have.
func TestParseTakesEveryFormOnDisk(t *testing.T) {
	key := testKey(t, keys.ES256)
	private, err := key.PrivateJWK()
	require.NoError(t, err)
	jwk := string(private)
	quoted, err := json.Marshal(jwk)
	require.NoError(t, err)
	var indented bytes.Buffer
	require.NoError(t, json.Indent(&indented, private, "", "  "))
	escaped := strings.ReplaceAll(jwk, `"`, `\u0022`)
	std := base64.StdEncoding.EncodeToString(private)
	der := lastBlock(mustPEM(t, key))

	for name, form := range map[string]string{
		"JWK":                               jwk,
		"JWK, indented":                     indented.String(),
		"JWKS":                              `{"keys":[` + jwk + `]}`,
		"JSON string":                       string(quoted),
		"JSON string of PEM":                `"` + strings.ReplaceAll(string(mustPEM(t, key)), "\n", `\n`) + `"`,
		"JSON string, \\u0022":              `"` + escaped + `"`,
		"no outer quotes, \\u0022":          escaped,
		"no outer quotes, \\u0022, lines":   strings.ReplaceAll(strings.ReplaceAll(indented.String(), `"`, `\u0022`), "\n", "\r\n"),
		`no outer quotes, \"`:               strings.ReplaceAll(jwk, `"`, `\"`),
		"escaped brace":                     `\u007b` + escaped[1:],
		"base64":                            std,
		"base64 without padding":            strings.TrimRight(std, "="),
		"base64url":                         base64.URLEncoding.EncodeToString(private),
		"base64 in lines":                   std[:64] + "\r\n" + std[64:128] + "\r\n" + std[128:] + "\r\n",
		"base64 of a JSON string":           base64.StdEncoding.EncodeToString(quoted),
		"JSON string of base64":             `"` + std + `"`,
		"base64 of PEM":                     base64.StdEncoding.EncodeToString(mustPEM(t, key)),
		"base64 of DER":                     base64.StdEncoding.EncodeToString(der),
		"DER":                               string(der),
		"PEM":                               string(mustPEM(t, key)),
		"PEM, Windows line ends":            strings.ReplaceAll(string(mustPEM(t, key)), "\n", "\r\n"),
		"byte order mark":                   "\ufeff" + jwk,
		"byte order mark, base64":           "\ufeff" + std + "\r\n",
		"white space around":                "\r\n\t " + jwk + " \r\n",
		"UTF-16 little endian, JWK":         string(utf16Text(jwk+"\r\n", binary.LittleEndian)),
		"UTF-16 big endian, JSON string":    string(utf16Text(string(quoted), binary.BigEndian)),
		"UTF-16, PEM":                       string(utf16Text(string(mustPEM(t, key)), binary.LittleEndian)),
		"base64 of UTF-16, as .NET makes":   base64.StdEncoding.EncodeToString(utf16Text(jwk, binary.LittleEndian)),
		"empty key_ops, oth, x5c, as .NET":  jwk[:len(jwk)-1] + `,"key_ops":[],"oth":[],"x5c":[]}`,
		"key_ops sign":                      jwk[:len(jwk)-1] + `,"key_ops":["sign"]}`,
		"key_ops sign and verify":           jwk[:len(jwk)-1] + `,"key_ops":["verify","sign"]}`,
		"members that mean nothing to us":   jwk[:len(jwk)-1] + `,"ext":true,"nbf":-1.5e300,"KeySize":256,"o":{"a":[1,{"b":"c"}]}}`,
		"JWKS with a public key beside":     `{"keys":[` + string(testKey(t, keys.ES256).PublicKey().JWK()) + `,` + jwk + `]}`,
		"JWKS with an unusable key beside":  `{"keys":[{"kty":"oct","k":"AA"},` + jwk + `,{"kty":5},7]}`,
		"JWKS that says more than its keys": `{"next":null,"keys":[` + jwk + `]}`,
	} {
		got, err := keys.Parse([]byte(form), keys.Options{})
		if assert.NoError(t, err, name) {
			assert.Equal(t, key.Thumbprint(), got.Thumbprint(), name)
		}
	}
}

func TestParseIsRefused(t *testing.T) {
	private, err := testKey(t, keys.EdDSA).PrivateJWK()
	require.NoError(t, err)
	wrapped := private
	for range 4 {
		wrapped = []byte(base64.StdEncoding.EncodeToString(wrapped))
	}
	_, err = keys.Parse(wrapped, keys.Options{})
	require.NoError(t, err, "wrapped four times")
	for name, c := range map[string]struct {
		text string
		rule error
	}{
		"empty":                      {"", keys.ErrMalformed},
		"white space":                {" \r\n", keys.ErrMalformed},
		"byte order mark alone":      {"\ufeff", keys.ErrMalformed},
		"UTF-16 mark alone":          {"\xff\xfe", keys.ErrMalformed},
		"UTF-16 with half a unit":    {string(utf16Text(string(private), binary.LittleEndian)) + "\x00", keys.ErrMalformed},
		"not UTF-8":                  {"{\"kty\":\"\xff\"}", keys.ErrMalformed},
		"DER cut off":                {"0\x2e\x02", keys.ErrMalformed},
		"DER of something else":      {"0\x03\x02\x01\x01", keys.ErrMalformed},
		"digits":                     {"0123456789", keys.ErrMalformed},
		"HTML":                       {"<!doctype html><p>not found</p>", keys.ErrMalformed},
		"a word":                     {"client_private.json", keys.ErrMalformed},
		"string not closed":          {`"{\"kty\":\"EC\"`, keys.ErrMalformed},
		"escape not finished":        {`{\u00`, keys.ErrMalformed},
		"array":                      {`[` + string(private) + `]`, keys.ErrMalformed},
		"two keys, one after other":  {string(private) + string(private), keys.ErrMalformed},
		"wrapped five times":         {base64.StdEncoding.EncodeToString(wrapped), keys.ErrMalformed},
		"over 64 KiB":                {string(private) + strings.Repeat(" ", 64<<10), keys.ErrTooLarge},
		"JWKS with two private keys": {`{"keys":[` + string(private) + `,` + string(private) + `]}`, keys.ErrAmbiguous},
		"JWKS with none":             {`{"keys":[]}`, keys.ErrNoPrivateKey},
		"JWKS with a bad one":        {`{"keys":[{"kty":"oct","k":"AA"}]}`, keys.ErrUnsupported},
		"JWKS inside a JWKS":         {`{"keys":[{"keys":[` + string(private) + `]}]}`, keys.ErrMalformed},
		"JWKS 5000 deep":             {strings.Repeat(`{"keys":[`, 5000) + strings.Repeat(`]}`, 5000), keys.ErrMalformed},
		"keys: an object":            {`{"keys":{}}`, keys.ErrMalformed},
		"keys: null":                 {`{"keys":null}`, keys.ErrMalformed},
		"keys twice":                 {`{"keys":[],"keys":[` + string(private) + `]}`, keys.ErrMalformed},
		"Keys in another case":       {`{"Keys":[` + string(private) + `]}`, keys.ErrMalformed},
		"a JWK and a JWKS":           {string(private[:len(private)-1]) + `,"keys":[]}`, keys.ErrMalformed},
	} {
		_, err := keys.Parse([]byte(c.text), keys.Options{})
		refused(t, err, c.rule, name, []byte(c.text))
	}
}

func TestParseOptionsReplaceWhatTheInputSays(t *testing.T) {
	key, err := testKey(t, keys.RS256).With(keys.Options{KeyID: "inside"})
	require.NoError(t, err)
	private, err := key.PrivateJWK()
	require.NoError(t, err)
	for name, form := range map[string][]byte{
		"JWK": private, "JWKS": concat([]byte(`{"keys":[`), private, []byte(`]}`)), "PEM": mustPEM(t, key), "DER": lastBlock(mustPEM(t, key)),
	} {
		got, err := keys.Parse(form, keys.Options{Algorithm: keys.PS384, KeyID: "mine"})
		require.NoError(t, err, name)
		assert.Equal(t, keys.PS384, got.Algorithm(), name)
		assert.Equal(t, "mine", got.KeyID(), name)
	}
	public := concat([]byte(`{"keys":[`), key.PublicKey().JWK(), []byte(`]}`))
	got, err := keys.ParsePublic(public, keys.Options{Algorithm: keys.PS384, KeyID: "mine"})
	require.NoError(t, err)
	assert.Equal(t, keys.PS384, got.Algorithm())
	assert.Equal(t, "mine", got.KeyID())
}

func TestReadFile(t *testing.T) {
	key := testKey(t, keys.ES384)
	name := filepath.Join(t.TempDir(), "key.json")
	private, err := key.PrivateJWK()
	require.NoError(t, err)
	require.NoError(t, keys.WriteFile(name, private, false))
	got, err := keys.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, key.Thumbprint(), got.Thumbprint())

	_, err = keys.ReadFile(name + ".missing")
	assert.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, "keys: reading a file: open "+name+".missing: ")
	assert.Equal(t, 1, strings.Count(err.Error(), name))
	dir := filepath.Dir(name)
	_, err = keys.ReadFile(dir)
	assert.ErrorAs(t, err, new(*os.PathError), "a directory")
	assert.ErrorContains(t, err, "keys: reading a file: read "+dir+": ")
	require.NoError(t, os.WriteFile(name, make([]byte, 1<<20), 0o600))
	_, err = keys.ReadFile(name)
	assert.ErrorIs(t, err, keys.ErrTooLarge)

	require.NoError(t, os.WriteFile(name, []byte(`{"kty":"EC"}`), 0o600))
	_, err = keys.ReadFile(name)
	assert.EqualError(t, err, "keys: "+name+": missing member: crv")
}
