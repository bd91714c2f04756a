package helseidtest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDiscovery has what OpenID Connect Discovery 1.0 §3 requires.
func TestDiscovery(t *testing.T) {
	s := newStranger(t, nil)
	a := s.send("GET", "/.well-known/openid-configuration", nil, "")
	require.Equal(t, 200, a.status)
	for _, name := range []string{"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"} {
		assert.True(t, strings.HasPrefix(a.object[name].(string), s.server.URL()), name)
	}
	for _, name := range []string{"response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported"} {
		assert.NotEmpty(t, a.object[name], name)
	}
	assert.Contains(t, a.object["id_token_signing_alg_values_supported"], "RS256", "it is required too")
	assert.Contains(t, a.object["token_endpoint_auth_signing_alg_values_supported"], "ES256", "RFC 8414 §2")
	var set struct{ Keys []object }
	require.NoError(t, json.Unmarshal(s.send("GET", strings.TrimPrefix(a.object["jwks_uri"].(string), s.server.URL()), nil, "").body, &set))
	assert.Len(t, set.Keys, 1)
	assert.Equal(t, 400, s.send("GET", strings.TrimPrefix(a.object["authorization_endpoint"].(string), s.server.URL()), nil, "").status)
}

func TestClientIDMayBeLeftOut(t *testing.T) {
	s := newStranger(t, nil)
	s.meet()
	form := s.form(s.assertion(nil, nil))
	form.Del("client_id")
	a := s.ask(form, s.proofFor("POST", tokenPath, "", nil, nil))
	require.Equal(t, 200, a.status, a.object)
	form = s.form(s.assertion(nil, nil))
	form.Set("client_id", "") // means the same, RFC 6749 §3.2
	a = s.ask(form, s.proofFor("POST", tokenPath, "", nil, nil))
	assert.Equal(t, 200, a.status, a.object)
}

func TestRepeatAfterNonce(t *testing.T) {
	for _, again := range []bool{false, true} {
		s := newStranger(t, func(s *helseidtest.Server) { s.RepeatAfterNonce = again })
		form := s.form(s.assertion(nil, nil))
		a := s.ask(form, s.proofFor("POST", tokenPath, "", nil, nil))
		require.Equal(t, "use_dpop_nonce", a.object["error"])
		before := s.server.Counts()
		a = s.ask(form, s.proofFor("POST", tokenPath, "", nil, nil))
		if !again {
			assert.Equal(t, "invalid_client", a.object["error"])
			s.refusedOnce(t, before, helseidtest.AssertionReplayed)
			continue
		}
		require.Equal(t, 200, a.status, a.object)
		a = s.ask(form, s.proofFor("POST", tokenPath, "", nil, nil))
		assert.Equal(t, "invalid_client", a.object["error"])
		s.refusedOnce(t, before, helseidtest.AssertionReplayed)
	}
}

func TestLessCarefulAssertions(t *testing.T) {
	for name, c := range map[string]struct {
		header, claims object
		rule           helseidtest.Refusal
		allow          func(*helseidtest.Server)
	}{
		"typ JWT": {object{"typ": "JWT"}, nil, helseidtest.AssertionType, func(s *helseidtest.Server) { s.PlainType = true }},
		"no typ":  {object{"typ": nil}, nil, helseidtest.AssertionType, func(s *helseidtest.Server) { s.PlainType = true }},
		"no nbf":  {nil, object{"nbf": nil}, helseidtest.AssertionClaims, func(s *helseidtest.Server) { s.WithoutNotBefore = true }},
	} {
		t.Run(name, func(t *testing.T) {
			strict := newStranger(t, nil)
			strict.meet()
			before := strict.server.Counts()
			a := strict.ask(strict.form(strict.assertion(c.header, c.claims)), strict.proofFor("POST", tokenPath, "", nil, nil))
			assert.Equal(t, "invalid_client", a.object["error"])
			strict.refusedOnce(t, before, c.rule)

			s := newStranger(t, c.allow)
			s.meet()
			a = s.ask(s.form(s.assertion(c.header, c.claims)), s.proofFor("POST", tokenPath, "", nil, nil))
			assert.Equal(t, 200, a.status, a.object)
			before = s.server.Counts()
			a = s.ask(s.form(s.assertion(object{"typ": "dpop+jwt"}, object{"nbf": nil})), s.proofFor("POST", tokenPath, "", nil, nil))
			assert.Equal(t, "invalid_client", a.object["error"], "a proof is not an assertion")
			s.refusedOnce(t, before, helseidtest.AssertionType)
		})
	}
	s := newStranger(t, func(s *helseidtest.Server) { s.WithoutNotBefore = true })
	s.meet()
	a := s.ask(s.form(s.assertion(nil, object{"nbf": nil, "iat": nil})), s.proofFor("POST", tokenPath, "", nil, nil))
	assert.Equal(t, "invalid_client", a.object["error"])
	assert.Equal(t, 1, s.server.Counts().Refused[helseidtest.AssertionClaims])
}

func TestSampleAPIScope(t *testing.T) {
	s := newStranger(t, func(s *helseidtest.Server) { s.APIScope = "" })
	token := s.token(nil) // without nhn:patients/read
	for _, method := range []string{"GET", "POST"} {
		before := s.server.Counts()
		a := s.call(method, "/api/patients", token, "Nils")
		assert.Equal(t, http.StatusForbidden, a.status)
		assert.Contains(t, a.header.Get("WWW-Authenticate"), `DPoP error="insufficient_scope"`)
		assert.Contains(t, a.header.Get("WWW-Authenticate"), `scope="nhn:patients/read"`)
		s.refusedOnce(t, before, helseidtest.TokenScope)
		assert.Zero(t, s.server.Counts().Calls)
	}
	assert.Equal(t, 200, s.call("GET", "/api/token", token, "").status, "it needs no scope")
	s.server.APIScope = "nhn:api/write"
	assert.Equal(t, 201, s.call("POST", "/api/patients", token, "Nils").status)
	s.server.APIScope = "nhn:api/rea"
	assert.Equal(t, 403, s.call("GET", "/api/patients", token, "").status)
}
