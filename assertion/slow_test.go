package assertion_test

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/internal/respbody/slowtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Neither golang.org/x/oauth2 nor, often, the http.Client around a Transport has a
// deadline.
func TestTransportSlowBody(t *testing.T) {
	long := strings.Repeat("slow.text,", 10)
	for name, c := range map[string]struct {
		status int
		pause  time.Duration
		body   string // received by the caller; empty: an error
		took   time.Duration
	}{
		"200":             {200, time.Second, "", 10 * time.Second},
		"200, soon there": {200, 50 * time.Millisecond, long, 5 * time.Second},
		"401":             {401, 999 * time.Millisecond, long[:10], 10 * time.Second},
		"400, soon there": {400, 50 * time.Millisecond, long, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				signer := testSigner(t)
				body := slowtest.NewBody(long, c.pause)
				start := time.Now()
				resp, err := (&assertion.Transport{Auth: signer, Endpoint: endpoint, Base: roundTripper(func(*http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: c.status, Header: http.Header{}, Body: body}, nil
				})}).RoundTrip(formPost(t, endpoint, "grant_type=x"))
				assert.Equal(t, c.took, time.Since(start))
				if c.body == "" {
					require.ErrorIs(t, err, os.ErrDeadlineExceeded)
					assert.True(t, err.(interface{ Timeout() bool }).Timeout())
					<-body.Closed()
					return
				}
				require.NoError(t, err)
				got, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				assert.Equal(t, c.body, string(got))
				resp.Body.Close()
			})
		})
	}
}

// The Timeout of a TokenSource includes the body.
func TestTokenSourceSlowBody(t *testing.T) {
	for _, status := range []int{200, 400, 401, 500} {
		synctest.Test(t, func(t *testing.T) {
			tokens := &assertion.TokenSource{Endpoint: endpoint, Auth: testSigner(t), Timeout: 3 * time.Second}
			tokens.Base = roundTripper(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: status, Header: http.Header{}, Body: slowtest.NewBody(strings.Repeat("x", 100), time.Second)}, nil
			})
			start := time.Now()
			_, err := tokens.Token(t.Context())
			require.Error(t, err)
			assert.LessOrEqual(t, time.Since(start), 3*time.Second)
			time.Sleep(200 * time.Second) // let the reader finish
		})
	}
}
