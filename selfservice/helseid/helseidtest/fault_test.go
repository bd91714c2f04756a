package helseidtest_test

import (
	"context"
	"crypto/elliptic"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// post registers a new key over a new connection.
func post(t *testing.T, s *stranger, token string) (*http.Response, error) {
	t.Helper()
	body := string(jwk(t, newEC(t, elliptic.P256()).Public(), "next"))
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.server.URL()+secretPath, strings.NewReader(body))
	require.NoError(t, err)
	req.Header = http.Header{
		"Authorization": {"DPoP " + token}, "Content-Type": {"application/json"},
		"Dpop": {s.proofFor("POST", secretPath, token, nil, nil)},
	}
	return new(http.Transport).RoundTrip(req)
}

func TestInject(t *testing.T) {
	for name, c := range map[string]struct {
		fault    helseidtest.Fault
		status   int // zero: the connection is cut
		executed bool
	}{
		"cut before":        {helseidtest.Fault{Cut: true}, 0, false},
		"cut after":         {helseidtest.Fault{Cut: true, Execute: true}, 0, true},
		"lost answer":       {helseidtest.Fault{Execute: true}, 0, true},
		"refused before":    {helseidtest.Problem(503, "Down", "for a while"), 503, false},
		"refused after":     {helseidtest.Fault{Status: 502, Execute: true}, 502, true},
		"late":              {helseidtest.Fault{Delay: time.Millisecond}, 200, true},
		"too many requests": {helseidtest.Fault{Status: 429, Header: http.Header{"Retry-After": {"7"}}}, 429, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStranger(t, nil)
			token := s.token(nil)
			s.server.Inject(helseidtest.Nth(1, c.fault))
			resp, err := post(t, s, token)
			if c.status == 0 {
				require.Error(t, err)
			} else {
				require.NoError(t, err)
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				assert.Equal(t, c.status, resp.StatusCode)
				if c.fault.Body != "" {
					assert.Equal(t, c.fault.Body, string(body))
				}
				assert.Equal(t, c.fault.Header.Get("Retry-After"), resp.Header.Get("Retry-After"))
			}
			registrations := map[bool]int{true: 1}[c.executed]
			assert.Equal(t, registrations, s.server.Counts().Registrations)
			assert.Equal(t, 1, s.server.Counts().Faults)
			s.server.Inject(nil)
			assert.Equal(t, 200, s.call("GET", secretPath, token, "").status)
		})
	}
}

func TestEvery(t *testing.T) {
	s := newStranger(t, nil)
	s.server.Inject(helseidtest.Every(3, helseidtest.Fault{Status: 500}))
	var failed int
	for range 9 {
		if s.send("GET", "/.well-known/openid-configuration", nil, "").status == 500 {
			failed++
		}
	}
	assert.Equal(t, 3, failed)
}

func TestDelayEndsWithTheRequest(t *testing.T) {
	s := newStranger(t, nil)
	s.server.Inject(helseidtest.Nth(1, helseidtest.Fault{Delay: time.Hour}))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", s.server.URL(), nil)
	require.NoError(t, err)
	_, err = new(http.Transport).RoundTrip(req)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	s.server.Close() // hangs if the request still waits
}

func TestListenKeepsTheHostName(t *testing.T) {
	server, err := helseidtest.Listen("localhost:0")
	require.NoError(t, err)
	defer server.Close()
	assert.Regexp(t, `^http://localhost:\d+$`, server.URL())
	resp, err := http.Get(server.URL() + "/.well-known/openid-configuration")
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Contains(t, string(body), `"issuer":"`+server.URL()+`"`)
	_, err = helseidtest.Listen("nonsense")
	assert.Error(t, err)
}

func TestOnlyTransportTrustsTLS(t *testing.T) {
	server := helseidtest.NewTLS()
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), "GET", server.URL()+"/.well-known/openid-configuration", nil)
	require.NoError(t, err)
	resp, err := server.Transport().RoundTrip(req)
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, 200, resp.StatusCode)
	_, err = new(http.Transport).RoundTrip(req)
	assert.ErrorContains(t, err, "certificate")
}
