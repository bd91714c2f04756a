package dpop_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// tokenList returns t0, and another token after each Discard.
type tokenList struct {
	mu        sync.Mutex
	n         int
	discarded []string
	err       error // of the next token
}

func (l *tokenList) BoundToken(context.Context) (string, *keys.Key, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n > 0 && l.err != nil {
		return "", nil, l.err
	}
	return fmt.Sprint("t", l.n), testKey(), nil
}

func (l *tokenList) Discard(token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.discarded = append(l.discarded, token)
	l.n++
}

// refuseFirst refuses the token t0 with 401 invalid_token.
func refuseFirst(w http.ResponseWriter, _ int, a attempt) {
	if a.Authorization == "DPoP t0" {
		w.Header().Set("WWW-Authenticate", `DPoP error="invalid_token", error_description="expired"`)
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, "refused")
	}
}

func TestRefusedTokenIsReplaced(t *testing.T) {
	for name, challenge := range map[string][]string{
		"RFC 9449 §7.1":                      {`DPoP error="invalid_token"`},
		"a framework that knows Bearer only": {`Bearer realm="api", error="invalid_token"`},
		"both schemes in one header":         {`Bearer error="invalid_token", DPoP algs="ES256"`},
		"both schemes in two headers":        {`DPoP algs="ES256"`, `bearer error=invalid_token`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, false, func(w http.ResponseWriter, n int, _ attempt) {
				if n == 0 {
					w.Header()["Www-Authenticate"] = challenge
					w.WriteHeader(http.StatusUnauthorized)
				}
			})
			tokens := &tokenList{}
			status, _ := do(t, &dpop.Transport{Tokens: tokens}, post(t, s.URL, &source{Reader: strings.NewReader("body")}))
			assert.Equal(t, 200, status)
			require.Len(t, s.seen(), 2)
			assert.Equal(t, "DPoP t1", s.seen()[1].Authorization)
			assert.Equal(t, "body", s.seen()[1].Body)
			assert.Equal(t, []string{"t0"}, tokens.discarded)
		})
	}
}

// The API gets each request twice, whatever the scheme of its challenge.
func TestEveryTokenRefused(t *testing.T) {
	for _, scheme := range []string{"DPoP", "Bearer"} {
		s := newServer(t, false, func(w http.ResponseWriter, _ int, _ attempt) {
			w.Header().Set("WWW-Authenticate", scheme+` error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
		})
		tokens := &tokenList{}
		status, _ := do(t, &dpop.Transport{Tokens: tokens}, post(t, s.URL, strings.NewReader("body")))
		assert.Equal(t, 401, status)
		assert.Len(t, s.seen(), 2, scheme)
		assert.Equal(t, []string{"t0"}, tokens.discarded, scheme)
	}
}

func TestRefusedTokenWithoutAnother(t *testing.T) {
	t.Run("a source that cannot discard", func(t *testing.T) {
		s := newServer(t, false, refuseFirst)
		status, body := get(t, &dpop.Transport{Tokens: fixedToken("t0")}, s.URL)
		assert.Equal(t, 401, status)
		assert.Equal(t, "refused", body)
		assert.Len(t, s.seen(), 1)
	})
	t.Run("a source that keeps its token", func(t *testing.T) {
		s := newServer(t, false, refuseFirst)
		status, body := get(t, &dpop.Transport{Tokens: stubborn{fixedToken("t0")}}, s.URL)
		assert.Equal(t, 401, status)
		assert.Equal(t, "refused", body)
		assert.Len(t, s.seen(), 1)
	})
	t.Run("a source that fails", func(t *testing.T) {
		s := newServer(t, false, refuseFirst)
		down := errors.New("down")
		_, err := (&dpop.Transport{Tokens: &tokenList{err: down}}).RoundTrip(post(t, s.URL, nil))
		require.ErrorIs(t, err, down)
	})
	t.Run("a body that cannot be sent again", func(t *testing.T) {
		s := newServer(t, false, refuseFirst)
		tokens := &tokenList{}
		status, _ := do(t, &dpop.Transport{Tokens: tokens}, post(t, s.URL, &source{Reader: strings.NewReader(strings.Repeat("x", 2<<20))}))
		assert.Equal(t, 401, status)
		assert.Len(t, s.seen(), 1)
		assert.Equal(t, []string{"t0"}, tokens.discarded, "the next request gets a new one")
	})
}

// A missing permission or a refused proof is not the fault of the token.
func TestTokenIsKeptOnOtherErrors(t *testing.T) {
	for name, c := range map[string]struct {
		status    int
		challenge string
	}{
		"401 without a reason":        {401, `DPoP algs="ES256"`},
		"401 for the proof":           {401, `DPoP error="invalid_dpop_proof"`},
		"401 for the proof above all": {401, `Bearer error="invalid_token", DPoP error="invalid_dpop_proof"`},
		"401 in a scheme of its own":  {401, `Custom error="invalid_token"`},
		"401 for another reason":      {401, `Bearer error="invalid_request", error_description="invalid_token"`},
		"403 for the scope":           {403, `DPoP error="insufficient_scope"`},
		"403 that calls the token so": {403, `DPoP error="invalid_token"`},
		"200 that calls the token so": {200, `DPoP error="invalid_token"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, false, func(w http.ResponseWriter, _ int, _ attempt) {
				w.Header().Set("WWW-Authenticate", c.challenge)
				w.WriteHeader(c.status)
			})
			tokens := &tokenList{}
			status, _ := get(t, &dpop.Transport{Tokens: tokens}, s.URL)
			assert.Equal(t, c.status, status)
			assert.Len(t, s.seen(), 1)
			assert.Empty(t, tokens.discarded)
		})
	}
}

type stubborn struct{ fixedToken }

func (stubborn) Discard(string) {}

func TestAuthorizationOfTheCaller(t *testing.T) {
	withTokens := &dpop.Transport{Tokens: fixedToken("t")}
	bound := new(dpop.Prover).Bind(nil, testKey())
	for name, c := range map[string]struct {
		rt   http.RoundTripper
		set  []string
		sent string // "": refused with ErrToken
	}{
		"DPoP token":               {bound, []string{"DPoP s3cret"}, "DPoP s3cret"},
		"scheme in another case":   {bound, []string{"dpop s3cret"}, "DPoP s3cret"},
		"client authentication":    {bound, []string{"Basic YTpi"}, "Basic YTpi"},
		"Bearer token":             {bound, []string{"Bearer s3cret"}, ""},
		"bearer token":             {bound, []string{"bearer s3cret"}, ""},
		"no token after the word":  {bound, []string{"DPoP "}, ""},
		"two":                      {bound, []string{"DPoP a", "DPoP b"}, ""},
		"DPoP token with Tokens":   {withTokens, []string{"DPoP s3cret"}, ""},
		"Bearer token with Tokens": {withTokens, []string{"Bearer s3cret"}, ""},
		"Basic with Tokens":        {withTokens, []string{"Basic YTpi"}, ""},
		"none with Tokens":         {withTokens, nil, "DPoP t"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, false, func(http.ResponseWriter, int, attempt) {})
			s.lenient = strings.HasPrefix(c.sent, "Basic")
			req := post(t, s.URL, nil)
			req.Header["Authorization"] = c.set
			resp, err := c.rt.RoundTrip(req)
			if c.sent == "" {
				require.ErrorIs(t, err, dpop.ErrToken)
				assert.NotContains(t, err.Error(), "s3cret")
				assert.Empty(t, s.seen())
				return
			}
			require.NoError(t, err)
			resp.Body.Close()
			assert.Equal(t, c.sent, s.seen()[0].Authorization)
			assert.Same(t, req, resp.Request, "the answer's request shows no token and no proof")
			assert.Empty(t, req.Header.Get("DPoP"))
		})
	}
}

func TestTransportWithoutCredentials(t *testing.T) {
	for name, c := range map[string]struct {
		rt   http.RoundTripper
		want error
	}{
		"zero value":             {&dpop.Transport{}, dpop.ErrKey},
		"token without a key":    {&dpop.Transport{Tokens: tokenFunc(func() (string, *keys.Key) { return "secret", nil })}, dpop.ErrKey},
		"key without a token":    {&dpop.Transport{Tokens: tokenFunc(func() (string, *keys.Key) { return "", testKey() })}, dpop.ErrToken},
		"Bind without a key":     {(&dpop.Prover{}).Bind(nil, nil), dpop.ErrKey},
		"request without a URL":  {new(dpop.Prover).Bind(nil, testKey()), dpop.ErrURL},
		"request by opaque path": {new(dpop.Prover).Bind(nil, testKey()), dpop.ErrURL},
	} {
		t.Run(name, func(t *testing.T) {
			req := post(t, "https://a.example/", nil)
			switch {
			case strings.HasSuffix(name, "URL"):
				req.URL = nil
			case strings.HasSuffix(name, "path"):
				req.URL.Opaque = "//a.example/%2F"
			}
			_, err := c.rt.RoundTrip(req)
			require.ErrorIs(t, err, c.want)
			assert.NotContains(t, err.Error(), "secret")
		})
	}
}

type tokenFunc func() (string, *keys.Key)

func (f tokenFunc) BoundToken(context.Context) (string, *keys.Key, error) {
	token, key := f()
	return token, key, nil
}

func TestProofNamesTheHostThatIsSent(t *testing.T) {
	s := newServer(t, false, func(http.ResponseWriter, int, attempt) {})
	req := post(t, s.URL+"/x", nil)
	req.Host = "API.example.no:80"
	do(t, &dpop.Transport{Tokens: fixedToken("t")}, req)
	assert.Equal(t, "http://API.example.no:80/x", s.seen()[0].HTU)
}

func TestRequestWithoutHeaderOrMethod(t *testing.T) {
	s := newServer(t, false, func(http.ResponseWriter, int, attempt) {})
	req := post(t, s.URL, nil)
	req.Method, req.Header = "", nil
	status, _ := do(t, &dpop.Transport{Tokens: fixedToken("t")}, req)
	assert.Equal(t, 200, status)
	assert.Equal(t, "GET", s.seen()[0].HTM)
	assert.Nil(t, req.Header)
}

// golang.org/x/oauth2 gets a token through Prover.Bind, with a nonce challenge, and
// calls the API with it.
func TestOAuth2Client(t *testing.T) {
	s := newServer(t, true, nil)
	s.answer = func(w http.ResponseWriter, _ int, a attempt) {
		switch {
		case a.Nonce == "" && a.Authorization == "":
			askAsToken(w, "token-nonce")
		case a.Authorization == "":
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(map[string]any{"access_token": "bound", "token_type": "DPoP", "expires_in": 60})
		case a.Nonce == "":
			askAsAPI(w, "api-nonce")
		}
	}
	client := s.Client()
	client.Transport = new(dpop.Prover).Bind(client.Transport, testKey())
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, client)
	config := clientcredentials.Config{ClientID: "c", ClientSecret: "s", TokenURL: s.URL + "/token", AuthStyle: oauth2.AuthStyleInParams}
	resp, err := config.Client(ctx).Post(s.URL+"/api", "text/plain", strings.NewReader("hello"))
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, 200, resp.StatusCode)
	assert.Equal(t, []string{"", "token-nonce", "", "api-nonce"}, s.nonces())
	last := s.seen()[3]
	assert.Equal(t, "DPoP bound", last.Authorization)
	assert.Equal(t, "hello", last.Body)
}

func TestDefaultBaseIsPerProver(t *testing.T) {
	s := newServer(t, false, func(http.ResponseWriter, int, attempt) {})
	p := &dpop.Prover{}
	for range 3 { // a connection opened by one Transport serves the next
		get(t, &dpop.Transport{Tokens: fixedToken("t"), Prover: p}, s.URL)
	}
	var addresses []string
	for _, a := range s.seen() {
		addresses = append(addresses, a.remote)
	}
	assert.Equal(t, []string{addresses[0], addresses[0], addresses[0]}, addresses)

	for i, rt := range []http.RoundTripper{&dpop.Transport{Tokens: fixedToken("t"), Prover: p}, p.Bind(nil, testKey())} {
		(&http.Client{Transport: rt}).CloseIdleConnections()
		get(t, &dpop.Transport{Tokens: fixedToken("t"), Prover: p}, s.URL)
		assert.NotEqual(t, s.seen()[i+2].remote, s.seen()[i+3].remote)
	}
}
