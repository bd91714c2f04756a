package helseidtest_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const secretPath = "/v1/client-secret"

func TestSelfServiceTakesBothForms(t *testing.T) {
	s := newStranger(t, nil)
	token := s.token(nil)
	key := jwk(t, newEC(t, elliptic.P256()).Public(), "object")
	a := s.call("POST", secretPath, token, string(key))
	require.Equal(t, 200, a.status, a.object)
	expires, err := time.Parse(time.RFC3339, a.object["expiration"].(string))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(90*24*time.Hour), expires, time.Minute)

	key = jwk(t, rsaKey().Public(), "text")
	a = s.call("POST", secretPath, token, string(mustJSON(t, string(key))))
	require.Equal(t, 200, a.status, a.object)

	a = s.call("GET", secretPath, token, "")
	require.Equal(t, 200, a.status)
	var rows []object
	require.NoError(t, json.Unmarshal(a.body, &rows))
	require.Len(t, rows, 3)
	assert.Equal(t, object{"expiration": nil, "kid": s.kid, "jwkThumbprint": thumbprint(t, s.key.(crypto.Signer).Public()), "origin": "Gui", "publicJwk": nil}, rows[0])
	assert.Equal(t, "object", rows[1]["kid"])
	assert.Equal(t, thumbprint(t, rsaKey().Public()), rows[2]["jwkThumbprint"])
	assert.Equal(t, "Api", rows[2]["origin"])
	assert.JSONEq(t, string(key), rows[2]["publicJwk"].(string))
	assert.Equal(t, 2, s.server.Counts().Registrations)
	assert.Len(t, s.server.Keys(clientID), 3)
}

func TestSelfServiceRefusesKeys(t *testing.T) {
	s := newStranger(t, nil)
	token := s.token(nil)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	ec := newEC(t, elliptic.P256())
	with := func(members string) string {
		return strings.TrimSuffix(string(jwk(t, ec.Public(), "k")), "}") + "," + members + "}"
	}
	coordinates := strings.Repeat("A", 43)
	for name, c := range map[string]struct {
		body   string
		status int
		rule   helseidtest.Refusal
	}{
		"empty":                 {"", 400, helseidtest.KeyMalformed},
		"not JSON":              {"key", 400, helseidtest.KeyMalformed},
		"a list":                {"[]", 400, helseidtest.KeyMalformed},
		"text in text":          {string(mustJSON(t, string(mustJSON(t, with(`"x5t":"a"`))))), 400, helseidtest.KeyMalformed},
		"a member twice":        {with(`"kty":"EC"`), 400, helseidtest.KeyMalformed},
		"trailing text":         {with(`"x5t":"a"`) + "{}", 400, helseidtest.KeyMalformed},
		"private key":           {string(mustJSON(t, jose.JSONWebKey{Key: ec, KeyID: "k"})), 400, helseidtest.KeyPrivate},
		"private key as text":   {string(mustJSON(t, string(mustJSON(t, jose.JSONWebKey{Key: rsaKey(), KeyID: "k"})))), 400, helseidtest.KeyPrivate},
		"a lone private part":   {with(`"p":"AQ"`), 400, helseidtest.KeyPrivate},
		"symmetric":             {`{"kty":"oct","kid":"k","k":"AAAA"}`, 400, helseidtest.KeyPrivate},
		"RSA of 1024 bits":      {string(jwk(t, small.Public(), "k")), 400, helseidtest.KeyWeak},
		"RSA, even modulus":     {string(jwk(t, &rsa.PublicKey{N: new(big.Int).Add(rsaKey().N, big.NewInt(1)), E: 65537}, "k")), 400, helseidtest.KeyWeak},
		"RSA exponent 1":        {string(jwk(t, &rsa.PublicKey{N: rsaKey().N, E: 1}, "k")), 400, helseidtest.KeyWeak},
		"Ed25519":               {string(jwk(t, edwards, "k")), 400, helseidtest.KeyRefused},
		"no kid":                {string(jwk(t, ec.Public(), "")), 400, helseidtest.KeyRefused},
		"for encryption":        {string(mustJSON(t, jose.JSONWebKey{Key: ec.Public(), KeyID: "k", Use: "enc"})), 400, helseidtest.KeyRefused},
		"key_ops of another":    {with(`"key_ops":["encrypt"]`), 400, helseidtest.KeyRefused},
		"alg of another curve":  {with(`"alg":"ES384"`), 400, helseidtest.KeyRefused},
		"point off the curve":   {`{"kty":"EC","crv":"P-256","kid":"k","x":"` + coordinates + `","y":"` + coordinates + `"}`, 400, helseidtest.KeyMalformed},
		"another curve":         {`{"kty":"EC","crv":"secp256k1","kid":"k","x":"AA","y":"AA"}`, 400, helseidtest.KeyRefused},
		"a short coordinate":    {`{"kty":"EC","crv":"P-256","kid":"k","x":"AA","y":"` + coordinates + `"}`, 400, helseidtest.KeyMalformed},
		"RSA without e":         {`{"kty":"RSA","kid":"k","n":"AQAB"}`, 400, helseidtest.KeyMalformed},
		"RSA of a leading zero": {`{"kty":"RSA","kid":"k","n":"AAEA","e":"AQAB"}`, 400, helseidtest.KeyMalformed},
		"the same key":          {string(jwk(t, s.key.(crypto.Signer).Public(), "k")), 409, helseidtest.KeyDuplicate},
		"the same kid":          {string(jwk(t, ec.Public(), s.kid)), 409, helseidtest.KeyDuplicate},
		"over 64 KiB":           {strings.Repeat(" ", 65<<10), 413, helseidtest.KeyMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.server.Counts()
			a := s.call("POST", secretPath, token, c.body)
			require.Equal(t, c.status, a.status, a.object)
			assert.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
			assert.EqualValues(t, c.status, a.object["status"])
			assert.Equal(t, string(c.rule), a.object["detail"])
			s.refusedOnce(t, before, c.rule)
		})
	}
	assert.Len(t, s.server.Keys(clientID), 1)

	h := http.Header{
		"Authorization": {"DPoP " + token}, "Content-Type": {"text/plain"},
		"Dpop": {s.proofFor("POST", secretPath, token, nil, nil)},
	}
	assert.Equal(t, 415, s.send("POST", secretPath, h, string(jwk(t, ec.Public(), "k"))).status)
	assert.Equal(t, 401, s.callWith("POST", secretPath, "", string(jwk(t, ec.Public(), "k"))).status)
	assert.Panics(t, func() { s.server.AddClient(clientID, public(t, "EdDSA", edwards, "k")) })
}

func TestAPIsRefuseTokensAndProofs(t *testing.T) {
	s := newStranger(t, nil)
	token := s.token(nil)
	form := s.form(s.assertion(nil, nil))
	form.Set("scope", "nhn:api/read")
	narrow := s.ask(form, s.proofFor("POST", tokenPath, "", nil, nil)).object["access_token"].(string)
	now := time.Now().Unix()
	const path = "/v1/client-secret"
	good := func(token string) string { return s.proofFor("GET", path, token, nil, nil) }
	own := s.proof
	s.proof = newEC(t, elliptic.P256())
	stolen := good(token)
	s.proof = own
	for name, c := range map[string]struct {
		authorization string
		proof         string
		status        int
		rule          helseidtest.Refusal
	}{
		"no token":                {"", good(""), 401, helseidtest.TokenMissing},
		"scheme Bearer":           {"Bearer " + token, good(token), 401, helseidtest.TokenMissing},
		"a token of another":      {"DPoP x.e30.z", good("x.e30.z"), 401, helseidtest.TokenInvalid},
		"a token of no JSON":      {"DPoP x.AA.z", good("x.AA.z"), 401, helseidtest.TokenInvalid},
		"a changed token":         {"DPoP " + repayload(t, token, `{"client_id":"other"}`), good(token), 401, helseidtest.TokenInvalid},
		"a proof without ath":     {"DPoP " + token, good(""), 401, helseidtest.ProofToken},
		"ath of another token":    {"DPoP " + token, good(narrow), 401, helseidtest.ProofToken},
		"a proof by another key":  {"DPoP " + token, stolen, 401, helseidtest.ProofBinding},
		"a proof for POST":        {"DPoP " + token, s.proofFor("POST", path, token, nil, nil), 401, helseidtest.ProofMethod},
		"a proof for another URL": {"DPoP " + token, s.proofFor("GET", "/api/patients", token, nil, nil), 401, helseidtest.ProofURL},
		"a proof 10 s old":        {"DPoP " + token, s.proofFor("GET", path, token, nil, object{"iat": now - 10}), 401, helseidtest.ProofTime},
		"another scope":           {"DPoP " + narrow, good(narrow), 403, helseidtest.TokenScope},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.server.Counts()
			a := s.callWith("GET", path, c.authorization, "", c.proof)
			require.Equal(t, c.status, a.status)
			assert.Empty(t, a.body)
			if c.status == 401 {
				assert.Contains(t, a.header.Get("WWW-Authenticate"), `DPoP error="`)
			}
			s.refusedOnce(t, before, c.rule)
		})
	}
	assert.Zero(t, s.server.Counts().Lists)
	assert.Equal(t, 401, s.callWith("GET", path, "DPoP "+token, "").status, "no proof at all")
	assert.Equal(t, 200, s.call("GET", path, token, "").status)
	s.server.Advance(11 * time.Minute)
	assert.Equal(t, 401, s.call("GET", path, token, "").status)
	assert.Equal(t, 1, s.server.Counts().Refused[helseidtest.TokenExpired])
}

func TestReplacement(t *testing.T) {
	for name, c := range map[string]struct {
		mode         helseidtest.Replacement
		atOnce, soon bool // does the earlier key of origin Api live at once, and a minute after?
	}{
		"keep":    {helseidtest.Keep, true, true},
		"at once": {helseidtest.AtOnce, false, false},
		"later":   {helseidtest.Later, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStranger(t, func(s *helseidtest.Server) { s.Replace, s.ReplaceAfter = c.mode, 30*time.Second })
			byHand := s.key
			token := s.token(nil)
			first, second := newEC(t, elliptic.P256()), newEC(t, elliptic.P256())
			require.Equal(t, 200, s.call("POST", secretPath, token, string(jwk(t, first.Public(), "first"))).status)
			require.Equal(t, 200, s.call("POST", secretPath, token, string(jwk(t, second.Public(), "second"))).status)
			accepted := func(key any, kid string) bool {
				assertion := sign(t, jose.ES256, key, false, object{"typ": "client-authentication+jwt", "kid": kid}, s.assertionClaims(nil))
				return s.ask(s.form(assertion), s.proofFor("POST", tokenPath, "", nil, nil)).status == 200
			}
			assert.Equal(t, c.atOnce, accepted(first, "first"))
			s.server.Advance(time.Minute)
			assert.Equal(t, c.soon, accepted(first, "first"))
			assert.True(t, accepted(second, "second"))
			assert.True(t, accepted(byHand, s.kid), "a key of origin Gui stays")
		})
	}
}

func TestALaterRegistrationPostponesNoReplacement(t *testing.T) {
	s := newStranger(t, func(s *helseidtest.Server) { s.Replace, s.ReplaceAfter = helseidtest.Later, 30*time.Second })
	token := s.token(nil)
	first := newEC(t, elliptic.P256()).Public()
	require.Equal(t, 200, s.call("POST", secretPath, token, string(jwk(t, first, "first"))).status)
	for _, kid := range []string{"second", "third"} {
		require.True(t, s.server.Accepts(clientID, thumbprint(t, first)))
		require.Equal(t, 200, s.call("POST", secretPath, token, string(jwk(t, newEC(t, elliptic.P256()).Public(), kid))).status)
		s.server.Advance(20 * time.Second)
	}
	assert.False(t, s.server.Accepts(clientID, thumbprint(t, first)))
}

func TestPropagationAndExpiry(t *testing.T) {
	s := newStranger(t, func(s *helseidtest.Server) {
		s.Propagation, s.Validity, s.NonceLifetime = time.Minute, time.Hour, 24*time.Hour
	})
	token := s.token(nil)
	next := newEC(t, elliptic.P256())
	require.Equal(t, 200, s.call("POST", secretPath, token, string(jwk(t, next.Public(), "next"))).status)
	require.Len(t, s.server.Keys(clientID), 2, "it is listed at once")
	ask := func() answer {
		assertion := sign(t, jose.ES256, next, false, object{"typ": "client-authentication+jwt", "kid": "next"}, s.assertionClaims(nil))
		return s.ask(s.form(assertion), s.proofFor("POST", tokenPath, "", nil, nil))
	}
	assert.Equal(t, string(helseidtest.AssertionKey), ask().object["error_description"])
	s.server.Advance(time.Minute)
	assert.Equal(t, 200, ask().status)
	s.server.Advance(time.Hour)
	assert.Equal(t, string(helseidtest.AssertionKey), ask().object["error_description"], "it has expired")
	require.Len(t, s.server.Keys(clientID), 1)
	s.server.RemoveKey(clientID, public(t, jose.ES256, s.key.(crypto.Signer).Public(), ""))
	assert.Empty(t, s.server.Keys(clientID))
}

func TestNonceAtAPI(t *testing.T) {
	s := newStranger(t, func(s *helseidtest.Server) { s.NonceAtAPI = true })
	token := s.token(nil)
	s.nonce = ""
	a := s.call("POST", "/api/patients", token, "Nils")
	require.Equal(t, 401, a.status)
	assert.Contains(t, a.header.Get("WWW-Authenticate"), `DPoP error="use_dpop_nonce"`)
	s.nonce = a.header.Get("DPoP-Nonce")
	a = s.call("POST", "/api/patients", token, "Nils")
	assert.Equal(t, 201, a.status)
	assert.Equal(t, "Nils", string(a.body))
}

func TestSkewShowsInDateAndInChecks(t *testing.T) {
	s := newStranger(t, func(s *helseidtest.Server) { s.Skew = time.Minute })
	a := s.ask(s.form(s.assertion(nil, nil)), s.proofFor("POST", tokenPath, "", nil, nil))
	assert.Equal(t, string(helseidtest.AssertionTime), a.object["error_description"])
	date, err := http.ParseTime(a.header.Get("Date"))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(time.Minute), date, 3*time.Second)
}
