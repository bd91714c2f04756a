package okta_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAFleetStaysUnderTheRateLimit rotates all apps of an org with few requests
// a minute. After one too many, none is sent until the minute is over.
func TestAFleetStaysUnderTheRateLimit(t *testing.T) {
	for _, nonce := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			server := oktatest.New(fakeURL)
			server.Limit, server.Doubts.NonceOnLimit = 20, nonce
			var refused, sent []time.Time
			base := providertest.Handler(server)
			org := okta.Org{URL: fakeURL, Base: roundTripper(func(r *http.Request) (*http.Response, error) {
				sent = append(sent, time.Now())
				resp, err := base.RoundTrip(r)
				if err == nil && resp.StatusCode == http.StatusTooManyRequests {
					refused = append(refused, time.Now())
				}
				return resp, err
			})}
			admin := manager(t, server, org)
			var rotators []*selfservice.Rotator
			var firsts []string
			var apps []string
			for range 8 {
				key := newKey(t)
				apps, firsts = append(apps, server.AddApp(oktatest.App{Keys: publicKeys(key)})), append(firsts, key.Thumbprint())
				r := &selfservice.Rotator{
					Provider: okta.JWKS{Client: &okta.Client{Org: org, AppID: apps[len(apps)-1], Admin: admin, Propagates: time.Second}},
					Store:    &selfservice.Mem{},
				}
				require.NoError(t, r.Adopt(t.Context(), credential(key)))
				rotators = append(rotators, r)
			}
			fleet := &selfservice.Fleet{Rotators: slices.Values(rotators), Concurrency: 1}
			time.Sleep(time.Second)
			began := time.Now()
			var last selfservice.Report
			for pass := 0; ; pass++ {
				require.Less(t, pass, 200, "%+v", last)
				report, err := fleet.RotateOlder(t.Context(), began)
				require.NoError(t, err)
				last = report
				if report.Failed == 0 && !slices.ContainsFunc(rotators, func(r *selfservice.Rotator) bool {
					st, err := r.Status(t.Context())
					return err != nil || st.Rotations == 0 || st.Pending != nil || len(st.Retiring) > 0
				}) {
					break
				}
				time.Sleep(time.Minute)
			}
			for i, id := range apps {
				assert.True(t, server.Accepts(id, fingerprint(t, rotators[i])))
				assert.False(t, server.Accepts(id, firsts[i]))
			}
			t.Logf("%d requests, %d of them too many, in %v", len(sent), len(refused), time.Since(began))
			require.NotEmpty(t, refused)
			assert.Less(t, len(refused)*5, len(sent), "it retried instead of waiting")
		})
	}
}

// TestTooManyAtOnce: the concurrency limit asks for a shorter wait than the rate
// limit.
func TestTooManyAtOnce(t *testing.T) {
	server := oktatest.Start(t)
	server.Concurrent = 1
	admin := server.Admin()
	id := server.AddApp(oktatest.App{})
	hold, held := make(chan struct{}), make(chan struct{})
	server.Inject(func(n int, _ *http.Request) *oktatest.Fault {
		if n == 1 {
			close(held)
			<-hold
		}
		return nil
	})
	go admin.Secrets(context.Background(), id)
	<-held
	_, err := admin.Secrets(t.Context(), id)
	close(hold)
	require.ErrorIs(t, err, okta.ErrBusy)
	require.ErrorContains(t, err, "too many requests at once: 429 E0000047")
	var refused *okta.Error
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, time.Second, refused.RetryAfter())
	require.Eventually(t, func() bool { _, err := admin.Secrets(t.Context(), id); return err == nil }, 5*time.Second, 10*time.Millisecond)
}

func TestARateLimitAtTheTokenEndpoint(t *testing.T) {
	key, secret := newKey(t), firstSecret()
	for _, first := range []selfservice.Credential{credential(key), secret} {
		server := oktatest.Start(t)
		server.Limit = 1
		client := &okta.Client{Org: server.Org(), AppID: server.AddApp(serviceApp(key))}
		if first.Key == nil {
			client = &okta.Client{Org: server.Org(), AppID: server.AddApp(oktatest.App{Secret: secret.Secret}), Admin: server.Admin()}
		}
		client.Verify(t.Context(), first)
		err := client.Verify(t.Context(), first)
		require.ErrorIs(t, err, assertion.ErrRefused)
		require.NotErrorIs(t, err, selfservice.ErrInvalidClient)
		var limited interface{ RetryAfter() time.Duration }
		require.ErrorAs(t, err, &limited)
		assert.Greater(t, limited.RetryAfter(), 45*time.Second)
		assert.LessOrEqual(t, limited.RetryAfter(), 62*time.Second)
	}
}

// TestTheReadAfterARefusalAsksToWait: the refusal that it was to explain does
// not hide for how long.
func TestTheReadAfterARefusalAsksToWait(t *testing.T) {
	another := keys.NewSecret("another-secret-of-the-app-123456")
	server := oktatest.New(fakeURL)
	web := server.AddApp(oktatest.App{Secret: firstSecret().Secret})
	service := server.AddApp(oktatest.App{Keys: publicKeys(newKey(t))})
	addSecret := func(ctx context.Context, a *okta.Admin) error { _, err := a.AddSecret(ctx, web, another); return err }
	addKey := func(ctx context.Context, a *okta.Admin) error {
		_, err := a.AddKey(ctx, service, newKey(t).PublicKey())
		return err
	}
	for name, c := range map[string]struct {
		reads int // that are answered after the refusal
		call  func(context.Context, *okta.Admin) error
	}{
		"a secret, its list":       {0, addSecret},
		"a secret, its other list": {1, addSecret},
		"a secret, its app":        {2, addSecret},
		"a key, its list":          {0, addKey},
		"a key, its app":           {1, addKey},
		"a lifecycle call":         {0, func(ctx context.Context, a *okta.Admin) error { return a.DeactivateSecret(ctx, web, "ocs1") }},
		"a provider": {0, func(ctx context.Context, a *okta.Admin) error {
			p := okta.Secrets{Client: &okta.Client{Org: a.Org, AppID: web, Admin: a}}
			_, err := p.Register(ctx, firstSecret(), selfservice.Credential{Secret: another})
			return err
		}},
	} {
		refused, reads := false, c.reads
		err := c.call(t.Context(), adminOver(providertest.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method != http.MethodGet:
				refused = true
				w.WriteHeader(http.StatusBadRequest)
				io.WriteString(w, `{"errorCode":"E0000001"}`)
			case refused && reads == 0:
				w.Header().Set("Retry-After", "50")
				w.WriteHeader(http.StatusTooManyRequests)
			default:
				if refused {
					reads--
				}
				server.ServeHTTP(w, r)
			}
		}))))
		require.ErrorIs(t, err, okta.ErrBusy, name)
		require.ErrorIs(t, err, okta.ErrRefused, name)
		var limited interface{ RetryAfter() time.Duration }
		require.ErrorAs(t, err, &limited, name)
		assert.Equal(t, 50*time.Second, limited.RetryAfter(), name)
	}
}

// TestResponseHeadersAreLimited to 256 KiB if the caller gives no Base.
func TestResponseHeadersAreLimited(t *testing.T) {
	size := 200 << 10
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Long", strings.Repeat("x", size))
		if r.URL.Path == "/oauth2/v1/token" {
			io.WriteString(w, `{"access_token":"a-token-of-the-org","token_type":"DPoP","expires_in":60}`)
		} else {
			io.WriteString(w, "[]")
		}
	}))
	defer server.Close()
	org := okta.Org{URL: server.URL}
	tokens := func() *assertion.TokenSource { return org.Tokens(org.Signer("0oa1", newKey(t)), &dpop.Prover{}) }
	admin := &okta.Admin{Org: org, Tokens: tokens()}
	_, err := admin.Secrets(t.Context(), "0oa2")
	require.NoError(t, err)
	size = 300 << 10
	_, err = admin.Secrets(t.Context(), "0oa2")
	require.ErrorContains(t, err, "okta: ")
	require.ErrorContains(t, err, "server response headers exceeded")
	_, err = tokens().Token(t.Context())
	require.ErrorContains(t, err, "server response headers exceeded")
}
