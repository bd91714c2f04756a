package access_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/access"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const endpoint = issuer + "/introspect"

// knowing answers introspection requests from a table of tokens and counts them.
type knowing struct {
	tokens map[string]string
	asked  atomic.Int32
	before func() // each answer; may be nil
}

func (k *knowing) RoundTrip(r *http.Request) (*http.Response, error) {
	k.asked.Add(1)
	if k.before != nil {
		k.before()
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	text, known := k.tokens[form.Get("token")]
	if !known {
		text = `{"active":false}`
	}
	return answer(200, text), nil
}

func introspector(base http.RoundTripper) *access.Introspector {
	return &access.Introspector{Endpoint: endpoint, Auth: &assertion.MutualTLS{ClientID: "api"}, Base: base}
}

func active(t *testing.T, changed map[string]any) string {
	t.Helper()
	all := good(changed)
	all["active"] = true
	text, err := json.Marshal(without(all))
	require.NoError(t, err)
	return string(text)
}

// TestIntrospectorRequest checks the request of RFC 7662 §2.1, with client
// authentication.
func TestIntrospectorRequest(t *testing.T) {
	key := testKey(t, keys.ES256, 1)
	var request *http.Request
	var form url.Values
	i := introspector(network(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		form, err = url.ParseQuery(string(body))
		require.NoError(t, err)
		request = r
		return answer(200, active(t, map[string]any{"cnf": map[string]any{"jkt": key.Thumbprint()}, "username": "kari"})), nil
	}))
	i.Auth = &assertion.Signer{ClientID: "api", Audience: issuer, Key: key}
	got, err := i.Token(t.Context(), "an-opaque.token")
	require.NoError(t, err)
	assert.Equal(t, []string{http.MethodPost, endpoint, "application/x-www-form-urlencoded", "application/json"},
		[]string{request.Method, request.URL.String(), request.Header.Get("Content-Type"), request.Header.Get("Accept")})
	assert.Equal(t, []string{"an-opaque.token", "access_token", "api", assertion.AssertionType},
		[]string{form.Get("token"), form.Get("token_type_hint"), form.Get("client_id"), form.Get("client_assertion_type")})
	assert.NotEmpty(t, form.Get("client_assertion"))
	assert.Equal(t, &dpop.Token{
		Issuer: issuer, Subject: "kari", ClientID: "client-1", Audience: []string{audience}, Scopes: []string{"read", "write"},
		Expires: got.Expires, JKT: key.Thumbprint(),
	}, bare(got))
	assert.Contains(t, string(got.Claims), `"username":"kari"`)
}

// TestIntrospectorAnswers has responses with the rule that they break, and whether
// they are about the token.
func TestIntrospectorAnswers(t *testing.T) {
	now := time.Now().Unix()
	status := func(code int, body string) network {
		return func(*http.Request) (*http.Response, error) { return answer(code, body), nil }
	}
	says := func(changed map[string]any) network { return status(200, active(t, changed)) }
	for name, c := range map[string]struct {
		base http.RoundTripper
		rule error // nil: accepted
	}{
		"as it should be":             {says(nil), nil},
		"nothing but active":          {status(200, `{"active":true,"aud":"`+audience+`"}`), nil},
		"not active":                  {status(200, `{"active":false}`), access.ErrInactive},
		"not active, and more":        {status(200, `{"active":false,"sub":7}`), access.ErrInactive},
		"expired":                     {says(map[string]any{"exp": now - 11}), access.ErrExpired},
		"not yet":                     {says(map[string]any{"nbf": now + 60}), access.ErrNotYet},
		"for another API":             {says(map[string]any{"aud": "x"}), access.ErrAudience},
		"for no API":                  {says(map[string]any{"aud": nil}), access.ErrAudience},
		"of another issuer":           {says(map[string]any{"iss": "x"}), access.ErrIssuer},
		"of an issuer it names not":   {says(map[string]any{"iss": nil}), nil},
		"sub is a number":             {says(map[string]any{"sub": 1}), access.ErrClaim},
		"bound in an unknown way":     {says(map[string]any{"cnf": map[string]any{"kid": "x"}}), access.ErrBinding},
		"jkt empty":                   {says(map[string]any{"cnf": map[string]any{"jkt": ""}}), access.ErrBinding},
		"active is text":              {status(200, `{"active":"true"}`), access.ErrUnavailable},
		"active is a number":          {status(200, `{"active":1}`), access.ErrUnavailable},
		"active is null":              {status(200, `{"active":null}`), access.ErrUnavailable},
		"active twice":                {status(200, `{"active":false,"active":true}`), access.ErrUnavailable},
		"active in another case":      {status(200, `{"Active":true}`), access.ErrUnavailable},
		"no object":                   {status(200, `[true]`), access.ErrUnavailable},
		"more behind it":              {status(200, `{"active":true} {}`), access.ErrUnavailable},
		"HTML":                        {status(200, `<html>`), access.ErrUnavailable},
		"nothing":                     {status(200, ``), access.ErrUnavailable},
		"too much":                    {status(200, active(t, map[string]any{"x": strings.Repeat("x", 64<<10)})), access.ErrUnavailable},
		"401":                         {status(401, `{"error":"invalid_client"}`), access.ErrUnavailable},
		"active, but 202":             {status(202, active(t, nil)), access.ErrUnavailable},
		"redirect":                    {status(302, ""), access.ErrUnavailable},
		"500":                         {status(500, ""), access.ErrUnavailable},
		"connection refused":          {network(func(*http.Request) (*http.Response, error) { return nil, errors.New("refused") }), access.ErrUnavailable},
		"a panic of the RoundTripper": {network(func(*http.Request) (*http.Response, error) { panic("of the caller's own") }), access.ErrUnavailable},
	} {
		i := introspector(c.base)
		i.Issuer, i.Audiences = issuer, []string{audience}
		got, err := i.Token(t.Context(), "an-opaque-token-that-nobody-may-see")
		if c.rule == nil {
			if assert.NoError(t, err, name) {
				assert.Equal(t, issuer, got.Issuer, name)
			}
			continue
		}
		assert.Nil(t, got, name)
		require.ErrorIs(t, err, c.rule, name)
		assert.Equal(t, c.rule != access.ErrUnavailable, errors.Is(err, dpop.ErrInvalidToken), name)
		assert.NotContains(t, err.Error(), "nobody-may-see", name)
	}
}

// The server echoes the request.
func TestIntrospectorErrorsDoNotQuote(t *testing.T) {
	const token = "an-opaque-token-that-nobody-may-see"
	for _, body := range []string{`{"error":"` + token + `"}`, `{"error":"invalid_request","error_description":"` + token + `"}`, token, `{"active":"` + token + `"}`} {
		for _, status := range []int{200, 400, 500} {
			_, err := introspector(network(func(*http.Request) (*http.Response, error) { return answer(status, body), nil })).Token(t.Context(), token)
			require.ErrorIs(t, err, access.ErrUnavailable)
			keystest.Redacted(t, err, []byte(token))
		}
	}
}

// Positive and negative responses are cached for MaxAge, but never past the expiry
// of the token. Failures are not cached.
func TestIntrospectorCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().Unix()
		k := &knowing{tokens: map[string]string{
			"long": active(t, nil), "short": active(t, map[string]any{"exp": now + 5}), "endless": active(t, map[string]any{"exp": nil}),
		}}
		i := introspector(k)
		i.Leeway = time.Second
		is := func(token string, rule error, asked int) {
			t.Helper()
			_, err := i.Token(t.Context(), token)
			require.ErrorIs(t, err, rule, token)
			require.Equal(t, int32(asked), k.asked.Swap(0), token)
		}
		for _, token := range []string{"long", "short", "endless"} {
			is(token, nil, 1)
			is(token, nil, 0)
		}
		is("none", access.ErrInactive, 1)
		is("none", access.ErrInactive, 0)
		time.Sleep(6*time.Second - time.Nanosecond)
		is("short", nil, 0)
		time.Sleep(time.Nanosecond)
		is("short", access.ErrExpired, 1)
		is("long", nil, 0)
		time.Sleep(24*time.Second - time.Nanosecond)
		is("long", nil, 0)
		is("endless", nil, 0)
		is("none", access.ErrInactive, 0)
		time.Sleep(time.Nanosecond)
		k.tokens["none"] = k.tokens["long"] // it was not valid yet
		delete(k.tokens, "long")            // revoked
		is("long", access.ErrInactive, 1)
		is("endless", nil, 1)
		is("none", nil, 1)

		k.before = func() { panic("down") }
		is("new", access.ErrUnavailable, 1)
		is("new", access.ErrUnavailable, 1)
		is("endless", nil, 0)
		time.Sleep(30 * time.Second)
		is("endless", access.ErrUnavailable, 1) // no stale response is used: the token may be revoked
	})
}

// Concurrent calls share one request for a token, and there are at most 64 requests
// at a time. A caller's context ends only its own wait.
func TestIntrospectorOneFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		k := &knowing{tokens: map[string]string{"a": active(t, nil)}, before: func() { <-hang }}
		i := introspector(k)
		brief, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { _, err := i.Token(t.Context(), "a"); assert.NoError(t, err) })
		}
		all.Go(func() {
			_, err := i.Token(brief, "a")
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
		synctest.Wait()
		assert.Equal(t, int32(1), k.asked.Load())
		for n := range 63 {
			all.Go(func() { _, err := i.Token(t.Context(), fmt.Sprint(n)); assert.ErrorIs(t, err, access.ErrInactive) })
		}
		synctest.Wait()
		_, err := i.Token(t.Context(), "one more")
		require.ErrorIs(t, err, access.ErrMalformed) // a space
		_, err = i.Token(t.Context(), "one-more")
		require.ErrorIs(t, err, access.ErrUnavailable)
		time.Sleep(2 * time.Second)
		close(hang)
		all.Wait()
		assert.Equal(t, int32(64), k.asked.Load())

		stuck := make(chan struct{})
		defer close(stuck)
		k.before = func() { <-stuck } // ignores the context
		started := time.Now()
		_, err = i.Token(t.Context(), "b")
		require.ErrorIs(t, err, access.ErrUnavailable)
		assert.Equal(t, 10*time.Second, time.Since(started))
	})
}

// A flood of made-up tokens neither evicts a real one nor grows the cache.
func TestIntrospectorMemoryIsBounded(t *testing.T) {
	k := &knowing{tokens: map[string]string{"real": active(t, nil)}}
	i := introspector(k)
	i.MaxAge = time.Hour
	_, err := i.Token(t.Context(), "real")
	require.NoError(t, err)
	for range 3_000 {
		_, err := i.Token(t.Context(), rand.Text())
		require.ErrorIs(t, err, access.ErrInactive)
	}
	asked := k.asked.Load()
	_, err = i.Token(t.Context(), "real")
	require.NoError(t, err)
	assert.Equal(t, asked, k.asked.Load())
	access.AssertBounded(t, i)
}

func TestIntrospectorConfig(t *testing.T) {
	for _, i := range []*access.Introspector{{}, {Endpoint: endpoint}, {Auth: &assertion.MutualTLS{ClientID: "api"}}} {
		_, err := i.Token(t.Context(), "x")
		require.ErrorIs(t, err, access.ErrConfig)
	}
	i := introspector(&knowing{})
	for _, token := range []string{"", "a b", "a\n", "å", strings.Repeat("a", 16<<10+1)} {
		_, err := i.Token(t.Context(), token)
		require.ErrorIs(t, err, access.ErrMalformed)
		require.ErrorIs(t, err, dpop.ErrInvalidToken)
	}
	for _, address := range []string{"http://as.example.com/introspect", "as.example.com/introspect", "https://u:p@as.example.com/introspect"} {
		i := introspector(&knowing{})
		i.Endpoint = address
		require.ErrorIs(t, i.Validate(), dpop.ErrConfig, address)
		_, err := i.Token(t.Context(), "x")
		require.EqualError(t, err, "access: incomplete configuration: Endpoint is not an https URL", address)
	}
	i = introspector(&knowing{})
	i.Endpoint = "http://localhost:8080/introspect"
	require.NoError(t, i.Validate())
}

// net/http quotes the trailer of an answer when that is malformed.
func TestIntrospectionErrorsQuoteNothingThatWasSent(t *testing.T) {
	const token, secret = "a-token-nobody-may-see", "a-secret-nobody-may-see"
	i := introspector(network(func(*http.Request) (*http.Response, error) {
		torn := iotest.ErrReader(errors.New("malformed MIME header line: " + token + " " + secret))
		return &http.Response{StatusCode: 200, Body: io.NopCloser(io.MultiReader(strings.NewReader("{}"), torn))}, nil
	}))
	i.Auth = &assertion.Post{ClientID: "api", Secret: keys.NewSecret(secret)}
	_, err := i.Token(t.Context(), token)
	require.ErrorContains(t, err, "repeats what was sent")
	assert.NotContains(t, err.Error(), token)
	assert.NotContains(t, err.Error(), secret)
}
