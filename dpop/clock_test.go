package dpop_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// strict is a server that accepts proofs up to 10 s old, by a clock that differs
// from ours, and sends its Date.
type strict struct {
	off     time.Duration
	status  int    // of a refusal
	error   string // in a DPoP challenge and in JSON
	refuses bool   // everything
	clear   bool   // answers are not TLS-authenticated
	noDate  bool
	iats    []time.Duration // relative to our true time
}

func (s *strict) RoundTrip(r *http.Request) (*http.Response, error) {
	o, err := open(r.Header.Get("DPoP"))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	s.iats = append(s.iats, time.Unix(o.IAT, 0).Sub(now.Truncate(time.Second)))
	resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, TLS: &tls.ConnectionState{VerifiedChains: make([][]*x509.Certificate, 1)}}
	if s.clear {
		resp.TLS.VerifiedChains = nil
	}
	if !s.noDate {
		resp.Header.Set("Date", now.Add(s.off).UTC().Format(http.TimeFormat))
	}
	if age := now.Add(s.off).Sub(time.Unix(o.IAT, 0)); s.refuses || age.Abs() > 10*time.Second {
		resp.StatusCode = s.status
		resp.Header.Set("WWW-Authenticate", fmt.Sprintf(`DPoP error="%s"`, s.error))
		resp.Body = io.NopCloser(strings.NewReader(fmt.Sprintf(`{"error":"%s"}`, s.error)))
	}
	return resp, nil
}

func TestClockIsLearnedFromADate(t *testing.T) {
	for name, s := range map[string]*strict{
		"token endpoint":     {off: 90 * time.Second, status: 400, error: "invalid_dpop_proof"},
		"Keycloak":           {off: 90 * time.Second, status: 400, error: "invalid_request"},
		"API":                {off: 90 * time.Second, status: 401, error: "invalid_dpop_proof"},
		"server behind ours": {off: -90 * time.Second, status: 401, error: "invalid_dpop_proof"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := &dpop.Transport{Tokens: fixedToken("t"), Base: s}
				for range 3 {
					status, _ := get(t, rt, "https://a.example/")
					assert.Equal(t, 200, status)
				}
				assert.Equal(t, []time.Duration{0, s.off, s.off, s.off}, s.iats, "one refusal, and none again")

				s.off = 0 // both clocks are now right
				for range 2 {
					status, _ := get(t, rt, "https://a.example/")
					assert.Equal(t, 200, status)
				}
				assert.Equal(t, []time.Duration{0, 0}, s.iats[len(s.iats)-2:])
				assert.Len(t, s.iats, 7)
			})
		})
	}
}

// TestClockIsLearnedWithoutARetry sends a body that cannot be sent twice: the next
// request uses the clock.
func TestClockIsLearnedWithoutARetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &strict{off: 90 * time.Second, status: 401, error: "invalid_dpop_proof"}
		reads := roundTripFunc(func(r *http.Request) (*http.Response, error) {
			io.Copy(io.Discard, r.Body)
			return s.RoundTrip(r)
		})
		client := &http.Client{Transport: &dpop.Transport{Tokens: fixedToken("t"), Base: reads}}
		for _, want := range []int{401, 200, 200} {
			resp, err := client.Post("https://a.example/", "text/plain", io.MultiReader(strings.NewReader(strings.Repeat("x", 2<<20))))
			require.NoError(t, err)
			resp.Body.Close()
			assert.Equal(t, want, resp.StatusCode)
		}
		assert.Equal(t, []time.Duration{0, s.off, s.off}, s.iats)
	})
}

func TestClockIsNotLearned(t *testing.T) {
	for name, s := range map[string]*strict{
		"without verified TLS":   {off: 90 * time.Second, status: 400, error: "invalid_dpop_proof", clear: true},
		"without a Date":         {off: 90 * time.Second, status: 400, error: "invalid_dpop_proof", noDate: true},
		"for another error":      {off: 90 * time.Second, status: 400, error: "invalid_grant"},
		"with another status":    {off: 90 * time.Second, status: 403, error: "invalid_dpop_proof"},
		"when the clocks agree":  {off: 2 * time.Second, status: 400, error: "invalid_dpop_proof", refuses: true},
		"when it cannot be true": {off: 48 * time.Hour, status: 400, error: "invalid_dpop_proof"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := &dpop.Transport{Tokens: fixedToken("t"), Base: s}
				for range 2 {
					status, _ := get(t, rt, "https://a.example/")
					assert.Equal(t, s.status, status)
				}
				assert.Equal(t, []time.Duration{0, 0}, s.iats)
			})
		})
	}
}

// One retry uses the Date. Later requests ignore it.
func TestUselessDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &strict{off: 90 * time.Second, status: 400, error: "invalid_dpop_proof", refuses: true}
		rt := &dpop.Transport{Tokens: fixedToken("t"), Base: s}
		for range 2 {
			get(t, rt, "https://a.example/")
		}
		assert.Equal(t, []time.Duration{0, s.off, 0, s.off}, s.iats)
	})
}

// A Date from any moment of a slow exchange is accurate.
func TestSlowResponseIsNotClockSkew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &strict{status: 400, error: "invalid_dpop_proof", refuses: true}
		slow := roundTripFunc(func(r *http.Request) (*http.Response, error) {
			time.Sleep(20 * time.Second)
			defer time.Sleep(20 * time.Second)
			return s.RoundTrip(r)
		})
		get(t, &dpop.Transport{Tokens: fixedToken("t"), Base: slow}, "https://a.example/")
		assert.Len(t, s.iats, 1)
	})
}

func TestOverRealTLS(t *testing.T) {
	for name, c := range map[string]struct {
		verify bool
		want   int
	}{"verified": {true, 200}, "not verified": {false, 401}} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, true, func(w http.ResponseWriter, _ int, a attempt) {
				w.Header().Set("Date", time.Now().Add(-90*time.Second).UTC().Format(http.TimeFormat))
				if secondsFromNow(a.IAT) > -80 {
					w.Header().Set("WWW-Authenticate", `DPoP error="invalid_dpop_proof"`)
					w.WriteHeader(http.StatusUnauthorized)
				}
			})
			base := s.Client().Transport.(*http.Transport).Clone()
			base.TLSClientConfig.InsecureSkipVerify = !c.verify
			status, _ := get(t, &dpop.Transport{Tokens: fixedToken("t"), Base: base}, s.URL)
			assert.Equal(t, c.want, status)
		})
	}
}

// A server that always refuses nonce, clock and token gets four requests.
func TestAttemptsAreBounded(t *testing.T) {
	n := 0
	s := newServer(t, true, func(w http.ResponseWriter, _ int, _ attempt) {
		n++
		w.Header().Set("DPoP-Nonce", fmt.Sprint("n", n))
		w.Header().Set("Date", time.Now().Add(time.Duration(n)*time.Hour).UTC().Format(http.TimeFormat))
		w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce", DPoP error="invalid_dpop_proof", DPoP error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
	})
	tokens := &tokenList{}
	status, _ := get(t, &dpop.Transport{Tokens: tokens, Base: s.Client().Transport}, s.URL)
	assert.Equal(t, 401, status)
	require.Len(t, s.seen(), 4)
	assert.Equal(t, []string{"DPoP t0", "DPoP t0", "DPoP t0", "DPoP t1"}, []string{
		s.seen()[0].Authorization, s.seen()[1].Authorization, s.seen()[2].Authorization, s.seen()[3].Authorization,
	})
}
