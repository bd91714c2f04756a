package dpop_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/dpop"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// No credentials reach another origin: neither those of the Transport, nor an
// assertion in the body of a token request through Bind, nor a token of the caller.
func TestRedirectToAnotherOrigin(t *testing.T) {
	other := newServer(t, false, func(http.ResponseWriter, int, attempt) {})
	otherName := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	overTLS := newServer(t, true, func(w http.ResponseWriter, _ int, _ attempt) {
		w.Header().Set("Location", other.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	for name, c := range map[string]struct {
		to   string
		want error
	}{
		"another port":       {other.URL, dpop.ErrRedirect},
		"another name":       {otherName, dpop.ErrRedirect},
		"another scheme":     {"https://" + strings.TrimPrefix(other.URL, "http://"), dpop.ErrRedirect},
		"https to loopback":  {overTLS.URL, dpop.ErrRedirect},
		"https to clear":     {"http://a.example/", dpop.ErrInsecure},
		"not http(s) at all": {"ftp://a.example/", dpop.ErrURL},
	} {
		for sender, client := range map[string]*http.Client{
			"Tokens": {Transport: &dpop.Transport{Tokens: fixedToken("t")}},
			"Bind":   {Transport: (&dpop.Prover{}).Bind(nil, testKey())},
		} {
			t.Run(name+" "+sender, func(t *testing.T) {
				s := newServer(t, false, func(w http.ResponseWriter, _ int, _ attempt) {
					w.Header().Set("Location", c.to)
					w.WriteHeader(http.StatusTemporaryRedirect) // keeps method and body
				})
				req := post(t, s.URL, strings.NewReader("client_assertion=secret"))
				if sender != "Tokens" {
					req.Header.Set("Authorization", "DPoP t")
				}
				_, err := client.Do(req)
				require.ErrorIs(t, err, c.want)
				assert.Len(t, s.seen(), 1)
				assert.Empty(t, other.seen())
			})
		}
	}
	t.Run("from https to http", func(t *testing.T) {
		client := &http.Client{Transport: &dpop.Transport{Tokens: fixedToken("t"), Base: overTLS.Client().Transport}}
		_, err := client.Do(post(t, overTLS.URL, strings.NewReader("x")))
		require.ErrorIs(t, err, dpop.ErrRedirect)
		assert.Len(t, overTLS.seen(), 1)
		assert.Empty(t, other.seen())
	})
}

func TestRedirectWithinTheOriginHasANewProof(t *testing.T) {
	s := newServer(t, false, func(w http.ResponseWriter, n int, _ attempt) {
		if n < 2 {
			w.Header().Set("Location", "/moved")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
	})
	client := &http.Client{Transport: &dpop.Transport{Tokens: fixedToken("t")}}
	resp, err := client.Do(post(t, s.URL+"/first", strings.NewReader("x")))
	require.NoError(t, err)
	resp.Body.Close()
	seen := s.seen()
	require.Len(t, seen, 3)
	assert.Equal(t, s.URL+"/moved", seen[2].HTU)
	assert.Equal(t, "DPoP t", seen[2].Authorization)
	assert.Equal(t, "x", seen[2].Body)
}

// The origin is compared however it is spelled; the proof names it as it is sent.
func TestRedirectWithinTheOriginSpelledOtherwise(t *testing.T) {
	for _, to := range []string{"https://API.example.no/moved", "https://api.example.no:443/moved", "HTTPS://api.example.NO:443/moved"} {
		var named []string
		client := &http.Client{Transport: &dpop.Transport{Tokens: fixedToken("t"), Base: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			o, err := open(r.Header.Get("DPoP"))
			require.NoError(t, err)
			assert.Equal(t, "DPoP t", r.Header.Get("Authorization"))
			named = append(named, o.HTU)
			if len(named) > 1 {
				return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
			}
			return &http.Response{StatusCode: http.StatusTemporaryRedirect, Header: http.Header{"Location": {to}}, Body: http.NoBody, Request: r}, nil
		})}}
		resp, err := client.Do(post(t, "https://api.example.no/first", strings.NewReader("x")))
		require.NoError(t, err, to)
		resp.Body.Close()
		assert.Equal(t, []string{"https://api.example.no/first", strings.Replace(to, "HTTPS:", "https:", 1)}, named)
	}
}

func TestRedirectFromAnUnknownOrigin(t *testing.T) {
	for _, lost := range []*http.Response{{}, {Request: &http.Request{}}} { // dropped by a wrapping RoundTripper
		req := post(t, "https://a.example/", nil)
		req.Response = lost
		_, err := new(dpop.Prover).Bind(nil, testKey()).RoundTrip(req)
		require.ErrorIs(t, err, dpop.ErrRedirect)
	}
}

func TestHTTPOnLoopbackOnly(t *testing.T) {
	sent := false
	rt := new(dpop.Prover).Bind(roundTripFunc(func(*http.Request) (*http.Response, error) {
		sent = true
		return nil, context.Canceled
	}), testKey())
	for url, allowed := range map[string]bool{
		"http://localhost/": true, "http://LOCALHOST/": true, "http://127.0.0.1:81/": true, "http://127.9.9.9/": true, "http://[::1]/": true,
		"http://a.example/": false, "http://10.0.0.1/": false, "http://localhost.example/": false, "http://127.0.0.1.example/": false,
	} {
		sent = false
		_, err := rt.RoundTrip(post(t, url, nil))
		assert.Equal(t, allowed, sent, url)
		assert.Equal(t, !allowed, assert.ObjectsAreEqual(dpop.ErrInsecure, rule(err)), url)
	}
}

// rule returns the rule of an *Error.
func rule(err error) error {
	if e, ok := err.(*dpop.Error); ok {
		return e.Rule
	}
	return nil
}
