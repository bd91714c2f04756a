package dpop_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// issued is a dpop.Tokens of known tokens that counts its calls.
type issued struct {
	tokens map[string]*dpop.Token
	err    error // for unknown tokens
	asked  atomic.Int32
}

func (i *issued) Token(_ context.Context, token string) (*dpop.Token, error) {
	i.asked.Add(1)
	if t, ok := i.tokens[token]; ok {
		return t, nil
	}
	return nil, i.err
}

func newIssued(t testing.TB) *issued {
	t.Helper()
	scopes := []string{"read"}
	return &issued{err: dpop.ErrInvalidToken, tokens: map[string]*dpop.Token{
		"bound":  {Subject: "kari", Scopes: scopes, JKT: testKey().Thumbprint()},
		"other":  {Subject: "kari", Scopes: scopes, JKT: strings.Repeat("A", 43)},
		"cert":   {Subject: "kari", Scopes: scopes, X5T: strings.Repeat("A", 43)},
		"both":   {Subject: "kari", Scopes: scopes, JKT: testKey().Thumbprint(), X5T: strings.Repeat("A", 43)},
		"bearer": {Subject: "kari", Scopes: scopes},
		"scant":  {Subject: "kari", JKT: testKey().Thumbprint()},
	}}
}

// guard returns a Middleware at https://api.example.no.
func guard(t testing.TB, change func(*dpop.Middleware)) (*dpop.Middleware, *issued) {
	t.Helper()
	tokens := newIssued(t)
	m := &dpop.Middleware{Tokens: tokens, Proofs: &dpop.Verifier{Replay: &dpop.Memory{}}, BaseURL: "https://api.example.no"}
	change(m)
	return m, tokens
}

func asItIs(*dpop.Middleware) {}

// proofFor returns a proof for GET /patients with the token.
func proofFor(t testing.TB, token string, change func(*dpop.Proof)) string {
	t.Helper()
	p := dpop.Proof{URL: patients, AccessToken: keys.NewSecret(token)}
	change(&p)
	proof, err := dpop.Sign(t.Context(), testKey(), p)
	require.NoError(t, err)
	return proof
}

func asGiven(*dpop.Proof) {}

const algs = `algs="ES256 EdDSA Ed25519 ES384 ES512 PS256 PS384 PS512 RS256 RS384 RS512"`

// Every kind of request in every mode, with the challenges of RFC 9449 §7.1 and
// RFC 6750 §3.
func TestMiddlewareVerdicts(t *testing.T) {
	const (
		plain     = "DPoP " + algs
		bearer    = `Bearer realm="api.example.no"`
		modes     = 3
		none, all = 0, 1<<modes - 1
	)
	proof := func(token string) []string { return []string{proofFor(t, token, asGiven)} }
	of := func(code, description string) string {
		return `DPoP error="` + code + `", error_description="` + description + `", ` + algs
	}
	for name, c := range map[string]struct {
		authorization, proofs []string
		in                    int // modes in which it is admitted
		status                int // in the others
		dpop, bearer          string
		rule                  error
		asked                 bool // Tokens was called
	}{
		"nothing":                         {nil, nil, none, 401, plain, bearer, dpop.ErrUnauthenticated, false},
		"a proof alone":                   {nil, proof("bound"), none, 401, plain, bearer, dpop.ErrUnauthenticated, false},
		"Basic":                           {[]string{"Basic a2FyaTpn"}, nil, none, 401, plain, bearer, dpop.ErrUnauthenticated, false},
		"good":                            {[]string{"DPoP bound"}, proof("bound"), all, 0, "", "", nil, true},
		"good, the scheme in lower case":  {[]string{"dpop bound"}, proof("bound"), all, 0, "", "", nil, true},
		"two Authorizations":              {[]string{"DPoP bound", "Bearer bearer"}, proof("bound"), none, 400, of("invalid_request", "the request is malformed: more than one Authorization"), bearer, dpop.ErrRequest, false},
		"the same twice":                  {[]string{"DPoP bound", "DPoP bound"}, proof("bound"), none, 400, of("invalid_request", "the request is malformed: more than one Authorization"), bearer, dpop.ErrRequest, false},
		"two in one Authorization":        {[]string{"DPoP bound, Bearer bearer"}, proof("bound"), none, 400, of("invalid_request", "the request is malformed: what follows the scheme is not one token of at most 16 KiB"), bearer, dpop.ErrRequest, false},
		"no token":                        {[]string{"DPoP"}, proof(""), none, 400, of("invalid_request", "the request is malformed: an Authorization without a token"), bearer, dpop.ErrRequest, false},
		"a long token":                    {[]string{"DPoP " + strings.Repeat("a", 16<<10+1)}, proof("x"), none, 400, of("invalid_request", "the request is malformed: what follows the scheme is not one token of at most 16 KiB"), bearer, dpop.ErrRequest, false},
		"no proof":                        {[]string{"DPoP bound"}, nil, none, 401, of("invalid_dpop_proof", "no proof"), bearer, dpop.ErrProofMissing, false},
		"two proofs":                      {[]string{"DPoP bound"}, append(proof("bound"), proof("bound")...), none, 401, of("invalid_dpop_proof", "more than one proof"), bearer, dpop.ErrProofMany, false},
		"a proof for another token":       {[]string{"DPoP bound"}, proof("x"), none, 401, of("invalid_dpop_proof", "ath does not match the access token"), bearer, dpop.ErrProofToken, false},
		"a token nobody knows":            {[]string{"DPoP x"}, proof("x"), none, 401, of("invalid_token", "the access token is not valid here"), bearer, dpop.ErrInvalidToken, true},
		"bound to another key":            {[]string{"DPoP other"}, proof("other"), none, 401, of("invalid_token", "the access token is not valid here: it is bound to a key other than that of the proof"), bearer, dpop.ErrInvalidToken, true},
		"bound to nothing, by DPoP":       {[]string{"DPoP bearer"}, proof("bearer"), none, 401, of("invalid_token", "the access token is not valid here: it is bound to no key"), bearer, dpop.ErrInvalidToken, true},
		"bound to a certificate, by DPoP": {[]string{"DPoP cert"}, proof("cert"), none, 401, of("invalid_token", "the access token is not valid here: it is bound to no key"), bearer, dpop.ErrInvalidToken, true},
		"bound to both, no certificate":   {[]string{"DPoP both"}, proof("both"), none, 401, of("invalid_token", "the access token is not valid here: it is bound to a certificate, and the connection has none"), bearer, dpop.ErrInvalidToken, true},
		"without the scope":               {[]string{"DPoP scant"}, proof("scant"), none, 403, `DPoP error="insufficient_scope", error_description="the access token lacks a scope", scope="read", ` + algs, bearer, dpop.ErrScope, true},

		"Bearer where DPoP is required":    {[]string{"Bearer bearer"}, nil, 1 << dpop.AllowBearer, 401, plain, bearer + `, error="invalid_token", error_description="the access token is not valid here: it is bound to nothing"`, nil, false},
		"bound to a key, by Bearer":        {[]string{"Bearer bound"}, nil, none, 401, plain, bearer + `, error="invalid_token", error_description="the access token is not valid here: it is bound to a key and came as a bearer token"`, nil, false},
		"a proof with a bearer token":      {[]string{"Bearer bearer"}, proof("bearer"), none, 400, "", bearer + `, error="invalid_request", error_description="the request is malformed: a proof with a bearer token"`, dpop.ErrRequest, false},
		"a bearer token nobody knows":      {[]string{"Bearer x"}, nil, none, 401, plain, bearer + `, error="invalid_token", error_description="the access token is not valid here"`, nil, false},
		"bound to a certificate, and none": {[]string{"Bearer cert"}, nil, none, 401, plain, bearer + `, error="invalid_token", error_description="the access token is not valid here: it is bound to a certificate, and the connection has none"`, nil, false},
	} {
		for mode := range dpop.Mode(modes) {
			m, tokens := guard(t, func(m *dpop.Middleware) { m.Mode = mode })
			verdict := m.Check(t.Context(), c.authorization, dpop.Call{Method: "GET", URL: patients, Proofs: c.proofs, Scopes: []string{"read"}})
			if c.in&(1<<mode) != 0 {
				assert.NoError(t, verdict.Err, "%s %d", name, mode)
				assert.Equal(t, "kari", verdict.Token.Subject)
				assert.Equal(t, http.StatusOK, verdict.Status)
				assert.Empty(t, verdict.Header)
				assert.Equal(t, dpop.Counts{Passed: 1}, m.Counts())
				continue
			}
			assert.Nil(t, verdict.Token, "%s %d", name, mode)
			assert.Equal(t, c.status, verdict.Status, "%s %d", name, mode)
			assert.Equal(t, dpop.Counts{Refused: 1}, m.Counts())
			challenges := verdict.Header.Values("WWW-Authenticate")
			if mode == dpop.RequireDPoP {
				require.Len(t, challenges, 1, "%s: Bearer is not offered", name)
			} else {
				require.Len(t, challenges, 2)
				assert.Equal(t, c.bearer, challenges[1], "%s %d", name, mode)
			}
			if c.dpop != "" {
				assert.Equal(t, c.dpop, challenges[0], "%s %d", name, mode)
			}
			if c.rule != nil {
				assert.ErrorIs(t, verdict.Err, c.rule, "%s %d", name, mode)
				assert.Equal(t, c.asked, tokens.asked.Load() > 0, "%s: nobody is asked before the proof is right", name)
			}
		}
	}
}

// The Transport is admitted after it learned a nonce. Every response has a nonce and
// must not be stored.
func TestMiddlewareWithTheTransport(t *testing.T) {
	var refusals []error
	m, _ := guard(t, func(m *dpop.Middleware) {
		m.Proofs.Nonces = &dpop.Nonces{}
		m.OnError = func(_ context.Context, err error) { refusals = append(refusals, err) }
	})
	server := httptest.NewServer(m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(dpop.TokenFrom(r.Context()).Subject))
	}), "read"))
	defer server.Close()
	m.BaseURL = server.URL
	base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err == nil {
			assert.NotEmpty(t, resp.Header.Get("DPoP-Nonce"))
			assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
		}
		return resp, err
	})
	client := &dpop.Transport{Tokens: fixedToken("bound"), Base: base}
	for range 3 {
		status, body := get(t, client, server.URL+"/patients?a=b")
		assert.Equal(t, []any{200, "kari"}, []any{status, body})
	}
	require.Len(t, refusals, 1)
	require.ErrorIs(t, refusals[0], dpop.ErrProofNonce)
	assert.Equal(t, dpop.Counts{Passed: 3, Refused: 1}, m.Counts())

	status, body := get(t, &dpop.Transport{Tokens: fixedToken("scant"), Prover: client.Prover, Base: base}, server.URL+"/patients")
	assert.Equal(t, []any{403, "Forbidden\n"}, []any{status, body})
	assert.Nil(t, dpop.TokenFrom(t.Context()))
}

// A refused request does not consume its proof.
func TestMiddlewareConsumesAProofLast(t *testing.T) {
	m, tokens := guard(t, func(*dpop.Middleware) {})
	proof := proofFor(t, "bound", asGiven)
	try := func(scope string) error {
		return m.Check(t.Context(), []string{"DPoP bound"}, dpop.Call{Method: "GET", URL: patients, Proofs: []string{proof}, Scopes: []string{scope}}).Err
	}
	require.ErrorIs(t, try("write"), dpop.ErrScope)
	known := tokens.tokens
	tokens.tokens = nil
	require.ErrorIs(t, try("read"), dpop.ErrInvalidToken)
	tokens.err = errors.New("down")
	require.ErrorIs(t, try("read"), tokens.err)
	tokens.tokens = known
	require.NoError(t, try("read"))
	require.ErrorIs(t, try("read"), dpop.ErrReplayed)
}

// Failures of the issuer or the store are refused, and reported as such.
func TestMiddlewareUnavailable(t *testing.T) {
	down := errors.New("connection refused")
	for name, c := range map[string]struct {
		change func(*dpop.Middleware)
		status int
		rule   error
	}{
		"the issuer":              {func(m *dpop.Middleware) { m.Tokens = &issued{err: down} }, 503, down},
		"no answer from Tokens":   {func(m *dpop.Middleware) { m.Tokens = &issued{} }, 500, dpop.ErrConfig},
		"the replay cache":        {func(m *dpop.Middleware) { m.Proofs.Replay = failing{down} }, 503, down},
		"the replay cache, full":  {func(m *dpop.Middleware) { m.Proofs.Replay = failing{dpop.ErrReplayFull} }, 503, dpop.ErrReplayFull},
		"a key that has too many": {func(m *dpop.Middleware) { m.Proofs.Replay = failing{dpop.ErrReplayKeyFull} }, 429, dpop.ErrReplayKeyFull},
		"no replay cache":         {func(m *dpop.Middleware) { m.Proofs.Replay = nil }, 500, dpop.ErrConfig},
		"no Tokens":               {func(m *dpop.Middleware) { m.Tokens = nil }, 500, dpop.ErrConfig},
		"no Proofs":               {func(m *dpop.Middleware) { m.Proofs = nil }, 500, dpop.ErrConfig},
	} {
		var told error
		m, _ := guard(t, func(m *dpop.Middleware) {
			c.change(m)
			m.OnError = func(_ context.Context, err error) { told = err }
		})
		r := httptest.NewRequest("GET", patients, nil)
		r.Header.Set("Authorization", "DPoP bound")
		r.Header.Set("DPoP", proofFor(t, "bound", asGiven))
		w := httptest.NewRecorder()
		m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error(name + " lets in") })).ServeHTTP(w, r)
		assert.Equal(t, c.status, w.Code, name)
		assert.Empty(t, w.Header().Values("WWW-Authenticate"), name)
		require.ErrorIs(t, told, c.rule, name)
		if c.status == 429 {
			assert.Equal(t, dpop.Counts{Refused: 1}, m.Counts(), name)
		} else {
			assert.Equal(t, dpop.Counts{Unavailable: 1}, m.Counts(), name)
		}
		assert.NotContains(t, w.Body.String(), "connection refused", name)
	}
}

func TestMiddlewareConfig(t *testing.T) {
	for name, change := range map[string]func(*dpop.Middleware){
		"Mode":                      func(m *dpop.Middleware) { m.Mode = 3 },
		"neither BaseURL nor Hosts": func(m *dpop.Middleware) { m.BaseURL = "" },
		"both":                      func(m *dpop.Middleware) { m.Hosts = []string{"api.example.no"} },
		"http":                      func(m *dpop.Middleware) { m.BaseURL = "http://api.example.no" },
		"a query":                   func(m *dpop.Middleware) { m.BaseURL += "?" },
		"a fragment":                func(m *dpop.Middleware) { m.BaseURL += "#" },
		"a user":                    func(m *dpop.Middleware) { m.BaseURL = "https://u@api.example.no" },
		"no host":                   func(m *dpop.Middleware) { m.BaseURL = "https:///x" },
		"no URL":                    func(m *dpop.Middleware) { m.BaseURL = "api.example.no" },
		"a host that is a URL":      func(m *dpop.Middleware) { m.BaseURL, m.Hosts = "", []string{"https://api.example.no"} },
		"an empty host":             func(m *dpop.Middleware) { m.BaseURL, m.Hosts = "", []string{""} },
		"a window of a day":         func(m *dpop.Middleware) { m.Proofs.Window = 24 * 3600e9 },
	} {
		m, _ := guard(t, change)
		require.ErrorIs(t, m.Validate(), dpop.ErrConfig, name)
		verdict := m.Check(t.Context(), []string{"DPoP bound"}, dpop.Call{Method: "GET", URL: patients, Proofs: []string{proofFor(t, "bound", asGiven)}})
		assert.Equal(t, 500, verdict.Status, name)
	}
	m, _ := guard(t, asItIs)
	require.NoError(t, m.Validate())
}
