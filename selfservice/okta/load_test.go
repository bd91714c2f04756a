package okta_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/fake"
	"github.com/nokkel/nokkel/selfservice/internal/load"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// plain serves what a Rotator does, and has nothing to try after a refusal.
type plain struct{ r *selfservice.Rotator }

func (p plain) SigningKey(ctx context.Context) (*keys.Key, error)     { return p.r.SigningKey(ctx) }
func (p plain) ClientSecret(ctx context.Context) (keys.Secret, error) { return p.r.ClientSecret(ctx) }

// TestRotationsUnderLoad: three servers at Okta, of which each learns of a
// change 60 ms after the one before, and not one request fails.
func TestRotationsUnderLoad(t *testing.T) {
	var all sync.WaitGroup
	for _, name := range []string{"stored keys, by itself", "secrets", "keys at a URL"} {
		all.Go(func() { t.Run(name, func(t *testing.T) { rotateUnderLoad(t, name) }) }) // t.Parallel would take turns where there are two CPUs
	}
	all.Wait()
}

func rotateUnderLoad(t *testing.T, name string) {
	const rotations = 3
	secret := selfservice.Credential{Secret: keys.NewSecret("the-first-secret-of-the-app-1234")}
	server := oktatest.Start(t)
	server.Nodes, server.Lag = 3, 60*time.Millisecond
	server.KeysAge = 200 * time.Millisecond
	org, key := server.Org(), newKey(t)
	custom := server.URL + "/oauth2/default/v1/token"
	r := &selfservice.Rotator{Store: &selfservice.Mem{}, Timing: selfservice.Timing{Overlap: 600 * time.Millisecond, Reread: 100 * time.Millisecond}}
	published := fake.Listen(t, &keys.Handler{Keys: r.Published})
	first, client, tokens := credential(key), &okta.Client{Org: org, Propagates: 400 * time.Millisecond}, (func() *assertion.TokenSource)(nil)
	prover := &dpop.Prover{}
	asKey := func() *assertion.TokenSource { return org.Tokens(org.Signer(client.AppID, plain{r}), prover) }
	switch name {
	case "secrets":
		first = secret
		client.AppID = server.AddApp(oktatest.App{Secret: secret.Secret, Service: true})
		client.Admin, client.TokenEndpoint, client.Scopes = manager(t, server, org), custom, []string{"patients"}
		r.Provider = okta.Secrets{Client: client}
		tokens = func() *assertion.TokenSource {
			return &assertion.TokenSource{Endpoint: custom, Scopes: client.Scopes, Auth: &assertion.Basic{ClientID: client.AppID, Secret: plain{r}}}
		}
	case "keys at a URL":
		in := serviceApp(key)
		in.Keys, in.KeysURL = nil, published
		client.AppID, tokens = server.AddApp(in), asKey
		r.Provider = okta.JWKSURL{Client: client, Cached: 300 * time.Millisecond, Margin: 100 * time.Millisecond}
	default:
		client.AppID, tokens = server.AddApp(serviceApp(key)), asKey
		r.Provider = okta.JWKS{Client: client}
	}
	ctx := t.Context()
	require.NoError(t, r.Adopt(ctx, first))
	l := load.Start(4, time.Millisecond, tokens)
	for n := range rotations {
		require.NoError(t, r.Rotate(ctx))
		finish(t, r)
		st, err := r.Status(ctx)
		require.NoError(t, err)
		require.Equal(t, n+1, st.Rotations)
	}
	l.Stop(t, fmt.Sprintf("%s, %d rotations", name, rotations))
	time.Sleep(10 * server.Lag)
	assert.True(t, server.Knows(client.AppID, fingerprint(t, r)))
	assert.False(t, server.Knows(client.AppID, first.Fingerprint()))
}

func fingerprint(t *testing.T, r *selfservice.Rotator) string {
	st, err := r.Status(t.Context())
	require.NoError(t, err)
	return st.Active.Fingerprint
}
