package helseid_test

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/helseid/helseidtest"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var full = flag.Bool("full", false, "make every fault at each point of a rotation")

// TestRotation rotates with faults on the way, in each way that HelseID may treat
// the earlier key. By default a point gets one fault, and the cases begin with
// different ones.
func TestRotation(t *testing.T) {
	turns := []providertest.Fault{providertest.ErrorBefore, providertest.ErrorAfter, providertest.CrashBefore, providertest.CrashAfter}
	for i, c := range []struct {
		name string
		set  func(*helseidtest.Server)
	}{
		{"overlap", func(*helseidtest.Server) {}},
		{"replace at once", func(s *helseidtest.Server) { s.Replace = helseidtest.AtOnce }},
		{"replace later", func(s *helseidtest.Server) { s.Replace, s.ReplaceAfter = helseidtest.Later, 5*time.Minute }},
		{"propagation, nonces at the API", func(s *helseidtest.Server) { s.Propagation, s.NonceAtAPI = 20*time.Second, true }},
		{"replace at once, slowly", func(s *helseidtest.Server) { s.Replace, s.Propagation = helseidtest.AtOnce, 20*time.Second }},
	} {
		for _, nodes := range []int{1, 5} {
			t.Run(fmt.Sprint(c.name, ", nodes: ", nodes), func(t *testing.T) {
				t.Parallel()
				providertest.Run(t, func(t *testing.T) *providertest.Target {
					target := target(t, nodes, c.set)
					if !*full {
						target.Turn = turns[(i+nodes/2)%len(turns)]
					}
					return target
				})
			})
		}
	}
}

// target sets up a client at a server. Of several nodes the last learns of a
// change 8 s after the first.
func target(t *testing.T, nodes int, set func(*helseidtest.Server)) *providertest.Target {
	server := helseidtest.NewHandler("http://127.0.0.1")
	server.Unsigned = true // no access token is verified
	byHand, first := newKey(t), newKey(t)
	server.AddClient(clientID, byHand.PublicKey())
	client := &helseid.Client{Environment: server.Environment(), ClientID: clientID, Base: providertest.Handler(server)}
	// HelseID only replaces keys that were registered through the API.
	_, err := client.UpdateClientSecret(t.Context(), byHand, first.PublicKey())
	require.NoError(t, err)
	server.RemoveKey(clientID, byHand.PublicKey())
	before := server.Counts().Registrations
	server.Nodes, server.Lag = nodes, 2*time.Second
	time.Sleep(time.Minute) // until all nodes know the key
	set(server)
	return &providertest.Target{
		Provider: func(io *providertest.IO) selfservice.Provider {
			return &helseid.Client{Environment: server.Environment(), ClientID: clientID, Base: io.Transport(providertest.Handler(server))}
		},
		First:   selfservice.Credential{Key: first},
		Accepts: func(fingerprint string) bool { return server.Accepts(clientID, fingerprint) },
		Knows: func(fingerprint string) bool {
			return slices.ContainsFunc(server.Keys(clientID), func(s helseid.ClientSecret) bool { return s.Thumbprint == fingerprint })
		},
		Nodes:      nodes,
		Registered: func() int { return server.Counts().Registrations - before },
		AtOnce:     server.Replace == helseidtest.AtOnce,
	}
}

func TestProviderErrors(t *testing.T) {
	server, client, key := setup(t)
	ctx := context.Background()
	stranger := selfservice.Credential{Key: newKey(t)}
	assert.ErrorIs(t, client.Verify(ctx, stranger), selfservice.ErrInvalidClient)
	_, err := client.List(ctx, stranger)
	assert.ErrorIs(t, err, selfservice.ErrInvalidClient)
	secret := selfservice.Credential{Secret: keys.NewSecret("a secret is no key at HelseID")}
	assert.ErrorContains(t, client.Verify(ctx, secret), "not a key")
	_, err = client.Register(ctx, selfservice.Credential{Key: key}, secret)
	assert.ErrorContains(t, err, "not a key")

	server.Inject(selfService(429, http.Header{"Retry-After": {"11"}}, ""))
	_, err = client.Register(ctx, selfservice.Credential{Key: key}, stranger)
	var wait interface{ RetryAfter() time.Duration }
	require.ErrorAs(t, err, &wait)
	assert.Equal(t, 11*time.Second, wait.RetryAfter())
	assert.NotErrorIs(t, err, selfservice.ErrInvalidClient)
	var refused *helseid.Error
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, 429, refused.Status)
}

func TestRotationSendsFewRequests(t *testing.T) {
	least := []string{"POST /connect/token", "POST /v1/client-secret", "POST /connect/token"}
	for name, c := range map[string]struct {
		validity time.Duration
		want     []string
	}{
		"the registration returns an expiry":  {0, least},
		"it does not, so the keys are listed": {-1, append(slices.Clone(least), "GET /v1/client-secret")},
	} {
		t.Run(name, func(t *testing.T) {
			server := helseidtest.New()
			defer server.Close()
			server.Validity = c.validity
			sent := &recorder{}
			vendor := &helseid.Client{Environment: server.Environment(), Base: sent}
			// The first client also sends requests for metadata and a nonce.
			assert.Len(t, sendRotation(t, server, vendor, sent), len(c.want)+2)
			assert.Equal(t, c.want, sendRotation(t, server, vendor, sent))
		})
	}
}

// sendRotation completes a rotation of a new client and returns its requests.
func sendRotation(t *testing.T, server *helseidtest.Server, vendor *helseid.Client, sent *recorder) (requests []string) {
	t.Helper()
	key, id := newKey(t), rand.Text()
	server.AddClient(id, key.PublicKey())
	r := &selfservice.Rotator{Provider: vendor.For(id), Store: &selfservice.Mem{}, Timing: selfservice.Timing{Propagation: -1}}
	require.NoError(t, r.Adopt(t.Context(), selfservice.Credential{Key: key}))
	sent.sent = nil
	require.NoError(t, r.Rotate(t.Context()))
	for next := time.Now(); !next.After(time.Now()); {
		var err error
		next, err = r.Step(t.Context())
		require.NoError(t, err)
	}
	for _, s := range sent.sent {
		requests = append(requests, s.Method+" "+s.URL.Path)
	}
	return requests
}

// TestVerifyUsesANewConnection: behind a balancer by connection it reaches every
// node in turn, of which only one knows the key.
func TestVerifyUsesANewConnection(t *testing.T) {
	server, client, key := setup(t)
	server.Nodes, server.Lag, server.ByConnection = 5, time.Hour, true
	next := newKey(t)
	_, err := client.UpdateClientSecret(t.Context(), key, next.PublicKey())
	require.NoError(t, err)
	accepted := 0
	for range 2 * server.Nodes {
		err := client.Verify(t.Context(), selfservice.Credential{Key: next})
		if err == nil {
			accepted++
		} else {
			require.ErrorIs(t, err, selfservice.ErrInvalidClient)
		}
	}
	assert.Equal(t, 2, accepted)
}
