package dpop_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hostile is a proof that a verifier must refuse, and the rule it breaks.
type hostile struct {
	proof string
	rule  error
}

func runHostile(t *testing.T, cases map[string]hostile) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { refuses(t, c.rule, with(c.proof)) })
	}
}

// wrongTypes returns proofs with members of the wrong type.
func wrongTypes() map[string]hostile {
	cases := make(map[string]hostile)
	for _, raw := range []string{`null`, `5`, `1e300`, `true`, `[]`, `["a"]`, `{}`, `{"a":1}`} {
		for _, name := range []string{"typ", "alg", "kid"} {
			cases["header "+name+" "+raw] = hostile{forge(goodHeader().with(name, raw).String(), goodClaims().String()), dpop.ErrProofMalformed}
		}
		rule := dpop.ErrProofMalformed
		if raw[0] == '{' {
			rule = dpop.ErrProofKey
		}
		cases["header jwk "+raw] = hostile{forge(goodHeader().with("jwk", raw).String(), goodClaims().String()), rule}
		cases["header crit "+raw] = hostile{forge(goodHeader().with("crit", raw).String(), goodClaims().String()), dpop.ErrProofCritical}
		for name := range goodJWK() {
			jwk := goodJWK().with(name, raw).String()
			cases["jwk "+name+" "+raw] = hostile{forge(goodHeader().with("jwk", jwk).String(), goodClaims().String()), dpop.ErrProofKey}
		}
		for _, name := range []string{"jti", "htm", "htu", "ath", "nonce", "iat", "exp", "nbf"} {
			if raw == "5" && (name == "iat" || name == "exp" || name == "nbf") {
				continue
			}
			cases["claim "+name+" "+raw] = hostile{forge(goodHeader().String(), goodClaims().with(name, raw).String()), dpop.ErrProofClaims}
		}
	}
	for _, raw := range []string{`"1700000000"`, `-1`, `-0`, `1700000000.5`, `1700000000.0`, `1.7e9`, `1e300`, `253402300800`, `9223372036854775808`, `18446744073709551616`} {
		cases["claim iat "+raw] = hostile{forge(goodHeader().String(), goodClaims().with("iat", raw).String()), dpop.ErrProofClaims}
	}
	return cases
}

func TestProofMemberOfTheWrongType(t *testing.T) { runHostile(t, wrongTypes()) }

// algorithms that are not what they seem.
func wrongAlgorithms() map[string]hostile {
	unsigned := func(alg string) string {
		return b64([]byte(goodHeader().with("alg", alg).String())) + "." + b64([]byte(goodClaims().String())) + "."
	}
	hs256 := b64([]byte(goodHeader().with("alg", `"HS256"`).String())) + "." + b64([]byte(goodClaims().String()))
	mac := hmac.New(sha256.New, []byte(goodJWK().String()))
	mac.Write([]byte(hs256))
	cases := map[string]hostile{
		"none":                                {unsigned(`"none"`), dpop.ErrProofAlgorithm},
		"None":                                {unsigned(`"None"`), dpop.ErrProofAlgorithm},
		"empty":                               {unsigned(`""`), dpop.ErrProofAlgorithm},
		"no signature":                        {unsigned(`"ES256"`), dpop.ErrProofSignature},
		"HS256 with the public key as secret": {hs256 + "." + b64(mac.Sum(nil)), dpop.ErrProofAlgorithm},
		"typ in another case":                 {forge(goodHeader().with("typ", `"DPoP+JWT"`).String(), goodClaims().String()), dpop.ErrProofType},
		"typ as a media type":                 {forge(goodHeader().with("typ", `"application/dpop+jwt"`).String(), goodClaims().String()), dpop.ErrProofType},
		"typ JWT":                             {forge(goodHeader().with("typ", `"JWT"`).String(), goodClaims().String()), dpop.ErrProofType},
	}
	for _, alg := range []string{"RS256", "PS256", "EdDSA", "Ed25519", "ES384", "ES512", "es256", "ES256K", "ES256 "} {
		cases[alg+" with a P-256 key"] = hostile{forge(goodHeader().with("alg", `"`+alg+`"`).String(), goodClaims().String()), dpop.ErrProofAlgorithm}
	}
	return cases
}

func TestProofAlgorithmNotOfTheKey(t *testing.T) { runHostile(t, wrongAlgorithms()) }

// EdDSA is the name of RFC 8037, Ed25519 that of RFC 9864.
func TestProofBothNamesOfEd25519(t *testing.T) {
	for _, alg := range []keys.Algorithm{keys.EdDSA, keys.Ed25519} {
		key, err := keys.Generate(alg)
		require.NoError(t, err)
		proof, err := dpop.Sign(t.Context(), key, dpop.Proof{URL: patients, AccessToken: keys.NewSecret(forgedToken)})
		require.NoError(t, err)
		r := with(proof)
		r.JKT = key.Thumbprint()
		takes(t, r)
	}
}

func wrongShapes() map[string]hostile {
	header, claims := goodHeader().String(), goodClaims().String()
	good := forge(header, claims)
	signed, signature := good[:strings.LastIndexByte(good, '.')], good[strings.LastIndexByte(good, '.')+1:]
	head, body, _ := strings.Cut(signed, ".")
	malformed := func(proof string) hostile { return hostile{proof, dpop.ErrProofMalformed} }
	inHeader := func(raw string) hostile {
		return malformed(forge(strings.Replace(header, "{", "{"+raw+",", 1), claims))
	}
	inClaims := func(raw string) hostile {
		return malformed(forge(header, strings.Replace(claims, "{", "{"+raw+",", 1)))
	}
	flattened, _ := json.Marshal(map[string]string{"protected": head, "payload": body, "signature": signature})
	return map[string]hostile{
		"unknown crit":          {forge(goodHeader().with("crit", `["exp"]`).with("exp", `1`).String(), claims), dpop.ErrProofCritical},
		"b64 false":             {forge(goodHeader().with("b64", `false`).with("crit", `["b64"]`).String(), claims), dpop.ErrProofCritical},
		"b64 alone":             {forge(goodHeader().with("b64", `true`).String(), claims), dpop.ErrProofCritical},
		"alg twice":             inHeader(`"alg":"none"`),
		"jwk twice":             inHeader(`"jwk":{}`),
		"typ twice, escaped":    inHeader(`"\u0074yp":"dpop+jwt"`),
		"unknown member twice":  inHeader(`"a":1,"a":2`),
		"ALG":                   inHeader(`"ALG":"none"`),
		"Crit":                  inHeader(`"Crit":["x"]`),
		"jwk with a Kelvin k":   inHeader(`"jw\u212a":{}`),
		"htu twice":             inClaims(`"htu":"https://other.example/"`),
		"HTU":                   inClaims(`"HTU":"https://other.example/"`),
		"jti twice, escaped":    inClaims(`"\u006ati":"other"`),
		"twice in a value":      inClaims(`"x":{"a":1,"a":2}`),
		"NUL in a claim":        inClaims(`"x":"\u0000"`),
		"half a surrogate pair": inClaims(`"x":"\ud800"`),
		"broken UTF-8":          inClaims("\"x\":\"\xc3\x28\""),
		"nested 1000 deep":      inClaims(`"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000)),
		"nested 20000 deep":     {forge(header, strings.Replace(claims, "{", `{"x":`+strings.Repeat("[", 20000)+strings.Repeat("]", 20000)+",", 1)), dpop.ErrProofTooLarge},
		"leading zero":          inClaims(`"x":01`),
		"plus sign":             inClaims(`"x":+1`),
		"Infinity":              inClaims(`"x":Infinity`),
		"trailing value":        malformed(forge(header, claims+"{}")),
		"trailing comma":        malformed(forge(header, strings.TrimSuffix(claims, "}")+",}")),
		"payload is an array":   malformed(forge(header, "["+claims+"]")),
		"payload is a string":   malformed(forge(header, `"`+b64([]byte(claims))+`"`)),
		"payload is empty":      malformed(forge(header, "")),
		"header is empty":       malformed(forge("", claims)),
		"header is null":        malformed(forge("null", claims)),
		"byte order mark":       malformed(forge("\ufeff"+header, claims)),
		"UTF-16":                malformed(forge("{\x00}\x00", claims)),
		"padding":               malformed(signed + "." + signature + "=="),
		"newline":               malformed(head + "\n." + body + "." + signature),
		"line end within":       malformed(head[:8] + "\r\n" + head[8:] + "." + body + "." + signature),
		"space":                 malformed(" " + good),
		"standard alphabet":     malformed(signed + ".+/" + signature[2:]),
		"tail bits":             malformed(signed + "." + tailBits(signature)),
		"one part":              malformed(head),
		"two parts":             malformed(signed),
		"four parts":            malformed(good + "." + signature),
		"five parts, as JWE":    malformed("a.b.c.d.e"),
		"dots only":             malformed(strings.Repeat(".", 8000)),
		"megabytes of dots":     {strings.Repeat(".", 3<<20), dpop.ErrProofTooLarge},
		"JSON serialization":    {string(flattened), dpop.ErrProofMany}, // because of its commas
		"one part in JSON":      malformed(`{"protected":"` + head + `"}`),
		"too long a jti":        {forge(header, goodClaims().with("jti", `"`+strings.Repeat("a", 257)+`"`).String()), dpop.ErrProofClaims},
		"empty jti":             {forge(header, goodClaims().with("jti", `""`).String()), dpop.ErrProofClaims},
	}
}

// tailBits sets an unused bit of the last base64url character.
func tailBits(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, text[len(text)-1])
	return text[:len(text)-1] + alphabet[last|1:last|1+1]
}

func TestAmbiguousProof(t *testing.T) { runHostile(t, wrongShapes()) }

func TestProofWithEscapes(t *testing.T) {
	claims := goodClaims().with("htu", `"https:\/\/api.example.no\/\u0070atients"`).with("jti", `"a\"\\\n\ud83d\ude00"`)
	checked, err := (&dpop.Verifier{Replay: &dpop.Memory{}}).Check(t.Context(), with(forge(goodHeader().String(), claims.String())))
	require.NoError(t, err)
	assert.Equal(t, "a\"\\\n😀", checked.ID)
}
