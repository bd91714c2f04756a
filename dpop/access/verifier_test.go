package access_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/access"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// go-jose makes tokens with every algorithm.
func TestVerifierAccepts(t *testing.T) {
	for _, alg := range []keys.Algorithm{
		keys.RS256, keys.RS384, keys.RS512, keys.PS256, keys.PS384, keys.PS512, keys.ES256, keys.ES384, keys.ES512, keys.EdDSA,
	} {
		key := testKey(t, alg, 1)
		claims := good(map[string]any{"cnf": map[string]any{"jkt": key.Thumbprint()}})
		v := newServer(key).verifier()
		for range 2 { // the second time from the cache
			got, err := v.Token(t.Context(), sign(t, key, nil, claims))
			require.NoError(t, err, alg)
			var all map[string]any
			require.NoError(t, json.Unmarshal(got.Claims, &all))
			assert.Equal(t, "1", all["jti"])
			assert.Equal(t, &dpop.Token{
				Issuer: issuer, Subject: "kari", ClientID: "client-1", Audience: []string{audience}, Scopes: []string{"read", "write"},
				Expires: time.Unix(claims["exp"].(int64), 0), JKT: key.Thumbprint(),
			}, bare(got))
		}
	}
}

// Key and header may each use the name of RFC 8037 or that of RFC 9864.
func TestVerifierTakesBothNamesOfEd25519(t *testing.T) {
	names := []keys.Algorithm{keys.EdDSA, keys.Ed25519}
	for _, published := range names {
		key, err := testKey(t, keys.EdDSA, 1).With(keys.Options{Algorithm: published})
		require.NoError(t, err)
		private, err := key.PrivateJOSE()
		require.NoError(t, err)
		v := newServer(key).verifier()
		require.Contains(t, string(key.PublicKey().JWK()), `"alg":"`+string(published)+`"`)
		for _, named := range names {
			header, err := json.Marshal(map[string]any{"typ": "at+jwt", "alg": named, "kid": key.KeyID()})
			require.NoError(t, err)
			claims, err := json.Marshal(good(nil))
			require.NoError(t, err)
			signed := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(claims)
			signature := ed25519.Sign(private.Key.(ed25519.PrivateKey), []byte(signed))
			_, err = v.Token(t.Context(), signed+"."+base64.RawURLEncoding.EncodeToString(signature))
			require.NoError(t, err, "published as %s, signed as %s", published, named)
		}
	}
}

// bare returns t without the claims, which are compared separately.
func bare(t *dpop.Token) *dpop.Token { c := *t; c.Claims = nil; return &c }

// Servers encode the same claims in different ways.
func TestVerifierAcceptsVariants(t *testing.T) {
	key := testKey(t, keys.ES256, 1)
	v := newServer(key).verifier()
	for name, c := range map[string]struct {
		header, claims map[string]any
		want           func(*dpop.Token) any
		is             any
	}{
		"scope as an array, as Duende's server": {nil, map[string]any{"scope": []string{"a", "b"}}, func(t *dpop.Token) any { return t.Scopes }, []string{"a", "b"}},
		"scp, as Okta's":                        {nil, map[string]any{"scope": nil, "scp": []string{"a"}}, func(t *dpop.Token) any { return t.Scopes }, []string{"a"}},
		"no scope":                              {nil, map[string]any{"scope": nil}, func(t *dpop.Token) any { return len(t.Scopes) }, 0},
		"an empty scope":                        {nil, map[string]any{"scope": ""}, func(t *dpop.Token) any { return len(t.Scopes) }, 0},
		"azp, as Keycloak's":                    {nil, map[string]any{"client_id": nil, "azp": "app"}, func(t *dpop.Token) any { return t.ClientID }, "app"},
		"cid, as Okta's":                        {nil, map[string]any{"client_id": nil, "cid": "app"}, func(t *dpop.Token) any { return t.ClientID }, "app"},
		"several audiences":                     {nil, map[string]any{"aud": []string{"x", audience}}, func(t *dpop.Token) any { return t.Audience }, []string{"x", audience}},
		"exp with a fraction":                   {nil, map[string]any{"exp": json.Number("4102444800.75")}, func(t *dpop.Token) any { return t.Expires.Unix() }, int64(4102444800)},
		"the whole media type":                  {map[string]any{"typ": "application/AT+JWT"}, nil, func(t *dpop.Token) any { return t.Subject }, "kari"},
		"no kid, one key":                       {map[string]any{"kid": nil}, nil, func(t *dpop.Token) any { return t.Subject }, "kari"},
		"keys and URLs in the header":           {map[string]any{"jku": "https://evil.example/", "x5u": "https://evil.example/", "jwk": map[string]any{"kty": "EC"}}, nil, func(t *dpop.Token) any { return t.Subject }, "kari"},
		"a certificate's hash":                  {nil, map[string]any{"cnf": map[string]any{"x5t#S256": key.Thumbprint()}}, func(t *dpop.Token) any { return t.X5T }, key.Thumbprint()},
	} {
		token, err := v.Token(t.Context(), sign(t, key, c.header, good(c.claims)))
		if assert.NoError(t, err, name) {
			assert.Equal(t, c.is, c.want(token), name)
		}
	}
}

// Each token has one invalid claim or header member and is otherwise valid.
func TestVerifierRefuses(t *testing.T) {
	now := time.Now().Unix()
	key, hash := testKey(t, keys.ES256, 1), testKey(t, keys.ES256, 2).Thumbprint()
	type row struct {
		name           string
		header, claims map[string]any
		rule           error
	}
	rows := []row{
		{"no typ", map[string]any{"typ": nil}, nil, access.ErrType},
		{"typ JWT", map[string]any{"typ": "JWT"}, nil, access.ErrType},
		{"typ of an ID token's encryption", map[string]any{"typ": "dpop+jwt"}, nil, access.ErrType},
		{"typ of a logout token", map[string]any{"typ": "logout+jwt"}, nil, access.ErrType},
		{"crit", map[string]any{"crit": []string{"exp"}, "exp": 1}, nil, access.ErrMalformed},
		{"crit empty", map[string]any{"crit": []string{}}, nil, access.ErrMalformed},
		{"b64", map[string]any{"b64": true}, nil, access.ErrMalformed},
		{"zip", map[string]any{"zip": "DEF"}, nil, access.ErrMalformed},
		{"kid unknown", map[string]any{"kid": "x"}, nil, access.ErrKey},
		{"kid with a line break", map[string]any{"kid": "x\ny"}, nil, access.ErrMalformed},
		{"iss missing", nil, map[string]any{"iss": nil}, access.ErrClaim},
		{"iss of another", nil, map[string]any{"iss": issuer + "/"}, access.ErrIssuer},
		{"aud missing", nil, map[string]any{"aud": nil}, access.ErrClaim},
		{"aud empty", nil, map[string]any{"aud": []string{}}, access.ErrClaim},
		{"aud of another", nil, map[string]any{"aud": "https://API.example.com"}, access.ErrAudience},
		{"aud with a null", nil, map[string]any{"aud": []any{audience, nil}}, access.ErrClaim},
		{"aud with a number", nil, map[string]any{"aud": []any{audience, 1}}, access.ErrClaim},
		{"sub missing", nil, map[string]any{"sub": nil}, access.ErrClaim},
		{"sub with a control character", nil, map[string]any{"sub": "a\x7f"}, access.ErrClaim},
		{"client_id missing", nil, map[string]any{"client_id": nil}, access.ErrClaim},
		{"exp missing", nil, map[string]any{"exp": nil}, access.ErrClaim},
		{"exp as text", nil, map[string]any{"exp": "4102444800"}, access.ErrClaim},
		{"exp with an exponent", nil, map[string]any{"exp": json.Number("4e9")}, access.ErrClaim},
		{"exp huge", nil, map[string]any{"exp": json.Number("1e300")}, access.ErrClaim},
		{"exp beyond 63 bits", nil, map[string]any{"exp": json.Number("99999999999999999999")}, access.ErrClaim},
		{"exp negative", nil, map[string]any{"exp": -1}, access.ErrClaim},
		{"exp zero", nil, map[string]any{"exp": 0}, access.ErrExpired},
		{"exp past", nil, map[string]any{"exp": now - 11}, access.ErrExpired},
		{"iat missing", nil, map[string]any{"iat": nil}, access.ErrClaim},
		{"iat to come", nil, map[string]any{"iat": now + 60}, access.ErrNotYet},
		{"nbf to come", nil, map[string]any{"nbf": now + 60}, access.ErrNotYet},
		{"scope with a number", nil, map[string]any{"scope": []any{"a", 1}}, access.ErrClaim},
		{"cnf null", nil, map[string]any{"cnf": json.RawMessage("null")}, access.ErrBinding},
		{"cnf empty", nil, map[string]any{"cnf": map[string]any{}}, access.ErrBinding},
		{"cnf text", nil, map[string]any{"cnf": hash}, access.ErrBinding},
		{"cnf with a jwk alone", nil, map[string]any{"cnf": map[string]any{"jwk": map[string]any{}}}, access.ErrBinding},
		{"jkt null", nil, map[string]any{"cnf": json.RawMessage(`{"jkt":null}`)}, access.ErrBinding},
		{"jkt empty", nil, map[string]any{"cnf": map[string]any{"jkt": ""}}, access.ErrBinding},
		{"jkt a number", nil, map[string]any{"cnf": map[string]any{"jkt": 1}}, access.ErrBinding},
		{"jkt a list", nil, map[string]any{"cnf": map[string]any{"jkt": []string{hash}}}, access.ErrBinding},
		{"jkt short", nil, map[string]any{"cnf": map[string]any{"jkt": hash[:42]}}, access.ErrBinding},
		{"jkt padded", nil, map[string]any{"cnf": map[string]any{"jkt": hash + "="}}, access.ErrBinding},
		{"jkt with bits left over", nil, map[string]any{"cnf": map[string]any{"jkt": strings.Repeat("A", 42) + "B"}}, access.ErrBinding},
		{"jkt in another case", nil, map[string]any{"cnf": map[string]any{"JKT": hash}}, access.ErrBinding},
		{"x5t#S256 empty beside a jkt", nil, map[string]any{"cnf": map[string]any{"jkt": hash, "x5t#S256": ""}}, access.ErrBinding},
	}
	for _, name := range []string{"iss", "sub", "aud", "exp", "iat", "nbf", "client_id", "scope", "cnf"} {
		for _, value := range []string{"1.5e3", "null", "[1]", `{"a":1}`, "true", `"\n"`} {
			rule := access.ErrClaim
			if name == "cnf" {
				rule = access.ErrBinding
			}
			rows = append(rows, row{name + " is " + value, nil, map[string]any{name: json.RawMessage(value)}, rule})
		}
	}
	for _, name := range []string{"typ", "kid"} {
		for _, value := range []string{"1", "[]", "{}", "true", "null"} {
			rows = append(rows, row{name + " is " + value, map[string]any{name: json.RawMessage(value)}, nil, access.ErrMalformed})
		}
	}
	v := newServer(key).verifier()
	for _, r := range rows {
		token := sign(t, key, r.header, good(r.claims))
		got, err := v.Token(t.Context(), token)
		assert.Nil(t, got, r.name)
		assertRefused(t, err, r.rule, token, r.name)
	}
}

// assertRefused checks the rule, that the issuer is not reported as unavailable, and
// that the text holds no part of the token.
func assertRefused(t *testing.T, err error, rule error, token, name string) {
	t.Helper()
	require.ErrorIs(t, err, rule, name)
	assert.ErrorIs(t, err, dpop.ErrInvalidToken, name)
	for part := range strings.SplitSeq(token, ".") {
		if len(part) >= 8 {
			assert.NotContains(t, err.Error(), part, name)
		}
	}
}

// Malformed tokens, as in the tests of proofs. None causes a request to the issuer.
func TestVerifierRefusesForms(t *testing.T) {
	key := testKey(t, keys.ES256, 1)
	encode := base64.RawURLEncoding.EncodeToString
	token := sign(t, key, nil, good(nil))
	parts := strings.Split(token, ".")
	claims, err := json.Marshal(good(nil))
	require.NoError(t, err)
	head := func(header string) string { return encode([]byte(header)) + "." + parts[1] + "." + parts[2] }
	body := func(payload string) string { return parts[0] + "." + encode([]byte(payload)) + "." + parts[2] }
	hmacSigner, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: key.PublicKey().JWK()}, (&jose.SignerOptions{}).WithType("at+jwt"))
	require.NoError(t, err)
	mac, err := hmacSigner.Sign(claims)
	require.NoError(t, err)
	hmac, err := mac.CompactSerialize()
	require.NoError(t, err)

	s := newServer(key)
	v := s.verifier()
	for name, c := range map[string]struct {
		token string
		rule  error
	}{
		"nothing":                        {"", access.ErrMalformed},
		"one part":                       {"a", access.ErrMalformed},
		"two parts":                      {parts[0] + "." + parts[1], access.ErrMalformed},
		"four parts":                     {token + ".YQ", access.ErrMalformed},
		"five parts, a JWE":              {token + ".YQ.YQ", access.ErrMalformed},
		"dots":                           {"..", access.ErrMalformed},
		"a megabyte of dots":             {strings.Repeat(".", 1<<20), access.ErrMalformed},
		"JSON serialization":             {mac.FullSerialize(), access.ErrMalformed},
		"padding":                        {token + "=", access.ErrMalformed},
		"a line end":                     {parts[0] + ".\n" + parts[1] + "." + parts[2], access.ErrMalformed},
		"the standard alphabet":          {parts[0] + "." + parts[1] + "." + strings.Repeat("+", 86), access.ErrMalformed},
		"header no object":               {head("[]"), access.ErrMalformed},
		"header empty":                   {head("{}"), access.ErrType},
		"header with alg twice":          {head(`{"typ":"at+jwt","alg":"none","alg":"ES256"}`), access.ErrMalformed},
		"header with more behind":        {head(`{"typ":"at+jwt","alg":"ES256"} {}`), access.ErrMalformed},
		"header with broken UTF-8":       {head("{\"typ\":\"at+jwt\",\"alg\":\"ES256\",\"kid\":\"\xff\"}"), access.ErrMalformed},
		"header with NUL":                {head(`{"typ":"at+jwt","alg":"ES256","kid":"\u0000"}`), access.ErrMalformed},
		"header nested deeply":           {head(`{"typ":"at+jwt","alg":"ES256","x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}"), access.ErrMalformed},
		"alg none":                       {head(`{"typ":"at+jwt","alg":"none"}`), access.ErrAlgorithm},
		"alg None":                       {head(`{"typ":"at+jwt","alg":"None"}`), access.ErrAlgorithm},
		"alg missing":                    {head(`{"typ":"at+jwt"}`), access.ErrAlgorithm},
		"alg a number":                   {head(`{"typ":"at+jwt","alg":256}`), access.ErrMalformed},
		"alg in the wrong case":          {head(`{"typ":"at+jwt","ALG":"ES256"}`), access.ErrAlgorithm},
		"HMAC by the public key":         {hmac, access.ErrAlgorithm},
		"none without a signature":       {encode([]byte(`{"typ":"at+jwt","alg":"none"}`)) + "." + parts[1] + ".", access.ErrAlgorithm},
		"payload no object":              {body(`"x"`), access.ErrMalformed},
		"payload with exp twice":         {body(string(claims[:len(claims)-1]) + `,"exp":4102444800}`), access.ErrMalformed},
		"payload with a member in twice": {body(string(claims[:len(claims)-1]) + `,"x":{"a":1,"a":2}}`), access.ErrMalformed},
		"claims in the wrong case":       {body(strings.Replace(string(claims), `"aud"`, `"AUD"`, 1)), access.ErrClaim},
	} {
		got, err := v.Token(t.Context(), c.token)
		assert.Nil(t, got, name)
		assertRefused(t, err, c.rule, c.token, name)
	}
	assert.Zero(t, s.asked.Load(), "nobody was asked")

	for name, forged := range map[string]string{
		"another signature":          parts[0] + "." + parts[1] + "." + encode(make([]byte, 64)), // r = s = 0
		"no signature":               parts[0] + "." + parts[1] + ".",
		"a long signature":           parts[0] + "." + parts[1] + "." + encode(make([]byte, 65)),
		"other claims":               body(string(claims[:len(claims)-1]) + `,"x":1}`),
		"by another key of that kid": sign(t, testKey(t, keys.ES256, 2), map[string]any{"kid": key.KeyID()}, good(nil)),
	} {
		assertRefused(t, check(t.Context(), v, forged), access.ErrSignature, forged, name)
	}
	foreign := sign(t, testKey(t, keys.ES384, 1), map[string]any{"kid": key.KeyID()}, good(nil))
	assertRefused(t, check(t.Context(), v, foreign), access.ErrAlgorithm, foreign, "alg of another curve")
}

// An RSA key published for RS256 does not verify PS256, and the Verifier does not try
// several keys.
func TestVerifierUsesTheAlgorithmOfTheKey(t *testing.T) {
	rsa := testKey(t, keys.RS256, 1)
	pss, err := rsa.With(keys.Options{Algorithm: keys.PS256})
	require.NoError(t, err)
	v := newServer(rsa, testKey(t, keys.RS256, 2), testKey(t, keys.ES256, 1)).verifier()
	require.NoError(t, check(t.Context(), v, sign(t, rsa, nil, good(nil))))
	require.ErrorIs(t, check(t.Context(), v, sign(t, pss, nil, good(nil))), access.ErrAlgorithm)
	require.ErrorIs(t, check(t.Context(), v, sign(t, rsa, map[string]any{"kid": nil}, good(nil))), access.ErrMalformed)
	require.NoError(t, check(t.Context(), v, sign(t, testKey(t, keys.ES256, 1), map[string]any{"kid": nil}, good(nil))))
}

// PlainType accepts Keycloak's access tokens but none of its other tokens.
func TestPlainType(t *testing.T) {
	key := testKey(t, keys.ES256, 1)
	v := newServer(key).verifier()
	v.PlainType = true
	for typ, rule := range map[string]error{"Bearer": nil, "DPoP": nil, "ID": access.ErrType, "Refresh": access.ErrType, "Offline": access.ErrType, "Logout": access.ErrType} {
		for _, header := range []any{"JWT", nil} {
			require.ErrorIs(t, check(t.Context(), v, sign(t, key, map[string]any{"typ": header}, good(map[string]any{"typ": typ}))), rule, typ)
		}
	}
	require.NoError(t, check(t.Context(), v, sign(t, key, map[string]any{"typ": "JWT"}, good(nil))))
	require.NoError(t, check(t.Context(), v, sign(t, key, nil, good(nil))), "at+jwt is taken still")
	require.ErrorIs(t, check(t.Context(), v, sign(t, key, map[string]any{"typ": "dpop+jwt"}, good(nil))), access.ErrType)

	v = newServer(key).verifier()
	require.EqualError(t, check(t.Context(), v, sign(t, key, map[string]any{"typ": "JWT"}, good(nil))),
		"access: a token of another type: typ is JWT or missing: set PlainType, or have the issuer make at+jwt")
}

// Of servers whose ID and logout tokens do not say what they are, PlainType refuses
// those that show it. It accepts the access tokens of Keycloak before 25.0, which
// have the nonce of the login, and Okta's.
func TestPlainTypeRefusesOtherTokens(t *testing.T) {
	key := testKey(t, keys.ES256, 1)
	v := newServer(key).verifier()
	v.PlainType = true
	for _, header := range []any{"JWT", nil} {
		plain := map[string]any{"typ": header}
		for _, name := range []string{"nonce", "at_hash", "c_hash", "s_hash", "events"} {
			for _, typ := range []any{nil, "Bearer"} {
				token := sign(t, key, plain, good(map[string]any{name: "x", "auth_time": 1, "typ": typ}))
				if name == "nonce" && typ != nil {
					require.NoError(t, check(t.Context(), v, token), "an old Keycloak's")
					continue
				}
				assertRefused(t, check(t.Context(), v, token), access.ErrType, token, name)
			}
		}
		okta := map[string]any{"ver": 1, "cid": "0oa1", "client_id": nil, "uid": "00u1", "auth_time": 1, "scope": nil, "scp": []string{"a"}}
		require.NoError(t, check(t.Context(), v, sign(t, key, plain, good(okta))))
	}
	require.NoError(t, check(t.Context(), v, sign(t, key, nil, good(map[string]any{"nonce": "x"}))), "at+jwt says what it is")
}

// TestTimes checks both limits of exp, nbf and iat, and that the cache keeps no
// token past its expiry.
func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := testKey(t, keys.ES256, 1)
		v := newServer(key).verifier()
		start := time.Now().Unix()
		at := func(d time.Duration) { time.Sleep(time.Until(time.Unix(start, 0).Add(d))) }
		early := sign(t, key, nil, good(map[string]any{"iat": start + 20, "nbf": start + 30, "exp": start + 60}))
		at(20*time.Second - 1)
		require.ErrorIs(t, check(t.Context(), v, early), access.ErrNotYet)
		at(20 * time.Second)
		require.NoError(t, check(t.Context(), v, early))
		at(70*time.Second - 1)
		require.NoError(t, check(t.Context(), v, early))
		at(70 * time.Second)
		require.ErrorIs(t, check(t.Context(), v, early), access.ErrExpired)
		require.ErrorIs(t, check(t.Context(), &access.Verifier{Issuer: v.Issuer, Audiences: v.Audiences, Base: v.Base, Leeway: time.Hour},
			sign(t, key, nil, good(map[string]any{"exp": start - 231}))), access.ErrExpired, "leeway is 5 min at most")
	})
}

func TestVerifierConfig(t *testing.T) {
	for _, v := range []*access.Verifier{{}, {Issuer: issuer}, {Audiences: []string{"a"}}, {Issuer: issuer, Audiences: []string{""}}} {
		err := check(t.Context(), v, "x")
		require.ErrorIs(t, err, access.ErrConfig)
		require.ErrorIs(t, (&dpop.Middleware{Tokens: v, Proofs: &dpop.Verifier{Replay: &dpop.Memory{}}, BaseURL: audience}).Validate(), access.ErrConfig)
		require.ErrorIs(t, err, dpop.ErrConfig)
		assert.NotErrorIs(t, err, dpop.ErrInvalidToken)
	}
	// URLs that no key is fetched from. An issuer that is not asked may have any name.
	audiences := []string{"a"}
	for name, c := range map[string]struct {
		issuer, jwks, text string
	}{
		"http":                    {"http://as.example.com", "", "Issuer is not an https URL without a query, and the keys are found by it"},
		"no scheme":               {"as.example.com", "", "Issuer is not an https URL without a query, and the keys are found by it"},
		"a query":                 {issuer + "?a", "", "Issuer is not an https URL without a query, and the keys are found by it"},
		"a user":                  {"https://u:hunter2@as.example.com", "", "Issuer is not an https URL without a query, and the keys are found by it"},
		"keys over http":          {issuer, "http://as.example.com/jwks", "JWKSURI is not an https URL"},
		"keys at a path":          {issuer, "/jwks", "JWKSURI is not an https URL"},
		"loopback":                {"http://127.0.0.1:8080", "", ""},
		"a name, and keys by URL": {"as.example.com", "https://as.example.com/jwks", ""},
	} {
		err := (&access.Verifier{Issuer: c.issuer, JWKSURI: c.jwks, Audiences: audiences}).Validate()
		if c.text == "" {
			require.NoError(t, err, name)
			continue
		}
		require.EqualError(t, err, "access: incomplete configuration: "+c.text, name)
		require.ErrorIs(t, err, dpop.ErrConfig, name)
	}
	assert.Equal(t, "access.Verifier access.Introspector", fmt.Sprintf("%+v %+v", &access.Verifier{}, &access.Introspector{}))
}
