package helseidtest_test

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTokenEndpointAcceptsEveryAlgorithm(t *testing.T) {
	s := newStranger(t, nil)
	s.meet()
	for alg, key := range map[jose.SignatureAlgorithm]crypto.Signer{
		jose.RS256: rsaKey(), jose.RS384: rsaKey(), jose.RS512: rsaKey(),
		jose.PS256: rsaKey(), jose.PS384: rsaKey(), jose.PS512: rsaKey(),
		jose.ES256: newEC(t, elliptic.P256()), jose.ES384: newEC(t, elliptic.P384()), jose.ES512: newEC(t, elliptic.P521()),
	} {
		s.use(alg, key, key)
		a := s.ask(s.form(s.assertion(nil, nil)), s.proofFor("POST", tokenPath, "", nil, nil))
		require.Equal(t, 200, a.status, "%s: %v", alg, a.object)
		assert.Equal(t, "DPoP", a.object["token_type"])
		assert.Equal(t, "nhn:selvbetjening/client nhn:api/read nhn:api/write", a.object["scope"])
		assert.EqualValues(t, 600, a.object["expires_in"])
	}
	assert.Equal(t, 9, s.server.Counts().Tokens)
}

func TestTokenEndpointRefusesAssertions(t *testing.T) {
	s := newStranger(t, nil)
	s.meet()
	now := time.Now().Unix()
	p256 := newEC(t, elliptic.P256())
	signed := func(alg jose.SignatureAlgorithm, key any) string {
		return sign(t, alg, key, false, object{"typ": "client-authentication+jwt", "kid": s.kid}, s.assertionClaims(nil))
	}
	good := s.assertion(nil, nil)
	for name, c := range map[string]struct {
		assertion string
		rule      helseidtest.Refusal
	}{
		"empty":                   {"", helseidtest.AssertionMalformed},
		"two parts":               {"a.b", helseidtest.AssertionMalformed},
		"four parts":              {good + ".x", helseidtest.AssertionMalformed},
		"padding":                 {good + "=", helseidtest.AssertionMalformed},
		"line end in the middle":  {strings.Replace(good, ".", "\n.", 1), helseidtest.AssertionMalformed},
		"JSON serialization":      {`{"payload":"","signatures":[]}`, helseidtest.AssertionMalformed},
		"megabytes of dots":       {strings.Repeat(".", 32<<10), helseidtest.AssertionMalformed},
		"crit":                    {reheader(t, good, `{"alg":"ES256","typ":"client-authentication+jwt","crit":["exp"],"kid":"`+s.kid+`"}`), helseidtest.AssertionMalformed},
		"b64":                     {reheader(t, good, `{"alg":"ES256","typ":"client-authentication+jwt","b64":false,"kid":"`+s.kid+`"}`), helseidtest.AssertionMalformed},
		"header with a duplicate": {reheader(t, good, `{"alg":"ES256","alg":"none"}`), helseidtest.AssertionMalformed},
		"header of a wrong type":  {reheader(t, good, `{"alg":["ES256"]}`), helseidtest.AssertionMalformed},
		"typ JWT":                 {s.assertion(object{"typ": "JWT"}, nil), helseidtest.AssertionType},
		"no typ":                  {s.assertion(object{"typ": nil}, nil), helseidtest.AssertionType},
		"typ of a proof":          {s.assertion(object{"typ": "dpop+jwt"}, nil), helseidtest.AssertionType},
		"alg none":                {reheader(t, good, `{"alg":"none","typ":"client-authentication+jwt","kid":"`+s.kid+`"}`), helseidtest.AssertionAlgorithm},
		"alg HS256":               {reheader(t, good, `{"alg":"HS256","typ":"client-authentication+jwt","kid":"`+s.kid+`"}`), helseidtest.AssertionAlgorithm},
		"alg of another curve":    {signed(jose.ES384, newEC(t, elliptic.P384())), helseidtest.AssertionAlgorithm},
		"alg of another type":     {signed(jose.PS256, rsaKey()), helseidtest.AssertionAlgorithm},
		"unknown kid":             {s.assertion(object{"kid": "other"}, nil), helseidtest.AssertionKey},
		"no kid":                  {s.assertion(object{"kid": nil}, nil), helseidtest.AssertionKey},
		"embedded key":            {sign(t, jose.ES256, p256, true, object{"typ": "client-authentication+jwt", "kid": s.kid}, s.assertionClaims(nil)), helseidtest.AssertionSignature},
		"another key's signature": {signed(jose.ES256, p256), helseidtest.AssertionSignature},
		"changed payload":         {repayload(t, good, `{"iss":"x"}`), helseidtest.AssertionSignature},
		"short signature":         {good[:len(good)-6], helseidtest.AssertionSignature},
		"no jti":                  {s.assertion(nil, object{"jti": nil}), helseidtest.AssertionClaims},
		"no exp":                  {s.assertion(nil, object{"exp": nil}), helseidtest.AssertionClaims},
		"no nbf":                  {s.assertion(nil, object{"nbf": nil}), helseidtest.AssertionClaims},
		"no iat":                  {s.assertion(nil, object{"iat": nil}), helseidtest.AssertionClaims},
		"exp as text":             {s.assertion(nil, object{"exp": "1"}), helseidtest.AssertionClaims},
		"exp a fraction":          {s.assertion(nil, object{"exp": float64(now) + 30.5}), helseidtest.AssertionClaims},
		"exp 1e300":               {s.assertion(nil, object{"exp": 1e300}), helseidtest.AssertionClaims},
		"jti a number":            {s.assertion(nil, object{"jti": 7}), helseidtest.AssertionClaims},
		"another iss":             {s.assertion(nil, object{"iss": "x"}), helseidtest.AssertionIssuer},
		"another sub":             {s.assertion(nil, object{"sub": "x"}), helseidtest.AssertionIssuer},
		"aud the token endpoint":  {s.assertion(nil, object{"aud": s.server.URL() + tokenPath}), helseidtest.AssertionAudience},
		"aud with a slash":        {s.assertion(nil, object{"aud": s.server.URL() + "/"}), helseidtest.AssertionAudience},
		"aud a list":              {s.assertion(nil, object{"aud": []string{s.server.URL()}}), helseidtest.AssertionAudience},
		"no aud":                  {s.assertion(nil, object{"aud": nil}), helseidtest.AssertionAudience},
		"exp over 60 s ahead":     {s.assertion(nil, object{"exp": now + 70}), helseidtest.AssertionTime},
		"exp past":                {s.assertion(nil, object{"exp": now - 1}), helseidtest.AssertionTime},
		"nbf ahead":               {s.assertion(nil, object{"nbf": now + 20}), helseidtest.AssertionTime},
		"iat ahead":               {s.assertion(nil, object{"iat": now + 20}), helseidtest.AssertionTime},
		"iat over 60 s old":       {s.assertion(nil, object{"iat": now - 70, "nbf": now - 70}), helseidtest.AssertionTime},
		"details of wrong shape":  {s.assertion(nil, object{"assertion_details": "x"}), helseidtest.RequestDetails},
		"list of one detail":      {s.assertion(nil, object{"assertion_details": []any{multiTenant("123456789", "")}}), helseidtest.RequestDetails},
		"journal without an id":   {s.assertion(nil, object{"assertion_details": object{"type": "nhn:sfm:journal-id"}}), helseidtest.RequestDetails},
		"another system":          {s.assertion(nil, object{"assertion_details": object{"type": "helseid_authorization", "practitioner_role": object{"organization": object{"identifier": object{"system": "x", "type": "ENH", "value": "123456789"}}}}}), helseidtest.RequestDetails},
		"two organisations":       {s.assertion(nil, object{"assertion_details": []any{multiTenant("123456789", ""), multiTenant("123456789", "")}}), helseidtest.RequestDetails},
		"short number":            {s.assertion(nil, object{"assertion_details": multiTenant("12345678", "")}), helseidtest.RequestDetails},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.server.Counts()
			a := s.ask(s.form(c.assertion), s.proofFor("POST", tokenPath, "", nil, nil))
			require.Equal(t, 400, a.status)
			want := "invalid_client"
			if c.rule == helseidtest.RequestDetails {
				want = "invalid_request"
			}
			assert.Equal(t, want, a.object["error"])
			assert.Equal(t, string(c.rule), a.object["error_description"])
			s.refusedOnce(t, before, c.rule)
		})
	}
	assert.Zero(t, s.server.Counts().Tokens)
}

func TestAssertionIsGoodForOneAttempt(t *testing.T) {
	s := newStranger(t, nil)
	first := s.assertion(nil, nil)
	a := s.ask(s.form(first), s.proofFor("POST", tokenPath, "", nil, nil))
	require.Equal(t, "use_dpop_nonce", a.object["error"])
	a = s.ask(s.form(first), s.proofFor("POST", tokenPath, "", nil, nil))
	assert.Equal(t, string(helseidtest.AssertionReplayed), a.object["error_description"], "the first attempt did not spend it")
	s.token(nil)
}

func TestTokenEndpointRefusesProofs(t *testing.T) {
	s := newStranger(t, nil)
	s.meet()
	now := time.Now().Unix()
	proof := func(header, changes object) []string {
		return []string{s.proofFor("POST", tokenPath, "", header, changes)}
	}
	good := proof(nil, nil)[0]
	private := string(mustJSON(t, jose.JSONWebKey{Key: s.proof}))
	encrypting := string(mustJSON(t, jose.JSONWebKey{Key: s.proof.(crypto.Signer).Public(), Use: "enc"}))
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	used := proof(nil, nil)
	require.Equal(t, 200, s.ask(s.form(s.assertion(nil, nil)), used...).status)
	for name, c := range map[string]struct {
		proofs []string
		rule   helseidtest.Refusal
	}{
		"none":                  {nil, helseidtest.ProofMissing},
		"two":                   {[]string{good, proof(nil, nil)[0]}, helseidtest.ProofMissing},
		"joined by a comma":     {[]string{good + "," + good}, helseidtest.ProofMalformed},
		"not a JWS":             {[]string{"x"}, helseidtest.ProofMalformed},
		"typ JWT":               {proof(object{"typ": "JWT"}, nil), helseidtest.ProofType},
		"no typ":                {proof(object{"typ": nil}, nil), helseidtest.ProofType},
		"kid in place of jwk":   {[]string{sign(t, s.alg, s.proof, false, object{"typ": "dpop+jwt", "kid": s.kid}, nil)}, helseidtest.ProofKey},
		"private jwk":           {[]string{reheader(t, good, `{"alg":"ES256","typ":"dpop+jwt","jwk":`+private+`}`)}, helseidtest.ProofKey},
		"symmetric jwk":         {[]string{reheader(t, good, `{"alg":"HS256","typ":"dpop+jwt","jwk":{"kty":"oct","k":"AAAA"}}`)}, helseidtest.ProofKey},
		"jwk for encryption":    {[]string{reheader(t, good, `{"alg":"ES256","typ":"dpop+jwt","jwk":`+encrypting+`}`)}, helseidtest.ProofKey},
		"weak RSA key":          {[]string{reheader(t, good, `{"alg":"RS256","typ":"dpop+jwt","jwk":`+string(jwk(t, small.Public(), ""))+`}`)}, helseidtest.ProofKey},
		"point off the curve":   {[]string{reheader(t, good, `{"alg":"ES256","typ":"dpop+jwt","jwk":{"kty":"EC","crv":"P-256","x":"`+strings.Repeat("A", 43)+`","y":"`+strings.Repeat("A", 43)+`"}}`)}, helseidtest.ProofKey},
		"alg none":              {[]string{reheader(t, good, `{"alg":"none","typ":"dpop+jwt","jwk":`+string(jwk(t, newEC(t, elliptic.P256()).Public(), ""))+`}`)}, helseidtest.ProofAlgorithm},
		"alg of another curve":  {[]string{reheader(t, good, `{"alg":"ES384","typ":"dpop+jwt","jwk":`+string(jwk(t, newEC(t, elliptic.P256()).Public(), ""))+`}`)}, helseidtest.ProofAlgorithm},
		"another key in jwk":    {[]string{reheader(t, good, `{"alg":"ES256","typ":"dpop+jwt","jwk":`+string(jwk(t, newEC(t, elliptic.P256()).Public(), ""))+`}`)}, helseidtest.ProofSignature},
		"changed payload":       {[]string{repayload(t, good, `{"jti":"x"}`)}, helseidtest.ProofSignature},
		"no jti":                {proof(nil, object{"jti": nil}), helseidtest.ProofClaims},
		"no iat":                {proof(nil, object{"iat": nil}), helseidtest.ProofClaims},
		"iat as text":           {proof(nil, object{"iat": "1"}), helseidtest.ProofClaims},
		"htm a list":            {proof(nil, object{"htm": []string{"POST"}}), helseidtest.ProofClaims},
		"htm of another method": {proof(nil, object{"htm": "GET"}), helseidtest.ProofMethod},
		"htm in lower case":     {proof(nil, object{"htm": "post"}), helseidtest.ProofMethod},
		"HTU in capitals":       {proof(nil, object{"htu": nil, "HTU": s.server.URL() + tokenPath}), helseidtest.ProofURL},
		"htu of another path":   {proof(nil, object{"htu": s.server.URL() + "/connect"}), helseidtest.ProofURL},
		"htu without a host":    {proof(nil, object{"htu": tokenPath}), helseidtest.ProofURL},
		"htu with a user":       {proof(nil, object{"htu": strings.Replace(s.server.URL(), "//", "//u@", 1) + tokenPath}), helseidtest.ProofURL},
		"htu in other capitals": {proof(nil, object{"htu": s.server.URL() + strings.ToUpper(tokenPath)}), helseidtest.ProofURL},
		"htu of another host":   {proof(nil, object{"htu": "https://helseid-sts.nhn.no" + tokenPath}), helseidtest.ProofURL},
		"iat 10 s old":          {proof(nil, object{"iat": now - 10}), helseidtest.ProofTime},
		"iat 10 s ahead":        {proof(nil, object{"iat": now + 10}), helseidtest.ProofTime},
		"ath without a token":   {proof(nil, object{"ath": "x"}), helseidtest.ProofToken},
		"no nonce":              {proof(nil, object{"nonce": nil}), helseidtest.ProofNonce},
		"a nonce of its own":    {proof(nil, object{"nonce": "mine"}), helseidtest.ProofNonce},
		"the same proof again":  {used, helseidtest.ProofReplayed},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.server.Counts()
			a := s.ask(s.form(s.assertion(nil, nil)), c.proofs...)
			require.Equal(t, 400, a.status)
			want := "invalid_dpop_proof"
			if c.rule == helseidtest.ProofNonce {
				want = "use_dpop_nonce"
			}
			assert.Equal(t, want, a.object["error"])
			s.refusedOnce(t, before, c.rule)
		})
	}
	assert.Equal(t, 1, s.server.Counts().Tokens)
}

// TestOtherSpellingsOfTheURL compares "htu" as RFC 9449 §4.3 has a verifier do.
// An API of the sector takes it only as the request has it.
func TestOtherSpellingsOfTheURL(t *testing.T) {
	s := newStranger(t, nil)
	s.meet()
	const api = "/api/token"
	token := s.token(nil)
	for name, spell := range map[string]func(path string) string{
		"query and fragment": func(path string) string { return s.server.URL() + path + "?x#y" },
		"scheme":             func(path string) string { return strings.Replace(s.server.URL(), "http", "HTTP", 1) + path },
		"dot segments":       func(path string) string { return s.server.URL() + "/x/.." + path },
		"escaped":            func(path string) string { return s.server.URL() + strings.Replace(path, "token", "%74oken", 1) },
	} {
		proof := s.proofFor("POST", tokenPath, "", nil, object{"htu": spell(tokenPath)})
		assert.Equal(t, 200, s.ask(s.form(s.assertion(nil, nil)), proof).status, name)
		before := s.server.Counts()
		proof = s.proofFor("GET", api, token, nil, object{"htu": spell(api)})
		assert.Equal(t, 401, s.callWith("GET", api, "DPoP "+token, "", proof).status, name)
		s.refusedOnce(t, before, helseidtest.ProofURL)
	}
}

func TestTokenEndpointRefusesForms(t *testing.T) {
	s := newStranger(t, nil)
	s.meet()
	for name, c := range map[string]struct {
		change func(url.Values)
		code   string
		rule   helseidtest.Refusal
	}{
		"another grant":          {func(f url.Values) { f.Set("grant_type", "password") }, "unsupported_grant_type", helseidtest.RequestGrant},
		"a secret too":           {func(f url.Values) { f.Set("client_secret", "x") }, "invalid_request", helseidtest.RequestTwice},
		"a parameter twice":      {func(f url.Values) { f.Add("scope", "x") }, "invalid_request", helseidtest.RequestForm},
		"another assertion type": {func(f url.Values) { f.Set("client_assertion_type", "x") }, "invalid_client", helseidtest.AssertionMalformed},
		"another client":         {func(f url.Values) { f.Set("client_id", "x") }, "invalid_client", helseidtest.AssertionKey},
		"no client": {func(f url.Values) {
			f.Del("client_id")
			f.Set("client_assertion", s.assertion(nil, object{"sub": nil}))
		}, "invalid_client", helseidtest.AssertionKey},
		"the client of sub only": {func(f url.Values) {
			f.Del("client_id")
			f.Set("client_assertion", s.assertion(nil, object{"iss": "x"}))
		}, "invalid_client", helseidtest.AssertionIssuer},
		"no scope": {func(f url.Values) { f.Del("scope") }, "invalid_scope", helseidtest.RequestScope},
		"nothing":  {func(f url.Values) { clear(f) }, "invalid_request", helseidtest.RequestForm},
	} {
		t.Run(name, func(t *testing.T) {
			form, before := s.form(s.assertion(nil, nil)), s.server.Counts()
			c.change(form)
			a := s.ask(form, s.proofFor("POST", tokenPath, "", nil, nil))
			require.Equal(t, 400, a.status)
			assert.Equal(t, c.code, a.object["error"])
			s.refusedOnce(t, before, c.rule)
		})
	}
}

func TestNoncesRoll(t *testing.T) {
	s := newStranger(t, func(s *helseidtest.Server) { s.NonceLifetime = time.Minute })
	s.meet()
	first := s.nonce
	s.server.Advance(time.Minute)
	a := s.ask(s.form(s.assertion(nil, nil)), s.proofFor("POST", tokenPath, "", nil, nil))
	require.Equal(t, 200, a.status, "a nonce is good for one to two lifetimes")
	assert.NotEqual(t, first, s.nonce, "a success brings the next one")
	s.nonce = first
	s.server.Advance(time.Minute)
	a = s.ask(s.form(s.assertion(nil, nil)), s.proofFor("POST", tokenPath, "", nil, nil))
	assert.Equal(t, "use_dpop_nonce", a.object["error"])
}

func TestOneProofPassesOnceHoweverManySendIt(t *testing.T) {
	s := newStranger(t, nil)
	token := s.token(nil)
	proof := s.proofFor("GET", "/api/patients", token, nil, nil)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { s.callWith("GET", "/api/patients", "DPoP "+token, "", proof) })
	}
	wg.Wait()
	c := s.server.Counts()
	assert.Equal(t, 1, c.Calls)
	assert.Equal(t, 49, c.Refused[helseidtest.ProofReplayed])
}

func TestRejectedScopes(t *testing.T) {
	s := newStranger(t, nil)
	s.server.RejectScopes("987654321", "nhn:api/read", "nhn:api/write")
	s.meet()
	for parent, want := range map[string]object{
		"987654321": {"scope": "nhn:selvbetjening/client", "rejected_scope": "nhn:api/read nhn:api/write"},
		"123456789": {"scope": "nhn:selvbetjening/client nhn:api/read nhn:api/write"},
	} {
		a := s.ask(s.form(s.assertion(nil, object{"assertion_details": multiTenant(parent, "")})), s.proofFor("POST", tokenPath, "", nil, nil))
		require.Equal(t, 200, a.status, a.object)
		assert.Equal(t, want["scope"], a.object["scope"])
		assert.Equal(t, want["rejected_scope"], a.object["rejected_scope"])
	}
}

func TestAccessTokenIsAJWTOfThePublishedKey(t *testing.T) {
	s := newStranger(t, nil)
	details := []any{multiTenant("123456789", "987654321"), object{"type": "nhn:sfm:journal-id", "value": object{"journal_id": "j1"}}}
	token := s.token(object{"assertion_details": details})
	meta := s.send("GET", "/.well-known/openid-configuration", nil, "").object
	var set jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal(s.send("GET", strings.TrimPrefix(meta["jwks_uri"].(string), s.server.URL()), nil, "").body, &set))
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	require.NoError(t, err)
	payload, err := jws.Verify(set)
	require.NoError(t, err)
	var claims object
	require.NoError(t, json.Unmarshal(payload, &claims))
	assert.Equal(t, "at+jwt", jws.Signatures[0].Protected.ExtraHeaders[jose.HeaderType])
	assert.Equal(t, s.server.URL(), claims["iss"])
	assert.Equal(t, clientID, claims["client_id"])
	assert.Equal(t, clientID, claims["sub"])
	assert.Equal(t, []any{"nhn:selvbetjening", "nhn:api"}, claims["aud"])
	assert.Equal(t, "123456789", claims["orgnr_parent"])
	assert.Equal(t, "987654321", claims["orgnr_child"])
	assert.Equal(t, "j1", claims["sfm_journal_id"])
	assert.Equal(t, thumbprint(t, s.proof.(crypto.Signer).Public()), claims["cnf"].(object)["jkt"])
}

func TestUnsignedTokensAreGoodHereOnly(t *testing.T) {
	s := newStranger(t, func(s *helseidtest.Server) { s.Unsigned = true })
	token := s.token(nil)
	assert.True(t, strings.HasSuffix(token, "."))
	assert.Equal(t, 200, s.call("GET", "/api/patients", token, "").status)
	assert.Equal(t, 401, s.call("GET", "/api/patients", repayload(t, token, `{"client_id":"x"}`), "").status)
}

func multiTenant(parent, child string) object {
	return object{"type": "helseid_authorization", "practitioner_role": object{"organization": object{
		"identifier": object{"system": "urn:oid:1.0.6523", "type": "ENH", "value": "NO:ORGNR:" + parent + ":" + child},
	}}}
}

// reheader puts another header on a token.
func reheader(t *testing.T, token, header string) string {
	t.Helper()
	_, rest, ok := strings.Cut(token, ".")
	require.True(t, ok)
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + rest
}

// repayload puts another payload into a token.
func repayload(t *testing.T, token, payload string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	return parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + "." + parts[2]
}
