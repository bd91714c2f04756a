package dpop_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// source is a body without GetBody that counts its Close calls.
type source struct {
	io.Reader
	closed atomic.Int32
}

func (s *source) Close() error { s.closed.Add(1); return nil }

// closedOnce waits for the transport, which may close the body after it returned.
func (s *source) closedOnce(t *testing.T) {
	t.Helper()
	assert.Eventually(t, func() bool { return s.closed.Load() > 0 }, 5*time.Second, time.Millisecond)
	assert.EqualValues(t, 1, s.closed.Load())
}

// challengeOnce challenges the first attempt.
func challengeOnce(w http.ResponseWriter, n int, _ attempt) {
	if n == 0 {
		askAsAPI(w, "n")
	}
}

func post(t *testing.T, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	require.NoError(t, err)
	return req
}

func TestBodyIsSentAgain(t *testing.T) {
	text := strings.Repeat("0123456789", 10_000)
	for name, c := range map[string]struct {
		body   func() io.Reader
		length int64 // as the server sees it
	}{
		"with GetBody":                       {func() io.Reader { return strings.NewReader(text) }, 100_000},
		"without GetBody, length unknown":    {func() io.Reader { return &source{Reader: strings.NewReader(text)} }, -1},
		"without GetBody, length known":      {func() io.Reader { return &source{Reader: strings.NewReader(text)} }, 100_000},
		"without GetBody, one byte per read": {func() io.Reader { return &source{Reader: &slowReader{text[:500]}} }, -1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, false, challengeOnce)
			req := post(t, s.URL, c.body())
			if c.length > 0 {
				req.ContentLength = c.length
			}
			before := fmt.Sprintf("%v %p", req.Header, req.Body)
			status, _ := do(t, &dpop.Transport{Tokens: fixedToken("t")}, req)
			assert.Equal(t, 200, status)
			seen := s.seen()
			require.Len(t, seen, 2)
			for _, a := range seen {
				assert.Equal(t, c.length, a.Length)
				assert.True(t, strings.HasPrefix(text, a.Body) && len(a.Body) >= 500)
			}
			assert.Equal(t, before, fmt.Sprintf("%v %p", req.Header, req.Body), "the caller's request is as it was")
			if body, ok := req.Body.(*source); ok {
				body.closedOnce(t)
			}
		})
	}
}

// slowReader returns one byte at a time.
type slowReader struct{ rest string }

func (r *slowReader) Read(p []byte) (int, error) {
	if r.rest == "" {
		return 0, io.EOF
	}
	n := copy(p[:1], r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func TestBodyOverTheLimitIsSentOnce(t *testing.T) {
	text := strings.Repeat("x", 1<<20+1)
	for name, length := range map[string]int64{"length known": int64(len(text)), "length unknown": 0} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, false, challengeOnce)
			rt := &dpop.Transport{Tokens: fixedToken("t")}
			for i, want := range []int{401, 200} {
				body := &source{Reader: strings.NewReader(text)}
				req := post(t, s.URL, body)
				req.ContentLength = length
				status, _ := do(t, rt, req)
				assert.Equal(t, want, status)
				require.Len(t, s.seen(), i+1, "never a second time, for the beginning is gone")
				assert.Equal(t, len(text), len(s.seen()[i].Body))
				body.closedOnce(t)
			}
			assert.Equal(t, []string{"", "n"}, s.nonces(), "the challenge is learned from all the same")
		})
	}
}

func TestBodyOfExactlyTheLimitIsSentAgain(t *testing.T) {
	s := newServer(t, false, challengeOnce)
	body := &source{Reader: strings.NewReader(strings.Repeat("x", 1<<20))}
	status, _ := do(t, &dpop.Transport{Tokens: fixedToken("t")}, post(t, s.URL, body))
	assert.Equal(t, 200, status)
	require.Len(t, s.seen(), 2)
	assert.Len(t, s.seen()[1].Body, 1<<20)
	body.closedOnce(t)
}

// If the server challenges before it asks for the body, a body of any size can be
// sent in the retry, even without GetBody.
func TestExpectContinue(t *testing.T) {
	for name, length := range map[string]int64{"length known": 3 << 20, "length unknown": 0} {
		t.Run(name, func(t *testing.T) {
			var got int
			s := newServer(t, false, func(w http.ResponseWriter, n int, a attempt) {
				assert.Equal(t, "100-continue", a.Header.Get("Expect"))
				if n == 0 {
					askAsAPI(w, "n")
					return
				}
				b, _ := io.ReadAll(a.unread)
				got = len(b)
			})
			body := &source{Reader: strings.NewReader(strings.Repeat("x", 3<<20))}
			req := post(t, s.URL, body)
			req.ContentLength = length
			req.Header.Set("Expect", "100-continue")
			status, _ := do(t, &dpop.Transport{Tokens: fixedToken("t"), Base: &http.Transport{ExpectContinueTimeout: time.Minute}}, req)
			assert.Equal(t, 200, status)
			assert.Equal(t, 3<<20, got)
			assert.Equal(t, []string{"", "n"}, s.nonces())
			body.closedOnce(t)
		})
	}
}

// The challenge arrives while the body is being written. The retry sends the rest
// too.
func TestChallengeDuringTheBody(t *testing.T) {
	r, w := io.Pipe()
	asked := make(chan struct{})
	attempts := 0
	base := roundTripFunc(func(req *http.Request) (*http.Response, error) {
		attempts++
		if attempts == 1 {
			half := make([]byte, 5)
			io.ReadFull(req.Body, half)
			go io.Copy(io.Discard, req.Body) // still reading when the response arrives
			close(asked)
			return &http.Response{StatusCode: 401, Body: http.NoBody, Header: http.Header{
				"Dpop-Nonce": {"n"}, "Www-Authenticate": {`DPoP error="use_dpop_nonce"`},
			}}, nil
		}
		b, err := io.ReadAll(req.Body)
		req.Body.Close()
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(b))}, err
	})
	go func() {
		io.WriteString(w, "first")
		<-asked
		io.WriteString(w, "second")
		w.Close()
	}()
	status, body := do(t, &dpop.Transport{Tokens: fixedToken("t"), Base: base}, post(t, "https://a.example/", r))
	assert.Equal(t, 200, status)
	assert.Equal(t, "firstsecond", body)
}

func TestBodyIsClosedOnFailure(t *testing.T) {
	failing := errors.New("no such host")
	for name, c := range map[string]struct {
		url  string
		rt   *dpop.Transport
		want error
	}{
		"bad URL":        {"ftp://a.example/", &dpop.Transport{Tokens: fixedToken("t")}, dpop.ErrURL},
		"in clear":       {"http://a.example/", &dpop.Transport{Tokens: fixedToken("t")}, dpop.ErrInsecure},
		"no credentials": {"https://a.example/", &dpop.Transport{}, dpop.ErrKey},
		"network": {"https://a.example/", &dpop.Transport{Tokens: fixedToken("t"), Base: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			r.Body.Close()
			return nil, failing
		})}, failing},
	} {
		t.Run(name, func(t *testing.T) {
			for _, getBody := range []func() (io.ReadCloser, error){nil, func() (io.ReadCloser, error) { return nil, failing }} {
				body := &source{Reader: strings.NewReader("x")}
				req := post(t, c.url, body)
				req.GetBody = getBody
				_, err := c.rt.RoundTrip(req)
				require.ErrorIs(t, err, c.want)
				body.closedOnce(t)
			}
		})
	}
}

func TestCanceledBetweenAttempts(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := newServer(t, false, func(w http.ResponseWriter, _ int, _ attempt) { askAsAPI(w, "n") })
	answered := &source{Reader: strings.NewReader("")}
	base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		cancel()
		if err == nil {
			resp.Body.Close()
			resp.Body = answered
		}
		return resp, err
	})
	body := &source{Reader: strings.NewReader("x")}
	_, err := (&dpop.Transport{Tokens: fixedToken("t"), Base: base}).RoundTrip(post(t, s.URL, body).WithContext(ctx))
	require.ErrorIs(t, err, context.Canceled)
	assert.Len(t, s.seen(), 1)
	body.closedOnce(t)
	answered.closedOnce(t)
}
