package rest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/rest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// serve starts a server and returns its URL.
func serve(t *testing.T, h http.HandlerFunc) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func TestRequest(t *testing.T) {
	var got *http.Request
	var body string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got, body = r, string(text)
	})
	require.NoError(t, rest.Call{Method: http.MethodPost, URL: url + "/keys", Body: keys.NewSecret("{}")}.JSON(t.Context(), nil))
	assert.Equal(t, "POST /keys", got.Method+" "+got.URL.Path)
	assert.Equal(t, "{}", body)
	assert.Equal(t, "application/json", got.Header.Get("Content-Type"))
	assert.Equal(t, "application/json", got.Header.Get("Accept"))
	assert.Empty(t, got.Header.Get("Authorization"))

	h := http.Header{"Accept": {"text/plain"}, "X-Other": {"public"}}
	secrets := map[string]keys.Secret{"authorization": keys.NewSecret("Token t")}
	a, err := rest.Call{Method: http.MethodPost, URL: url, Header: h, Secrets: secrets}.Do(t.Context())
	require.NoError(t, err)
	assert.True(t, a.OK())
	assert.Equal(t, []string{"text/plain"}, got.Header["Accept"])
	assert.Equal(t, "Token t", got.Header.Get("Authorization"))
	assert.Equal(t, "public", got.Header.Get("X-Other"))
	assert.Zero(t, got.ContentLength)
	assert.NotContains(t, got.Header, "Content-Type")
	assert.Equal(t, []string{"text/plain"}, h["Accept"], "the caller's header is not changed")
}

// tokens returns the next token when the one before has been discarded.
type tokens struct {
	list []string
	key  *keys.Key
	err  error
}

func (s *tokens) BoundToken(context.Context) (string, *keys.Key, error) {
	return s.list[0], s.key, s.err
}
func (s *tokens) Discard(token string) {
	if token == s.list[0] && len(s.list) > 1 {
		s.list = s.list[1:]
	}
}

// TestRefusedTokenIsReplacedOnce, be it a bearer token or bound to a key.
func TestRefusedTokenIsReplacedOnce(t *testing.T) {
	key, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	for scheme, key := range map[string]*keys.Key{"Bearer": nil, "DPoP": key} {
		var sent []string
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			sent = append(sent, r.Header.Get("Authorization"))
			assert.Equal(t, key != nil, r.Header.Get("DPoP") != "")
			if r.Header.Get("Authorization") != scheme+" good" {
				w.WriteHeader(http.StatusUnauthorized)
			}
		})
		call := rest.Call{Method: http.MethodGet, URL: url, Tokens: &tokens{list: []string{"old", "good"}, key: key}, Prover: &dpop.Prover{}}
		require.NoError(t, call.JSON(t.Context(), nil))
		require.NoError(t, call.JSON(t.Context(), nil))
		assert.Equal(t, []string{scheme + " old", scheme + " good", scheme + " good"}, sent)

		for _, list := range [][]string{{"old"}, {"old", "older", "good"}} {
			sent = nil
			call.Tokens = &tokens{list: list, key: key}
			err := call.JSON(t.Context(), nil)
			require.ErrorIs(t, err, rest.ErrRefused)
			assert.Len(t, sent, len(list[:min(len(list), 2)]))
		}
	}
	wrong := errors.New("no token")
	err = rest.Call{Method: http.MethodGet, URL: "https://api.example.no", Tokens: &tokens{list: []string{""}, err: wrong}}.JSON(t.Context(), nil)
	assert.Equal(t, wrong, err)
}

func TestFailures(t *testing.T) {
	status, answer := 200, ""
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		io.WriteString(w, answer)
	})
	var v struct{ Name string }
	for _, c := range []struct {
		status int
		answer string
		rule   error
		says   string
	}{
		{200, `{"Name":"x"}`, nil, ""},
		{200, `{"Name":1}`, rest.ErrMalformed, "rest: the answer is not the JSON that it should be: 200"},
		{200, strings.Repeat(" ", 1<<20+1), rest.ErrTooLarge, "rest: the answer is too large: 200"},
		{302, "", rest.ErrRefused, "rest: the server refused the request: 302"},
		{429, strings.Repeat("x", 2<<20), rest.ErrRefused, "rest: the server refused the request: 429"},
	} {
		status, answer = c.status, c.answer
		err := rest.Call{Method: http.MethodGet, URL: url}.JSON(t.Context(), &v)
		require.ErrorIs(t, err, c.rule, c.answer)
		if c.rule == nil {
			continue
		}
		require.EqualError(t, err, c.says)
		var e *rest.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, c.status, e.Status)
		if c.rule == rest.ErrRefused {
			assert.Equal(t, 7*time.Second, e.RetryAfter())
		}
	}
	assert.Equal(t, "x", v.Name)
	for _, url := range []string{"http://api.example.no", "ftp://localhost", "/keys", "https://a:b@api.example.no"} {
		require.ErrorIs(t, rest.Call{Method: http.MethodGet, URL: url}.JSON(t.Context(), nil), rest.ErrURL)
	}
	require.ErrorIs(t, rest.Call{Method: "B AD", URL: url}.JSON(t.Context(), nil), rest.ErrURL)
}

// TestErrorsQuoteNothingThatWasSent, neither a token nor a secret in the body.
func TestErrorsQuoteNothingThatWasSent(t *testing.T) {
	const token, secret = "a-token-nobody-may-see", "a-secret-nobody-may-see"
	call := rest.Call{
		Method: http.MethodPost, URL: "https://api.example.no", Body: keys.NewSecret(`{"client_secret":"` + secret + `"}`),
		Tokens: &tokens{list: []string{token}},
		Base: roundTripper(func(*http.Request) (*http.Response, error) {
			return nil, errors.New("cut off after " + token + " and " + secret)
		}),
	}
	err := call.JSON(t.Context(), nil)
	require.ErrorIs(t, err, rest.ErrNoAnswer)
	assert.NotContains(t, err.Error(), token)
	assert.NotContains(t, err.Error(), secret)

	call.Base = nil
	call.URL = serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) })
	a, err := call.Do(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "refused [redacted] with [redacted]", a.Text("refused\n"+token+" with "+secret))
}

// TestABrokenTrailerQuotesNothingThatWasSent has net/http quote a line of the
// trailer that is not one, in which a server repeats a token.
func TestABrokenTrailerQuotesNothingThatWasSent(t *testing.T) {
	const token = "a-token-nobody-may-see"
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if assert.NoError(t, err) {
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nyou sent %s\r\n\r\n", r.Header.Get("Authorization"))
			conn.Close()
		}
	})
	secrets := map[string]keys.Secret{"Authorization": keys.NewSecret("Bearer " + token)}
	err := rest.Call{Method: http.MethodGet, URL: url, Secrets: secrets}.JSON(t.Context(), nil)
	require.ErrorIs(t, err, rest.ErrNoAnswer)
	assert.NotContains(t, err.Error(), token)
}

// TestTextQuotesNothingThatWasSent in a header of the API's own, or in the body.
func TestTextQuotesNothingThatWasSent(t *testing.T) {
	const key = "tuesday-purple-elephant"
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		http.Error(w, "not for "+r.Header.Get("X-Api-Key")+string(body), http.StatusBadRequest)
	})
	for _, call := range []rest.Call{
		{Header: http.Header{"X-Api-Key": {key}}},
		{Header: http.Header{"x-api-key": {key}}},
		{Secrets: map[string]keys.Secret{"x-api-key": keys.NewSecret(key)}},
		{Body: keys.NewSecret(`{"registrationToken":"` + key + `"}`)},
	} {
		call.Method, call.URL = http.MethodPost, url
		a, err := call.Do(t.Context())
		require.NoError(t, err)
		assert.NotContains(t, a.Text(a.Body.Reveal()), key)
		assert.Contains(t, a.Text(a.Body.Reveal()), "not for ")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestTimeout is 30 s, or that of the Call.
func TestTimeout(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{0: 30 * time.Second, 2 * time.Minute: 2 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			call := rest.Call{Method: http.MethodGet, URL: "https://api.example.no", Timeout: timeout}
			call.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
			start := time.Now()
			require.ErrorIs(t, call.JSON(t.Context(), nil), context.DeadlineExceeded)
			assert.Equal(t, want, time.Since(start))
		})
	}
}

// Without a Base an answer may have 256 KiB of header.
func TestHeaderIsLimited(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Long", strings.Repeat("x", 256<<10)) })
	_, err := rest.Call{Method: http.MethodGet, URL: url}.Do(t.Context())
	require.ErrorIs(t, err, rest.ErrNoAnswer)
	require.ErrorContains(t, err, "server response headers exceeded")
}
