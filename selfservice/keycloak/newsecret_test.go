package keycloak_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// far adds 40 ms to each request.
type far struct{ http.RoundTripper }

func (f far) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(20 * time.Millisecond)
	defer time.Sleep(20 * time.Millisecond)
	return f.RoundTripper.RoundTrip(r)
}

// TestANewSecretIsNoticedAtOnce checks that a Rotator reads a new secret without
// delay. Without a policy the old one ends when anyone creates a new one.
func TestANewSecretIsNoticedAtOnce(t *testing.T) {
	type cut func(context.Context, *faulty, *selfservice.Rotator) error
	for how, replace := range map[string]cut{
		"an administrator": func(ctx context.Context, f *faulty, _ *selfservice.Rotator) error {
			_, err := f.admin.RegenerateSecret(ctx, f.id)
			return err
		},
		"a replica": func(ctx context.Context, _ *faulty, replica *selfservice.Rotator) error { return replica.Rotate(ctx) },
	} {
		for kind, provider := range map[string]func(*keycloak.Client) selfservice.Provider{
			"the server's": func(c *keycloak.Client) selfservice.Provider { return keycloak.Secret{Client: c} },
			"our own":      func(c *keycloak.Client) selfservice.Provider { return keycloak.OwnSecret{Client: c, AllowGap: true} },
		} {
			t.Run(kind+" by "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFaulty(t, false, 1)
					base := far{providertest.Handler(f.server)}
					p := provider(&keycloak.Client{Realm: f.realm(base), ClientID: "app", Admin: f.administrator(base)})
					served, replica := &selfservice.Rotator{Provider: p, Store: f.store}, &selfservice.Rotator{Provider: p, Store: f.store}
					require.NoError(t, served.Adopt(t.Context(), selfservice.Credential{Secret: firstSecret()}))
					ctx, stop := context.WithCancel(t.Context())
					defer stop()
					go served.Run(ctx)
					go replica.Run(ctx)

					var since, longest atomic.Int64 // time in which no request succeeds
					var callers sync.WaitGroup
					since.Store(time.Now().UnixNano())
					for range 4 {
						callers.Go(func() {
							for ctx.Err() == nil {
								tokens := f.realm(base).Tokens(&assertion.Basic{ClientID: "app", Secret: served}, nil)
								if _, err := tokens.Token(ctx); err == nil {
									now := time.Now().UnixNano()
									longest.Store(max(longest.Load(), now-since.Swap(now)))
								}
								time.Sleep(150 * time.Millisecond)
							}
						})
					}
					for range 5 {
						time.Sleep(7 * time.Second)
						require.NoError(t, replace(ctx, f, replica))
					}
					time.Sleep(10 * time.Second)
					stop()
					callers.Wait()
					time.Sleep(time.Second) // for requests that their callers gave up
					assert.Less(t, time.Duration(longest.Load()), 2*time.Second)
					t.Logf("at most %v without a successful request", time.Duration(longest.Load()))
				})
			})
		}
	}
}
