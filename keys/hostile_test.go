package keys_test

import (
	"crypto/elliptic"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// object is a JWK whose members tests change; the values are raw JSON.
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
	if err != nil { // raw is not JSON: put it in as it is
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

// TestEveryMemberOfTheWrongType: hostile-inputs row 1.
func TestEveryMemberOfTheWrongType(t *testing.T) {
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

// TestJSONThatParsersDisagreeAbout: hostile-inputs row 6.
func TestJSONThatParsersDisagreeAbout(t *testing.T) {
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

// TestOneSpellingOfEveryNumber: hostile-inputs rows 7 and 8.
func TestOneSpellingOfEveryNumber(t *testing.T) {
	ec := privateObject(t, testKey(t, keys.ES256))
	for _, member := range []string{"x", "y", "d"} {
		b := ec.octets(member)
		text := base64.RawURLEncoding.EncodeToString(b)
		last := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", text[42])
		tail := text[:42] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last+1])
		for name, raw := range map[string]string{
			"padding":            `"` + text + `="`,
			"line end":           `"` + text[:20] + `\n` + text[20:] + `"`,
			"line end at end":    `"` + text + `\n"`,
			"space":              `" ` + text + `"`,
			"standard alphabet":  `"` + strings.Repeat("+/", 21) + `A"`,
			"non-zero tail bits": `"` + tail + `"`,
		} {
			_, err := keys.Parse([]byte(ec.with(member, raw)), keys.Options{})
			refused(t, err, keys.ErrMalformed, member+" "+name, nil)
		}
		rule := keys.ErrInvalidPoint
		if member == "d" {
			rule = keys.ErrInconsistent
		}
		for name, value := range map[string][]byte{
			"empty": {}, "one byte short": b[1:], "one byte long": append([]byte{0}, b...), "zero": make([]byte, 32),
		} {
			_, err := keys.Parse([]byte(ec.with(member, b64(value))), keys.Options{})
			refused(t, err, rule, member+" "+name, nil)
		}
	}
	rsa := privateObject(t, testKey(t, keys.RS256))
	for _, member := range []string{"n", "e"} {
		_, err := keys.Parse([]byte(rsa.with(member, b64(append([]byte{0}, rsa.octets(member)...)))), keys.Options{})
		refused(t, err, keys.ErrMalformed, member+" with a leading zero", nil)
	}
	for _, member := range []string{"d", "p", "q", "dp", "dq", "qi"} { // .NET pads them
		size := 128
		if member == "d" {
			size = 256
		}
		padded := new(big.Int).SetBytes(rsa.octets(member)).FillBytes(make([]byte, size))
		_, err := keys.Parse([]byte(rsa.with(member, b64(padded))), keys.Options{})
		assert.NoError(t, err, member)
	}
}

func TestKeyPairsThatAreNone(t *testing.T) {
	ec, other := privateObject(t, testKey(t, keys.ES256)), privateObject(t, testKey(t, keys.ES256))
	p521 := privateObject(t, testKey(t, keys.ES512))
	ed, otherEd := privateObject(t, testKey(t, keys.EdDSA)), privateObject(t, testKey(t, keys.EdDSA))
	rsa, otherRSA := privateObject(t, testKey(t, keys.RS256)), privateObject(t, keystest.Key(t, keys.RS256))
	order := elliptic.P256().Params().N.Bytes()
	plus := func(o object, name string, n int64) string {
		return b64(new(big.Int).Add(new(big.Int).SetBytes(o.octets(name)), big.NewInt(n)).Bytes())
	}
	for name, c := range map[string]struct {
		text string
		rule error
	}{
		"EC d of another key":       {ec.with("d", string(other["d"])), keys.ErrInconsistent},
		"EC d of the curve's order": {ec.with("d", b64(order)), keys.ErrInconsistent},
		"EC x of another key":       {ec.with("x", string(other["x"])), keys.ErrInvalidPoint},
		"EC x and y exchanged":      {object(ec).with("x", string(ec["y"])), keys.ErrInvalidPoint},
		"EC without y":              {ec.with("y", ""), keys.ErrInvalidPoint},
		"EC without crv":            {ec.with("crv", ""), keys.ErrUnsupported},
		"EC on secp256k1":           {ec.with("crv", `"secp256k1"`), keys.ErrUnsupported},
		"EC on P-224":               {ec.with("crv", `"P-224"`), keys.ErrUnsupported},
		"EC, P-256 called P-384":    {ec.with("crv", `"P-384"`), keys.ErrInvalidPoint},
		"EC, P-521 called P-256":    {p521.with("crv", `"P-256"`), keys.ErrInvalidPoint},
		"EC called RSA":             {ec.with("kty", `"RSA"`), keys.ErrMalformed},
		"Ed25519 x of another":      {ed.with("x", string(otherEd["x"])), keys.ErrInconsistent},
		"Ed25519 d short":           {ed.with("d", b64(ed.octets("d")[1:])), keys.ErrInconsistent},
		"Ed25519 x short":           {ed.with("x", b64(ed.octets("x")[1:])), keys.ErrInvalidPoint},
		"Ed448":                     {ed.with("crv", `"Ed448"`), keys.ErrUnsupported},
		"X25519":                    {ed.with("crv", `"X25519"`), keys.ErrUnsupported},
		"RSA d of another":          {rsa.with("d", string(otherRSA["d"])), keys.ErrInconsistent},
		"RSA n of another":          {rsa.with("n", string(otherRSA["n"])), keys.ErrInconsistent},
		"RSA p of another":          {rsa.with("p", string(otherRSA["p"])), keys.ErrInconsistent},
		"RSA p twice":               {rsa.with("q", string(rsa["p"])), keys.ErrInconsistent},
		"RSA p of one":              {rsa.with("p", `"AQ"`), keys.ErrInconsistent},
		"RSA p empty":               {rsa.with("p", `""`), keys.ErrInconsistent},
		"RSA e of another":          {rsa.with("e", `"Aw"`), keys.ErrInconsistent},
		"RSA dp wrong":              {rsa.with("dp", plus(rsa, "dp", 2)), keys.ErrInconsistent},
		"RSA dq wrong":              {rsa.with("dq", plus(rsa, "dq", 2)), keys.ErrInconsistent},
		"RSA qi wrong":              {rsa.with("qi", plus(rsa, "qi", 1)), keys.ErrInconsistent},
		"RSA qi zero":               {rsa.with("qi", `"AA"`), keys.ErrInconsistent},
		"RSA d of 40 kB":            {rsa.with("d", b64(make([]byte, 40<<10))), keys.ErrInconsistent},
		"RSA without p":             {rsa.with("p", ""), keys.ErrUnsupported},
		"RSA with three primes":     {rsa.with("oth", `[{"r":"AQ","d":"AQ","t":"AQ"}]`), keys.ErrUnsupported},
		"without kty":               {ec.with("kty", ""), keys.ErrMalformed},
		"kty oct":                   {`{"kty":"oct","k":"c2VjcmV0LXNlY3JldA"}`, keys.ErrUnsupported},
		"kty in lower case":         {ec.with("kty", `"ec"`), keys.ErrUnsupported},
		"public":                    {ec.with("d", ""), keys.ErrNoPrivateKey},
	} {
		_, err := keys.Parse([]byte(c.text), keys.Options{})
		refused(t, err, c.rule, name, nil)
	}
	only := object{"kty": rsa["kty"], "n": rsa["n"], "e": rsa["e"], "d": rsa["d"]}
	_, err := keys.Parse([]byte(only.with("", "")), keys.Options{})
	refused(t, err, keys.ErrUnsupported, "RSA with d alone: crypto/rsa takes none", nil)
}

// TestRSALimitsComeBeforeArithmetic: hostile-inputs row 9, as JWK and as DER.
func TestRSALimitsComeBeforeArithmetic(t *testing.T) {
	number := func(bits uint, low int64) []byte {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return n.Or(n, big.NewInt(low)).Bytes()
	}
	good, e := number(2048, 1), []byte{1, 0, 1}
	for name, c := range map[string]struct {
		n, e []byte
		rule error
	}{
		"512 bits":         {number(512, 1), e, keys.ErrWeak},
		"2047 bits":        {number(2047, 1), e, keys.ErrWeak},
		"8193 bits":        {number(8193, 1), e, keys.ErrTooLarge},
		"16384 bits":       {number(16384, 1), e, keys.ErrTooLarge},
		"300000 bits":      {number(300000, 1), e, keys.ErrTooLarge},
		"even modulus":     {number(2048, 2), e, keys.ErrWeak},
		"e of one":         {good, []byte{1}, keys.ErrWeak},
		"e of two":         {good, []byte{2}, keys.ErrWeak},
		"e even":           {good, []byte{1, 0, 0}, keys.ErrWeak},
		"e of 2^31":        {good, []byte{0x80, 0, 0, 0}, keys.ErrWeak},
		"e of 2^32+1":      {good, []byte{1, 0, 0, 0, 1}, keys.ErrWeak},
		"e of 2^64+1":      {good, []byte{1, 0, 0, 0, 0, 0, 0, 0, 1}, keys.ErrWeak},
		"e as big as n":    {good, good, keys.ErrWeak},
		"e of 40 kB":       {good, number(320000, 1), keys.ErrWeak},
		"n empty":          {nil, e, keys.ErrMalformed},
		"e empty":          {good, nil, keys.ErrMalformed},
		"e zero, one byte": {good, []byte{0}, keys.ErrMalformed},
	} {
		public := `{"kty":"RSA","n":` + b64(c.n) + `,"e":` + b64(c.e) + `}`
		_, err := keys.ParsePublic([]byte(public), keys.Options{})
		refused(t, err, c.rule, name, nil)
		_, err = keys.Parse([]byte(strings.TrimSuffix(public, "}")+`,"d":"AQ","p":"Aw","q":"Aw"}`), keys.Options{})
		refused(t, err, c.rule, name, nil)
		set, err := keys.ParseSet([]byte(`{"keys":[` + public + `]}`))
		require.NoError(t, err)
		assert.Empty(t, set.Keys, name)
		if c.rule != keys.ErrMalformed {
			der := derRSA(t, new(big.Int).SetBytes(c.n), new(big.Int).SetBytes(c.e))
			_, err = keys.Parse(der, keys.Options{})
			rule := c.rule
			if len(der) > 8<<10 {
				rule = keys.ErrTooLarge
			}
			refused(t, err, rule, name, nil)
		}
	}
}

func derRSA(t testing.TB, n, e *big.Int) []byte {
	one := big.NewInt(1)
	der, err := asn1.Marshal([]*big.Int{new(big.Int), n, e, one, one, one, one, one, one}) // RFC 8017 §A.1.2
	require.NoError(t, err)
	return der
}

// TestPurposeContradictsSigning: hostile-inputs rows 2 and 10.
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
	// Options replace what the input says, not what it contradicts.
	_, err := keys.Parse([]byte(o.with("alg", `"RS256"`)), keys.Options{Algorithm: keys.ES256})
	assert.ErrorIs(t, err, keys.ErrInconsistent)

	_, err = keys.Parse([]byte(o.with("key_ops", `["verify"]`)), keys.Options{})
	assert.ErrorIs(t, err, keys.ErrNotSigning, "a private key that only verifies")
	public := make(object)
	require.NoError(t, json.Unmarshal(key.PublicKey().JWK(), &public))
	_, err = keys.ParsePublic([]byte(public.with("key_ops", `["sign"]`)), keys.Options{})
	assert.ErrorIs(t, err, keys.ErrNotSigning, "a public key that signs")
	_, err = keys.ParsePublic([]byte(public.with("key_ops", `["verify"]`)), keys.Options{})
	assert.NoError(t, err)
}

// TestCertificateThumbprintMustFit: "x5t#S256" is of the leaf in x5c.
func TestCertificateThumbprintMustFit(t *testing.T) {
	key := mustParse(t, concat(openssl(t, "p256-pkcs8"), openssl(t, "p256-certificate")))
	o := privateObject(t, key)
	assert.Equal(t, key.Certificates(), mustParse(t, []byte(o.with("", ""))).Certificates())
	_, err := keys.Parse([]byte(o.with("x5t#S256", b64(make([]byte, 32)))), keys.Options{})
	refused(t, err, keys.ErrInconsistent, "x5t#S256", nil)
	_, err = keys.Parse([]byte(o.with("x5t#S256", `5`)), keys.Options{})
	refused(t, err, keys.ErrMalformed, "x5t#S256", nil)
}

// TestAddressesInAJWKAreNotVisited: hostile-inputs row 4. A listener waits at
// the address that "x5u" (RFC 7517 §4.6) and "jku", which belongs into headers
// (RFC 7515 §4.1.2), give; the key is read without it.
func TestAddressesInAJWKAreNotVisited(t *testing.T) {
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
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded, "nobody came")
}

// TestPublicHoldsNoPrivateMember: hostile-inputs row 3, whatever its value.
func TestPublicHoldsNoPrivateMember(t *testing.T) {
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
		assert.NoError(t, err, ".NET writes an empty one")
	}
}
