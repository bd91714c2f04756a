package keys_test

import (
	"crypto/elliptic"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tailBits sets an unused bit of the last character of a base64 text, in either
// alphabet, with or without padding.
func tailBits(text string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	end := len(strings.TrimRight(text, "=")) - 1
	return text[:end] + string(digits[strings.IndexByte(digits, text[end])+1]) + text[end+1:]
}

func TestNumbersHaveOneEncoding(t *testing.T) {
	ec := privateObject(t, testKey(t, keys.ES256))
	for _, member := range []string{"x", "y", "d"} {
		b := ec.octets(member)
		text := base64.RawURLEncoding.EncodeToString(b)
		for name, raw := range map[string]string{
			"padding":            `"` + text + `="`,
			"line end":           `"` + text[:20] + `\n` + text[20:] + `"`,
			"line end at end":    `"` + text + `\n"`,
			"space":              `" ` + text + `"`,
			"standard alphabet":  `"` + strings.Repeat("+/", 21) + `A"`,
			"non-zero tail bits": `"` + tailBits(text) + `"`,
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
	for _, member := range []string{"d", "p", "q", "dp", "dq", "qi"} { // .NET pads these
		size := 128
		if member == "d" {
			size = 256
		}
		padded := new(big.Int).SetBytes(rsa.octets(member)).FillBytes(make([]byte, size))
		_, err := keys.Parse([]byte(rsa.with(member, b64(padded))), keys.Options{})
		assert.NoError(t, err, member)
	}
}

func TestInconsistentKeyPairs(t *testing.T) {
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
		"EC without y":              {ec.with("y", ""), keys.ErrMissing},
		"EC without crv":            {ec.with("crv", ""), keys.ErrMissing},
		"EC on secp256k1":           {ec.with("crv", `"secp256k1"`), keys.ErrUnsupported},
		"EC on P-224":               {ec.with("crv", `"P-224"`), keys.ErrUnsupported},
		"EC, P-256 called P-384":    {ec.with("crv", `"P-384"`), keys.ErrInvalidPoint},
		"EC, P-521 called P-256":    {p521.with("crv", `"P-256"`), keys.ErrInvalidPoint},
		"EC called RSA":             {ec.with("kty", `"RSA"`), keys.ErrMissing},
		"Ed25519 without x":         {ed.with("x", ""), keys.ErrMissing},
		"RSA without e":             {rsa.with("e", ""), keys.ErrMissing},
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
		"RSA without p":             {rsa.with("p", ""), keys.ErrMissing},
		"RSA with three primes":     {rsa.with("oth", `[{"r":"AQ","d":"AQ","t":"AQ"}]`), keys.ErrUnsupported},
		"without kty":               {ec.with("kty", ""), keys.ErrMalformed},
		"kty oct":                   {`{"kty":"oct","k":"c2VjcmV0LXNlY3JldA"}`, keys.ErrUnsupported},
		"kty in lower case":         {ec.with("kty", `"ec"`), keys.ErrUnsupported},
		"public":                    {ec.with("d", ""), keys.ErrNoPrivateKey},
	} {
		_, err := keys.Parse([]byte(c.text), keys.Options{})
		refused(t, err, c.rule, name, nil)
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi"} { // refused by size, before any arithmetic
		_, err := keys.Parse([]byte(rsa.with(name, b64(make([]byte, 257)))), keys.Options{})
		refused(t, err, keys.ErrInconsistent, name, nil)
		assert.ErrorContains(t, err, "longer than the modulus", name)
	}
	only := object{"kty": rsa["kty"], "n": rsa["n"], "e": rsa["e"], "d": rsa["d"]}
	_, err := keys.Parse([]byte(only.with("", "")), keys.Options{})
	refused(t, err, keys.ErrMissing, "RSA with d alone: crypto/rsa takes none", nil)
}

// The limits apply to JWK and DER.
func TestRSALimitsAreCheckedFirst(t *testing.T) {
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
		"e of 2^31+1":      {good, []byte{0x80, 0, 0, 1}, keys.ErrWeak},
		"e of 2^32+1":      {good, []byte{1, 0, 0, 0, 1}, keys.ErrWeak},
		"e of 2^64+1":      {good, []byte{1, 0, 0, 0, 0, 0, 0, 0, 1}, keys.ErrWeak},
		"e of 2^64+65537":  {good, []byte{1, 0, 0, 0, 0, 0, 1, 0, 1}, keys.ErrWeak},
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
			pkcs1, pkcs8 := derRSA(t, new(big.Int).SetBytes(c.n), new(big.Int).SetBytes(c.e))
			for _, der := range [][]byte{pkcs1, pkcs8} {
				rule := c.rule
				if len(der) > 8<<10 {
					rule = keys.ErrTooLarge
				}
				_, err = keys.Parse(der, keys.Options{})
				refused(t, err, rule, name, nil)
			}
		}
	}
	for name, c := range map[string][2][]byte{
		"8192 bits":   {number(8192, 1), e},
		"e of three":  {good, {3}},
		"e of 2^31-1": {good, {0x7f, 0xff, 0xff, 0xff}},
	} {
		_, err := keys.ParsePublic([]byte(`{"kty":"RSA","n":`+b64(c[0])+`,"e":`+b64(c[1])+`}`), keys.Options{})
		assert.NoError(t, err, name)
	}
}

func derRSA(t testing.TB, n, e *big.Int) (pkcs1, pkcs8 []byte) {
	one := big.NewInt(1)
	pkcs1, err := asn1.Marshal([]*big.Int{new(big.Int), n, e, one, one, one, one, one, one}) // RFC 8017 §A.1.2
	require.NoError(t, err)
	pkcs8, err = asn1.Marshal(struct { // RFC 5208 §5
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}{0, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, Parameters: asn1.NullRawValue}, pkcs1})
	require.NoError(t, err)
	return pkcs1, pkcs8
}
