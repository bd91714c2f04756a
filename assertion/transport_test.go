package assertion_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const formType = "application/x-www-form-urlencoded"

func formPost(t testing.TB, target, body string) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", formType)
	return r
}

// recorder keeps the requests that would have gone over the network.
type recorder struct {
	requests []*http.Request
	forms    []url.Values
}

func (n *recorder) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body.Close()
	}
	form, _ := url.ParseQuery(string(body))
	n.requests, n.forms = append(n.requests, r), append(n.forms, form)
	return answer(200, "{}"), nil
}

func TestTransportReplacesOtherAuthentication(t *testing.T) {
	net := new(recorder)
	tr := &assertion.Transport{Auth: testSigner(t), Endpoint: endpoint, Base: net}
	r := formPost(t, endpoint, "grant_type=x&client_secret=s&client_assertion=old&client_assertion_type=old&client_id=other")
	r.Header.Set("Content-Type", formType+"; charset=utf-8")
	r.SetBasicAuth("other", "s")
	_, err := tr.RoundTrip(r)
	require.NoError(t, err)
	require.Len(t, net.forms, 1)
	form := net.forms[0]
	assert.Empty(t, net.requests[0].Header.Get("Authorization"))
	assert.NotContains(t, form, "client_secret")
	assert.Equal(t, []string{clientID}, form["client_id"])
	require.Len(t, form["client_assertion"], 1)
	payloadOf(t, form.Get("client_assertion"), jose.ES256, testKey(t, keys.ES256).PublicKey().Public())
	assert.Equal(t, int64(len(form.Encode())), net.requests[0].ContentLength)
}

func TestTransportLeavesNoAssertionBesideAnotherAuthentication(t *testing.T) {
	net := new(recorder)
	tr := &assertion.Transport{Auth: &assertion.Basic{ClientID: clientID, Secret: keys.NewSecret("new")}, Endpoint: endpoint, Base: net}
	r := formPost(t, endpoint, "grant_type=x&client_secret=s&client_assertion=old&client_assertion_type=old")
	r.SetBasicAuth("other", "old")
	_, err := tr.RoundTrip(r)
	require.NoError(t, err)
	assert.Equal(t, []url.Values{{"grant_type": {"x"}}}, net.forms)
	id, secret, _ := net.requests[0].BasicAuth()
	assert.Equal(t, clientID+" new", id+" "+secret)
}

func TestTransportDoesNotChangeTheRequest(t *testing.T) {
	r := formPost(t, endpoint, "grant_type=x")
	r.SetBasicAuth("a", "b")
	header, length := r.Header.Clone(), r.ContentLength
	_, err := (&assertion.Transport{Auth: &assertion.Basic{ClientID: clientID, Secret: keys.NewSecret("s")}, Endpoint: endpoint, Base: new(recorder)}).RoundTrip(r)
	require.NoError(t, err)
	assert.Equal(t, header, r.Header)
	assert.Equal(t, length, r.ContentLength)
}

// TestTransportReplay: net/http asks GetBody for the form again when a kept
// connection was dead; the attempt that the server then sees is a new one.
func TestTransportReplay(t *testing.T) {
	net := new(recorder)
	tr := &assertion.Transport{Auth: testSigner(t), Endpoint: endpoint, Base: net}
	_, err := tr.RoundTrip(formPost(t, endpoint, "grant_type=x"))
	require.NoError(t, err)
	again, err := net.requests[0].GetBody()
	require.NoError(t, err)
	body, err := io.ReadAll(again)
	require.NoError(t, err)
	form, err := url.ParseQuery(string(body))
	require.NoError(t, err)
	assert.Len(t, body, int(net.requests[0].ContentLength))
	assert.NotEqual(t, net.forms[0].Get("client_assertion"), form.Get("client_assertion"))
	payloadOf(t, form.Get("client_assertion"), jose.ES256, testKey(t, keys.ES256).PublicKey().Public())
}

// TestTransportReplayAfterARotation: a form of another length than the headers
// have announced is not sent.
func TestTransportReplayAfterARotation(t *testing.T) {
	net, alg := new(recorder), keys.ES256
	signer := &assertion.Signer{ClientID: clientID, Audience: issuer, Key: keySource(func(context.Context) (*keys.Key, error) {
		return testKey(t, alg), nil
	})}
	_, err := (&assertion.Transport{Auth: signer, Endpoint: endpoint, Base: net}).RoundTrip(formPost(t, endpoint, "grant_type=x"))
	require.NoError(t, err)
	alg = keys.RS256
	_, err = net.requests[0].GetBody()
	assert.ErrorIs(t, err, assertion.ErrConfig)
}

func TestTransportRefuses(t *testing.T) {
	rows := map[string]struct {
		endpoint, target, body string
		rule                   error
	}{
		"another host":            {endpoint, "https://evil.example.com/token", "a=b", assertion.ErrOrigin},
		"another port":            {endpoint, "https://as.example.com:8443/token", "a=b", assertion.ErrOrigin},
		"another scheme":          {endpoint, "http://as.example.com/token", "a=b", assertion.ErrOrigin},
		"a host that only starts": {endpoint, "https://as.example.com.evil.com/token", "a=b", assertion.ErrOrigin},
		"http to another machine": {"http://as.example.com/token", "http://as.example.com/token", "a=b", assertion.ErrInsecure},
		"http to a local lookalike": {
			"http://localhost.example.com/token", "http://localhost.example.com/token", "a=b", assertion.ErrInsecure,
		},
		"no endpoint":             {"", endpoint, "a=b", assertion.ErrConfig},
		"an endpoint with a user": {"https://u:p@as.example.com/token", endpoint, "a=b", assertion.ErrMalformed},
		"a relative endpoint":     {"/token", endpoint, "a=b", assertion.ErrMalformed},
		"a form over 1 MiB":       {endpoint, endpoint, "a=" + strings.Repeat("b", 1<<20), assertion.ErrTooLarge},
		"a broken form":           {endpoint, endpoint, "a=%zz-input", assertion.ErrMalformed},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			net, body := new(recorder), &closes{Reader: strings.NewReader(r.body)}
			req := formPost(t, r.target, "")
			req.Body = body
			_, err := (&assertion.Transport{Auth: testSigner(t), Endpoint: r.endpoint, Base: net}).RoundTrip(req)
			assert.ErrorIs(t, err, r.rule)
			assert.NotContains(t, err.Error(), "input")
			assert.NotContains(t, err.Error(), "example.com")
			assert.Empty(t, net.requests)
			assert.True(t, body.closed)
		})
	}
}

func TestTransportSendsNothingWhenAuthenticationFails(t *testing.T) {
	net, body := new(recorder), &closes{Reader: strings.NewReader("a=b")}
	req := formPost(t, endpoint, "")
	req.Body = body
	_, err := (&assertion.Transport{Auth: &assertion.Signer{}, Endpoint: endpoint, Base: net}).RoundTrip(req)
	assert.ErrorIs(t, err, assertion.ErrConfig)
	_, err = (&assertion.Transport{Endpoint: endpoint, Base: net}).RoundTrip(formPost(t, endpoint, ""))
	assert.ErrorIs(t, err, assertion.ErrConfig)
	assert.Empty(t, net.requests)
	assert.True(t, body.closed)
}

func TestTransportPassesOtherRequestsUntouched(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"GET":                  func(r *http.Request) { r.Method = http.MethodGet },
		"JSON":                 func(r *http.Request) { r.Header.Set("Content-Type", "application/json") },
		"form with a token":    func(r *http.Request) { r.Header.Set("Authorization", "Bearer t") },
		"form with DPoP token": func(r *http.Request) { r.Header.Set("Authorization", "DPoP t") },
	} {
		net := new(recorder)
		r := formPost(t, "https://api.example.com/x", "q=1")
		change(r)
		_, err := (&assertion.Transport{Auth: testSigner(t), Endpoint: endpoint, Base: net}).RoundTrip(r)
		require.NoError(t, err, name)
		require.Len(t, net.requests, 1, name)
		assert.Same(t, r, net.requests[0], name)
		assert.Equal(t, url.Values{"q": {"1"}}, net.forms[0], name)
	}
}

// TestTransportFollowsNoRedirect lets net/http itself follow every kind of
// redirect, to the same origin and to another.
func TestTransportFollowsNoRedirect(t *testing.T) {
	var leaked int
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { leaked++ }))
	defer evil.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, same := range []bool{true, false} {
			var requests int
			as := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests++
				target := evil.URL
				if same {
					target = "/elsewhere"
				}
				http.Redirect(w, r, target, status)
			}))
			client := &http.Client{Transport: &assertion.Transport{Auth: testSigner(t), Endpoint: as.URL}}
			_, err := client.PostForm(as.URL, url.Values{"code": {"c"}})
			assert.ErrorIs(t, err, assertion.ErrRedirect, status)
			assert.Equal(t, 1, requests)
			as.Close()
		}
	}
	assert.Zero(t, leaked)
}

func TestTransportPassesNetworkErrorsOn(t *testing.T) {
	broken := errors.New("connection refused")
	base := network(func(*http.Request) (*http.Response, error) { return nil, broken })
	_, err := (&assertion.Transport{Auth: testSigner(t), Endpoint: endpoint, Base: base}).RoundTrip(formPost(t, endpoint, "a=b"))
	assert.ErrorIs(t, err, broken)
}

func TestTransportTakesABodylessPost(t *testing.T) {
	net := new(recorder)
	r := formPost(t, endpoint, "")
	r.Body = nil
	_, err := (&assertion.Transport{Auth: testSigner(t), Endpoint: "HTTPS://AS.example.com:443/token", Base: net}).RoundTrip(r)
	require.NoError(t, err)
	assert.Len(t, net.forms[0], 3)
}

// Without a Base an answer with a header over 256 KiB is refused before it is read.
func TestHeaderIsLimitedWithoutABase(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 256<<10))
		io.WriteString(w, `{"access_token":"t","token_type":"Bearer"}`)
	}))
	defer s.Close()
	_, discover := assertion.Discover(t.Context(), nil, s.URL)
	_, source := (&assertion.TokenSource{Endpoint: s.URL, Auth: testSigner(t)}).Token(t.Context())
	tr := &assertion.Transport{Auth: testSigner(t), Endpoint: s.URL}
	_, post := tr.RoundTrip(formPost(t, s.URL, "a=b"))
	_, call := (&http.Client{Transport: tr}).Get(s.URL)
	for _, err := range []error{discover, source, post, call} {
		require.ErrorContains(t, err, "server response headers exceeded")
	}
}
