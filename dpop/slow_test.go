package dpop_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/internal/respbody/slowtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A caller without a deadline waits a bounded time for the meaning of a response
// and receives all of the response.
func TestSlowBody(t *testing.T) {
	const body, nonceBody = `{"error":"something else"}`, `{"error":"use_dpop_nonce"}`
	for name, c := range map[string]struct {
		status   int
		header   string
		body     string
		pause    time.Duration
		attempts int
		took     time.Duration
	}{
		"401, no reason in time":        {401, "", body, time.Second, 1, 10 * time.Second},
		"400, no reason in time":        {400, "", nonceBody, time.Second, 1, 10 * time.Second},
		"400, a reason in time":         {400, "", nonceBody, 100 * time.Millisecond, 2, 2600 * time.Millisecond},
		"401, the reason in the header": {401, `DPoP error="use_dpop_nonce"`, body, time.Hour, 2, 250 * time.Millisecond},
		"401, no nonce and no reason":   {401, "-", body, time.Hour, 1, 0},
		"200":                           {200, "", body, time.Hour, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				attempts := 0
				rt := new(dpop.Prover).Bind(roundTripFunc(func(*http.Request) (*http.Response, error) {
					if attempts++; attempts == 2 {
						return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}, nil
					}
					h := http.Header{"Dpop-Nonce": {"n"}, "Www-Authenticate": {c.header}}
					if c.header == "-" {
						h.Del("DPoP-Nonce")
					}
					return &http.Response{StatusCode: c.status, Header: h, Body: slowtest.NewBody(c.body, c.pause)}, nil
				}), testKey())
				start := time.Now()
				resp, err := rt.RoundTrip(post(t, "https://a.example/", nil))
				require.NoError(t, err)
				assert.Equal(t, c.took, time.Since(start))
				assert.Equal(t, c.attempts, attempts)
				if c.attempts == 1 {
					assert.Equal(t, c.status, resp.StatusCode)
					got, err := io.ReadAll(resp.Body)
					require.NoError(t, err)
					assert.Equal(t, c.body, string(got))
				}
				resp.Body.Close()
			})
		})
	}
}
