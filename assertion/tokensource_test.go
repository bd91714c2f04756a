package assertion_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// counter is a token endpoint that numbers its tokens, takes a second for each
// response, and can fail.
type counter struct {
	requests atomic.Int32
	failing  atomic.Bool
	header   []string
	expires  string
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Body.Close()
	n := c.requests.Add(1)
	select {
	case <-time.After(time.Second):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if c.failing.Load() {
		return answer(503, `{"error":"temporarily_unavailable"}`, c.header...), nil
	}
	expires := c.expires
	if expires == "" {
		expires = `,"expires_in":600`
	}
	return answer(200, `{"access_token":"t`+strconv.Itoa(int(n))+`","token_type":"Bearer"`+expires+`}`), nil
}

func counted(t testing.TB) (*counter, *assertion.TokenSource) {
	c := new(counter)
	return c, &assertion.TokenSource{Endpoint: endpoint, Auth: testSigner(t), Base: c}
}

func mustToken(t testing.TB, s *assertion.TokenSource) string {
	t.Helper()
	token, err := s.Token(t.Context())
	require.NoError(t, err)
	return token.AccessToken.Reveal()
}

func TestConcurrentCallersShareARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, s := counted(t)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { assert.Equal(t, "t1", mustToken(t, s)) })
		}
		wg.Wait()
		assert.EqualValues(t, 1, net.requests.Load())
	})
}

func TestCancelEndsOneWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, s := counted(t)
		first, cancel := context.WithCancel(t.Context())
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { // the caller that started the request
			_, err := s.Token(first)
			assert.ErrorIs(t, err, context.Canceled)
			assert.Equal(t, 100*time.Millisecond, time.Since(start))
		})
		synctest.Wait()
		wg.Go(func() {
			assert.Equal(t, "t1", mustToken(t, s))
			assert.Equal(t, time.Second, time.Since(start))
		})
		time.Sleep(100 * time.Millisecond)
		cancel()
		wg.Wait()
		assert.EqualValues(t, 1, net.requests.Load())
	})
}

func TestCanceledCallerStartsNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, s := counted(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Token(ctx)
		assert.ErrorIs(t, err, context.Canceled)
		synctest.Wait()
		assert.Zero(t, net.requests.Load())
	})
}

func TestRequestHasItsOwnDeadlineAndValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type contextKey struct{}
		value := make(chan any, 1)
		s := &assertion.TokenSource{Endpoint: endpoint, Auth: testSigner(t), Base: network(func(r *http.Request) (*http.Response, error) {
			value <- r.Context().Value(contextKey{})
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		start := time.Now()
		_, err := s.Token(context.WithValue(t.Context(), contextKey{}, "trace"))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 30*time.Second, time.Since(start))
		assert.Equal(t, "trace", <-value)
	})
}

// A crypto.Signer takes no context, so its call may never return. Callers stop
// waiting, later calls try again, and a late token is not used.
func TestHangingSigner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s := counted(t)
		repaired := make(chan struct{})
		s.Auth = &assertion.Signer{ClientID: clientID, Audience: issuer, Key: keySource(func(context.Context) (*keys.Key, error) {
			<-repaired
			return testKey(t, keys.ES256), nil
		})}
		start := time.Now()
		_, err := s.Token(t.Context())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 30*time.Second, time.Since(start))
		close(repaired)
		time.Sleep(time.Second)
		token, err := s.Token(t.Context())
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(599*time.Second), token.Expiry, 0)
	})
}

func TestRefreshInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, s := counted(t)
		require.Equal(t, "t1", mustToken(t, s))
		time.Sleep(411 * time.Second) // asked 412 s ago: under 70 % of 590 s
		require.Equal(t, "t1", mustToken(t, s))
		require.EqualValues(t, 1, net.requests.Load())

		time.Sleep(62 * time.Second) // 474 s: over 80 %
		before := time.Now()
		require.Equal(t, "t1", mustToken(t, s), "the old one is served")
		require.Zero(t, time.Since(before), "without waiting")
		time.Sleep(2 * time.Second)
		require.Equal(t, "t2", mustToken(t, s))
		require.EqualValues(t, 2, net.requests.Load())
	})
}

// A server that promises 3 s and truncates "exp" to whole seconds may refuse the
// token after little more than 2 s.
func TestShortLivedTokenIsNotServedInItsLastSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, s := counted(t)
		net.expires = `,"expires_in":3`
		require.Equal(t, "t1", mustToken(t, s)) // asked a second ago
		net.failing.Store(true)
		time.Sleep(990 * time.Millisecond)
		require.Equal(t, "t1", mustToken(t, s))
		time.Sleep(20 * time.Millisecond)
		_, err := s.Token(t.Context())
		require.Error(t, err)
		time.Sleep(time.Minute)
	})
}

func TestRefreshesAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		due := map[int]bool{}
		for range 30 {
			net, s := counted(t)
			mustToken(t, s)
			start := time.Now()
			for net.requests.Load() == 1 {
				time.Sleep(time.Second)
				mustToken(t, s)
				synctest.Wait()
			}
			seconds := int(time.Since(start)/time.Second) + 1
			assert.True(t, seconds >= 413 && seconds <= 474, seconds)
			due[seconds] = true
			time.Sleep(2 * time.Second) // let it end inside the bubble
		}
		assert.Greater(t, len(due), 10)
	})
}

func TestOutageServesTheOldTokenAndBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, s := counted(t)
		require.Equal(t, "t1", mustToken(t, s))
		net.failing.Store(true)
		start := time.Now()
		var failedAt time.Duration
		for range 30 * 60 * 10 { // ten calls a second for half an hour
			token, err := s.Token(t.Context())
			if err != nil {
				if failedAt == 0 {
					failedAt = time.Since(start)
				}
				require.ErrorIs(t, err, assertion.ErrRefused)
			} else {
				require.Equal(t, "t1", token.AccessToken.Reveal())
			}
			time.Sleep(100 * time.Millisecond)
		}
		assert.InDelta(t, 589, failedAt.Seconds(), 2, "served until 10 s before its end, 600 s after it was asked for")
		requests := int(net.requests.Load())
		assert.Less(t, requests, 85, "1400 s of outage at one request each 23 to 31 s, and the first fast ones")
		assert.Greater(t, requests, 40)

		net.failing.Store(false)
		time.Sleep(31 * time.Second)
		assert.NotEqual(t, "t1", mustToken(t, s), "it recovers by itself")
		time.Sleep(time.Second)
	})
}

func TestSuccessResetsTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, s := counted(t)
		net.failing.Store(true)
		for range 8 {
			_, err := s.Token(t.Context())
			require.ErrorIs(t, err, assertion.ErrRefused)
			time.Sleep(30 * time.Second)
		}
		net.failing.Store(false)
		token := mustToken(t, s)
		time.Sleep(6 * time.Second)
		s.Discard(token)
		net.failing.Store(true)
		_, err := s.Token(t.Context())
		require.ErrorIs(t, err, assertion.ErrRefused)
		net.failing.Store(false)
		time.Sleep(250 * time.Millisecond)
		mustToken(t, s)
	})
}

func TestRetryAfterIsHonored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, s := counted(t)
		net.failing.Store(true)
		net.header = []string{"Retry-After", "120"}
		_, err := s.Token(t.Context())
		var refused *assertion.Error
		require.ErrorAs(t, err, &refused)
		require.Equal(t, 2*time.Minute, refused.RetryAfter())
		net.failing.Store(false)
		time.Sleep(119 * time.Second)
		_, again := s.Token(t.Context())
		require.Same(t, refused, again, "the last error, at once")
		require.EqualValues(t, 1, net.requests.Load())
		time.Sleep(2 * time.Second)
		require.Equal(t, "t2", mustToken(t, s))
	})
}

// TestLifetimes counts the requests in ten minutes of steady calls, by expires_in.
func TestLifetimes(t *testing.T) {
	rows := map[string]struct {
		expires  string
		told     time.Duration
		min, max int32
	}{
		"an hour":           {`,"expires_in":3600`, time.Hour, 1, 1},
		"as a string":       {`,"expires_in":"3600"`, time.Hour, 1, 1},
		"absent":            {` `, 0, 12, 16},
		"null":              {`,"expires_in":null`, 0, 12, 16},
		"zero":              {`,"expires_in":0`, 0, 12, 16},
		"zero, in a string": {`,"expires_in":"0.0"`, 0, 12, 16},
		"a fraction":        {`,"expires_in":3600.5`, time.Hour + 500*time.Millisecond, 1, 1},
		"two seconds":       {`,"expires_in":2`, 2 * time.Second, 100, 602},
		"more than a day":   {`,"expires_in":31536000`, 24 * time.Hour, 1, 1},
		"more than a float": {`,"expires_in":` + strings.Repeat("9", 400), 24 * time.Hour, 1, 1},
		"a second":          {`,"expires_in":1`, time.Second, 300, 602},
		"under a second":    {`,"expires_in":0.4`, 400 * time.Millisecond, 601, 601},
		"a nanosecond":      {`,"expires_in":"0.000000001"`, 1, 601, 601},
		"less than a float": {`,"expires_in":0.` + strings.Repeat("0", 400) + "1", 1, 601, 601},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net, s := counted(t)
				net.expires = r.expires
				asked := time.Now()
				token, err := s.Token(t.Context())
				require.NoError(t, err)
				if r.told == 0 {
					assert.Zero(t, token.Expiry)
				} else {
					require.WithinDuration(t, asked.Add(r.told), token.Expiry, 0)
				}
				for range 600 {
					time.Sleep(time.Second)
					mustToken(t, s)
				}
				time.Sleep(2 * time.Second)
				assert.GreaterOrEqual(t, net.requests.Load(), r.min)
				assert.LessOrEqual(t, net.requests.Load(), r.max)
			})
		})
	}
}

func TestDiscard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net, s := counted(t)
		s.Discard("nothing yet")
		require.Equal(t, "t1", mustToken(t, s))
		s.Discard("another")
		require.Equal(t, "t1", mustToken(t, s))
		s.Discard("t1")
		require.Equal(t, "t2", mustToken(t, s), "the first one acts at once")
		s.Discard("t1")
		require.Equal(t, "t2", mustToken(t, s), "a late report of the old token")

		for range 600 { // an API that refuses every token, for a minute
			s.Discard(mustToken(t, s))
			time.Sleep(100 * time.Millisecond)
		}
		assert.LessOrEqual(t, net.requests.Load(), int32(17), "one in 5 s, and the time of the requests themselves")
	})
}

func TestAGoexitInACallbackLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s := counted(t)
		s.Auth = &assertion.Signer{ClientID: clientID, Audience: issuer, Key: keySource(func(context.Context) (*keys.Key, error) {
			runtime.Goexit()
			return nil, nil
		})}
		_, err := s.Token(t.Context())
		assert.ErrorContains(t, err, "aborted")
	})
}

// TestAPanicInACallbackIsAnError: it would end the process, for it is on no
// goroutine of the caller's.
func TestAPanicInACallbackIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		net, s := counted(t)
		s.Auth = &assertion.Signer{ClientID: clientID, Audience: issuer, Key: keySource(func(context.Context) (*keys.Key, error) {
			if broken.Load() {
				panic(unshown)
			}
			return testKey(t, keys.ES256), nil
		})}
		require.Equal(t, "t1", mustToken(t, s))
		broken.Store(true)
		time.Sleep(500 * time.Second) // a refresh is due
		for range 10 {
			require.Equal(t, "t1", mustToken(t, s), "the old one is served")
			time.Sleep(time.Second)
		}
		time.Sleep(100 * time.Second)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				_, err := s.Token(t.Context())
				assert.ErrorContains(t, err, "panicked")
				assert.NotContains(t, fmt.Sprintf("%+v", err), unshown)
			})
		}
		wg.Wait()
		broken.Store(false)
		time.Sleep(31 * time.Second)
		require.Equal(t, "t2", mustToken(t, s))
		require.EqualValues(t, 2, net.requests.Load())
	})
}
