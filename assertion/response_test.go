package assertion_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

func sourceOf(t testing.TB, base http.RoundTripper) *assertion.TokenSource {
	return &assertion.TokenSource{Endpoint: endpoint, Auth: testSigner(t), Base: base}
}

func TestTokenRequest(t *testing.T) {
	net := new(recorder)
	s := sourceOf(t, net)
	s.Scopes = []string{"a", "b"}
	s.Params = url.Values{"resource": {"https://x.example", "https://y.example"}}
	s.Token(t.Context())
	require.Len(t, net.requests, 1)
	r, form := net.requests[0], net.forms[0]
	assert.Equal(t, http.MethodPost, r.Method)
	assert.Equal(t, endpoint, r.URL.String())
	assert.Equal(t, formType, r.Header.Get("Content-Type"))
	assert.Equal(t, "application/json", r.Header.Get("Accept"))
	for _, name := range []string{"client_assertion", "client_assertion_type"} {
		form.Del(name)
	}
	assert.Equal(t, url.Values{"grant_type": {"client_credentials"}, "scope": {"a b"}, "client_id": {clientID}, "resource": {"https://x.example", "https://y.example"}}, form)
	assert.Equal(t, url.Values{"resource": {"https://x.example", "https://y.example"}}, s.Params)
}

func TestParamsCannotReplaceReservedOnes(t *testing.T) {
	for _, name := range []string{"grant_type", "scope", "client_id", "client_secret", "client_assertion", "client_assertion_type"} {
		net := new(recorder)
		s := sourceOf(t, net)
		s.Params = url.Values{name: {"x"}}
		_, err := s.Token(t.Context())
		assert.ErrorIs(t, err, assertion.ErrConfig)
		assert.Empty(t, net.requests)
	}
}

func TestEndpointErrors(t *testing.T) {
	for target, rule := range map[string]error{
		"": assertion.ErrConfig, "http://as.example.com/token": assertion.ErrInsecure, "https://": assertion.ErrMalformed, endpoint + "#x": assertion.ErrMalformed, "https://a b/": assertion.ErrMalformed, "::": assertion.ErrMalformed,
	} {
		net := new(recorder)
		s := sourceOf(t, net)
		s.Endpoint = target
		_, err := s.Token(t.Context())
		assert.ErrorIs(t, err, rule, target)
		assert.Empty(t, net.requests)
	}
	s := sourceOf(t, new(recorder))
	s.Endpoint, s.Discover = "", func(context.Context) (*assertion.Metadata, error) { return nil, context.Canceled }
	_, err := s.Token(t.Context())
	assert.ErrorIs(t, err, context.Canceled)
}

func TestResponseErrors(t *testing.T) {
	rows := map[string]struct {
		status int
		body   string
		rule   error
		code   string
	}{
		"not JSON":                          {200, `<html>secret-body</html>`, assertion.ErrMalformed, ""},
		"null":                              {200, `null`, assertion.ErrMalformed, ""},
		"an array":                          {200, `[]`, assertion.ErrMalformed, ""},
		"text after the object":             {200, `{"access_token":"t","token_type":"Bearer"} x`, assertion.ErrMalformed, ""},
		"a member twice":                    {200, `{"access_token":"t","access_token":"u","token_type":"Bearer"}`, assertion.ErrMalformed, ""},
		"nested too deep":                   {200, `{"access_token":"t","token_type":"Bearer","x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, assertion.ErrMalformed, ""},
		"over 256 KiB":                      {200, `{"access_token":"` + strings.Repeat("t", 256<<10) + `","token_type":"Bearer"}`, assertion.ErrTooLarge, ""},
		"no token":                          {200, `{"token_type":"Bearer"}`, assertion.ErrMalformed, ""},
		"an empty token":                    {200, `{"access_token":"","token_type":"Bearer"}`, assertion.ErrMalformed, ""},
		"a token in another case":           {200, `{"Access_Token":"t","token_type":"Bearer"}`, assertion.ErrMalformed, ""},
		"a token that is a number":          {200, `{"access_token":1,"token_type":"Bearer"}`, assertion.ErrMalformed, ""},
		"a token with a line break":         {200, `{"access_token":"t\r\nX: y","token_type":"Bearer"}`, assertion.ErrMalformed, ""},
		"a token with a space":              {200, `{"access_token":"t u","token_type":"Bearer"}`, assertion.ErrMalformed, ""},
		"a token with other letters":        {200, `{"access_token":"tøken","token_type":"Bearer"}`, assertion.ErrMalformed, ""},
		"no token_type":                     {200, `{"access_token":"t"}`, assertion.ErrTokenType, ""},
		"an unknown token_type":             {200, `{"access_token":"t","token_type":"mac"}`, assertion.ErrTokenType, ""},
		"a token_type that is a list":       {200, `{"access_token":"t","token_type":["Bearer"]}`, assertion.ErrTokenType, ""},
		"DPoP, not asked for":               {200, `{"access_token":"t","token_type":"DPoP"}`, assertion.ErrTokenType, ""},
		"expires_in negative":               {200, `{"access_token":"t","token_type":"Bearer","expires_in":-1}`, assertion.ErrMalformed, ""},
		"expires_in no number":              {200, `{"access_token":"t","token_type":"Bearer","expires_in":"soon"}`, assertion.ErrMalformed, ""},
		"expires_in NaN":                    {200, `{"access_token":"t","token_type":"Bearer","expires_in":"NaN"}`, assertion.ErrMalformed, ""},
		"expires_in true":                   {200, `{"access_token":"t","token_type":"Bearer","expires_in":true}`, assertion.ErrMalformed, ""},
		"expires_in an object":              {200, `{"access_token":"t","token_type":"Bearer","expires_in":{}}`, assertion.ErrMalformed, ""},
		"expires_in an exponent":            {200, `{"access_token":"t","token_type":"Bearer","expires_in":1e3}`, assertion.ErrMalformed, ""},
		"expires_in 1e300":                  {200, `{"access_token":"t","token_type":"Bearer","expires_in":1e300}`, assertion.ErrMalformed, ""},
		"expires_in Go's underscore":        {200, `{"access_token":"t","token_type":"Bearer","expires_in":"1_0"}`, assertion.ErrMalformed, ""},
		"expires_in hexadecimal":            {200, `{"access_token":"t","token_type":"Bearer","expires_in":"0x1p4"}`, assertion.ErrMalformed, ""},
		"expires_in infinity":               {200, `{"access_token":"t","token_type":"Bearer","expires_in":"Inf"}`, assertion.ErrMalformed, ""},
		"expires_in a sign":                 {200, `{"access_token":"t","token_type":"Bearer","expires_in":"+600"}`, assertion.ErrMalformed, ""},
		"expires_in a space":                {200, `{"access_token":"t","token_type":"Bearer","expires_in":" 600"}`, assertion.ErrMalformed, ""},
		"expires_in a comma":                {200, `{"access_token":"t","token_type":"Bearer","expires_in":"600,5"}`, assertion.ErrMalformed, ""},
		"expires_in no digit after the dot": {200, `{"access_token":"t","token_type":"Bearer","expires_in":"600."}`, assertion.ErrMalformed, ""},
		"expires_in none before it":         {200, `{"access_token":"t","token_type":"Bearer","expires_in":".5"}`, assertion.ErrMalformed, ""},
		"expires_in two dots":               {200, `{"access_token":"t","token_type":"Bearer","expires_in":"1.2.3"}`, assertion.ErrMalformed, ""},
		"expires_in an empty string":        {200, `{"access_token":"t","token_type":"Bearer","expires_in":""}`, assertion.ErrMalformed, ""},
		"expires_in other digits":           {200, `{"access_token":"t","token_type":"Bearer","expires_in":"٦٠٠"}`, assertion.ErrMalformed, ""},
		"scope a list":                      {200, `{"access_token":"t","token_type":"Bearer","scope":["a"]}`, assertion.ErrMalformed, ""},
		"an error with 200":                 {200, `{"error":"invalid_scope","access_token":"t","token_type":"Bearer"}`, assertion.ErrRefused, "invalid_scope"},
		"a redirect":                        {302, ``, assertion.ErrRefused, ""},
		"invalid_client 401":                {401, `{"error":"invalid_client"}`, assertion.ErrInvalidClient, "invalid_client"},
		"invalid_client 400":                {400, `{"error":"invalid_client"}`, assertion.ErrInvalidClient, "invalid_client"},
		"Keycloak's wrong secret":           {401, `{"error":"unauthorized_client"}`, assertion.ErrInvalidClient, "unauthorized_client"},
		"a grant not allowed":               {400, `{"error":"unauthorized_client"}`, assertion.ErrRefused, "unauthorized_client"},
		"an error that is no string":        {400, `{"error":{"code":7}}`, assertion.ErrRefused, ""},
		"a gateway's page":                  {502, `<html>secret-body</html>`, assertion.ErrRefused, ""},
		"nothing":                           {500, ``, assertion.ErrRefused, ""},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			_, err := sourceOf(t, answering(r.status, r.body)).Token(t.Context())
			require.ErrorIs(t, err, r.rule)
			var e *assertion.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, r.status, e.Status)
			assert.Equal(t, r.code, e.Code)
			assert.NotContains(t, err.Error(), "secret-body")
			assert.Equal(t, 1, strings.Count(err.Error(), "assertion:"))
		})
	}
}

func TestErrorTextIsOnePrintableLine(t *testing.T) {
	jws, err := testSigner(t).Assertion(t.Context())
	require.NoError(t, err)
	for name, description := range map[string]string{
		"controls":         "a\r\nlevel=error \x1b[31mred\u202egnp.exe\x00",
		"an assertion":     "the assertion " + jws + " is too old",
		"a cut assertion":  "expected, got " + jws[:60],
		"in a parameter":   "client_assertion=" + jws,
		"quoted":           `"` + jws + `"`,
		"a JWE":            strings.Repeat("A", 16) + "." + strings.Repeat("B", 16) + "." + strings.Repeat("C", 16) + ".DD.EE",
		"very long":        strings.Repeat("ø", 10000),
		"not UTF-8":        "caf\xe9",
		"a long assertion": strings.Repeat("word ", 55) + jws,
	} {
		body, err := json.Marshal(map[string]string{"error": "invalid_client", "error_description": description})
		require.NoError(t, err)
		_, err = sourceOf(t, answering(400, string(body))).Token(t.Context())
		var e *assertion.Error
		require.ErrorAs(t, err, &e)
		assert.LessOrEqual(t, len(e.Description), 300, name)
		assert.True(t, len(e.Description) >= 3, name)
		for _, r := range err.Error() {
			assert.True(t, r >= 0x20 && r != 0x7f && r != 0x202e && r != 0xfffd, name)
		}
		for _, part := range strings.Split(jws, ".") {
			assert.NotContains(t, err.Error(), part[:12], name)
		}
		assert.NotContains(t, err.Error(), "AAAA", name)
	}
}

func TestErrorTextKeepsTheDescription(t *testing.T) {
	description := "Kid " + testKey(t, keys.ES256).KeyID() + " is unknown at helseid-sts.test.nhn.no (Øst, 12.34.56), " +
		"Trace ID: 0d9a7f5b-12ab-4cde-8f01-23456789abcd, see https://docs.example.no/errors#invalid_client"
	body, err := json.Marshal(map[string]string{"error": "invalid_client", "error_description": description})
	require.NoError(t, err)
	_, err = sourceOf(t, answering(401, string(body))).Token(t.Context())
	assert.EqualError(t, err, "assertion: the server refused the client's credentials: 401 invalid_client: "+description)
}

// The server echoes the request in its error description.
func TestErrorTextQuotesNoSecret(t *testing.T) {
	secret := keys.NewSecret("correct horse battery staple")
	for _, auth := range []assertion.Authenticator{
		&assertion.Post{ClientID: clientID, Secret: secret}, &assertion.Basic{ClientID: clientID, Secret: secret},
	} {
		s := sourceOf(t, answering(401, `{"error":"invalid_client","error_description":"wrong: correct horse battery staple, correct+horse+battery+staple"}`))
		s.Auth = auth
		_, err := s.Token(t.Context())
		assert.EqualError(t, err, "assertion: the server refused the client's credentials: 401 invalid_client: wrong: [redacted], [redacted]")
	}
}

func TestErrorReportsAWrongClock(t *testing.T) {
	for shift, want := range map[time.Duration]string{
		90 * time.Second: "s behind", -2 * time.Minute: "s ahead", 0: "", 3 * time.Second: "", -3 * time.Second: "",
	} {
		date := time.Now().Add(shift).UTC().Format(http.TimeFormat)
		_, err := sourceOf(t, answering(400, `{"error":"invalid_client"}`, "Date", date)).Token(t.Context())
		var e *assertion.Error
		require.ErrorAs(t, err, &e)
		if want == "" {
			assert.Zero(t, e.ClockBehind)
			assert.NotContains(t, err.Error(), "clock")
			continue
		}
		assert.InDelta(t, shift.Seconds(), e.ClockBehind.Seconds(), 2)
		assert.ErrorContains(t, err, "the clock of this machine looks ")
		assert.ErrorContains(t, err, want)
	}
	_, err := sourceOf(t, answering(400, `{}`, "Date", "yesterday")).Token(t.Context())
	assert.NotContains(t, err.Error(), "clock")
}

func TestRetryAfterForms(t *testing.T) {
	date := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                                    0,
		"7":                                   7 * time.Second,
		"-7":                                  0,
		"soon":                                0,
		"99999999999999999999":                0,
		"9223372036854775807":                 time.Hour,
		"Thu, 02 Jan 2031 03:04:35 GMT":       30 * time.Second, // by the server's own clock
		"Thu, 02 Jan 2031 03:04:04 GMT":       0,
		"Fri, 02 Jan 2093 03:04:04 GMT":       time.Hour,
		"Thu, 02 Jan 2031 03:04:35 GMT extra": 0,
	} {
		_, err := sourceOf(t, answering(429, ``, "Retry-After", value, "Date", date.Format(http.TimeFormat))).Token(t.Context())
		var e *assertion.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, want, e.RetryAfter(), value)
	}
}

func TestTokenFields(t *testing.T) {
	s := sourceOf(t, answering(200, `{"access_token":"t","token_type":"bearer","expires_in":600,"scope":"a  c","rejected_scope":"b","n":{"x":[1,null]}}`))
	s.Scopes = []string{"a", "b", "c"}
	token, err := s.Token(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "Bearer", token.Type)
	assert.Equal(t, []string{"a", "c"}, token.Scopes)
	assert.Nil(t, token.Key)
	assert.Equal(t, token.Expiry.Round(0), token.Expiry, "by the wall clock: the other one stands still while a machine sleeps")
	assert.Equal(t, "b", token.Extra("rejected_scope"))
	assert.Equal(t, map[string]any{"x": []any{1.0, nil}}, token.Extra("n"))
	token.Extra("n").(map[string]any)["x"] = "changed"
	assert.Equal(t, map[string]any{"x": []any{1.0, nil}}, token.Extra("n"), "each call gives its own copy")
	assert.Nil(t, token.Extra("absent"))
	assert.Nil(t, new(assertion.Token).Extra("x"))

	converted, err := s.OAuth2(t.Context()).Token()
	require.NoError(t, err)
	assert.Equal(t, "t", converted.AccessToken)
	assert.Equal(t, token.Expiry, converted.Expiry)
	assert.True(t, converted.Valid())
	assert.Equal(t, "a  c", converted.Extra("scope"))
	assert.Equal(t, "b", converted.Extra("rejected_scope"))
	header := http.Request{Header: http.Header{}}
	converted.SetAuthHeader(&header)
	assert.Equal(t, "Bearer t", header.Header.Get("Authorization"))

	s = sourceOf(t, answering(200, `{"access_token":"t","token_type":"Bearer"}`))
	s.Scopes = []string{"a", "b"}
	token, err = s.Token(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, token.Scopes, "granted as asked when the server does not say")
}

func TestDPoPTokenTypes(t *testing.T) {
	for typ, rule := range map[string]error{"DPoP": nil, "dpop": nil, "DPOP": nil, "Bearer": assertion.ErrTokenType, "bearer": assertion.ErrTokenType} {
		s := sourceOf(t, answering(200, `{"access_token":"t","token_type":"`+typ+`","expires_in":600}`))
		s.Prover = new(dpop.Prover)
		token, err := s.Token(t.Context())
		require.ErrorIs(t, err, rule, typ)
		if rule == nil {
			assert.Equal(t, "DPoP", token.Type)
			assert.NotNil(t, token.Key)
		} else {
			assert.ErrorContains(t, err, "asked for DPoP, got Bearer")
		}
	}
}

// net/http accepts 9 MB of header, which an error must not keep alive.
func TestHugeHeaderIsNotRetained(t *testing.T) {
	for _, status := range []int{200, 401} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for i := range 9000 {
				w.Header()["X"+strconv.Itoa(i)] = []string{strings.Repeat("v", 1000)}
			}
			reply(w, status, map[string]any{"access_token": "t", "token_type": "Bearer", "expires_in": 600})
		}))
		defer server.Close()
		transport := &assertion.Transport{Auth: testSigner(t), Endpoint: server.URL, Base: server.Client().Transport}
		tokens := &assertion.TokenSource{Auth: transport.Auth, Endpoint: server.URL, Base: transport.Base}
		config := clientcredentials.Config{ClientID: clientID, TokenURL: server.URL, AuthStyle: oauth2.AuthStyleInParams}

		before := heap()
		_, err := tokens.Token(t.Context())
		require.ErrorIs(t, err, assertion.ErrTooLarge)
		_, other := config.Token(context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: transport}))
		require.ErrorIs(t, other, assertion.ErrTooLarge)
		server.Client().CloseIdleConnections()
		assert.Eventually(t, func() bool { return heap()-before < 1<<20 }, 10*time.Second, 10*time.Millisecond)
		runtime.KeepAlive([]any{tokens, err, other})
	}
}

// heap returns the bytes in use.
func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
