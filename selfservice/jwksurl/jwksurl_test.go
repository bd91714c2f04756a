package jwksurl_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/fake"
	"github.com/nokkel/nokkel/selfservice/jwksurl"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// server is an authorization server that fetches the client's JWKS, caches it as
// Cache-Control says, and reads it with go-jose. Each of its nodes has its own
// copy, and they answer in turn.
type server struct {
	fetch http.RoundTripper
	nodes int // zero: one

	balancer fake.Balancer
	mu       sync.Mutex
	copies   map[int]*copied
	used     map[string]bool
}

type copied struct {
	set   jose.JSONWebKeySet
	until time.Time
}

func newServer(fetch http.RoundTripper) *server {
	return &server{fetch: fetch, copies: map[int]*copied{}, used: map[string]bool{}}
}

func (s *server) keys(node int) jose.JSONWebKeySet {
	c := s.copies[node]
	if c == nil {
		c = &copied{}
		s.copies[node] = c
	}
	if time.Now().Before(c.until) {
		return c.set
	}
	req, _ := http.NewRequest(http.MethodGet, "http://127.0.0.1/jwks", nil)
	resp, err := s.fetch.RoundTrip(req)
	if err != nil {
		return c.set
	}
	defer resp.Body.Close()
	var set jose.JSONWebKeySet
	if readJSON(resp.Body, &set) == nil {
		c.set, c.until = set, time.Now().Add(5*time.Minute) // keys.Handler's max-age
	}
	return c.set
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	r.ParseForm()
	jws, err := jose.ParseSignedCompact(r.PostForm.Get("client_assertion"), []jose.SignatureAlgorithm{jose.ES256})
	if err == nil && !s.used[r.PostForm.Get("client_assertion")] {
		set := s.keys(s.balancer.Node(r, s.nodes, false))
		for _, k := range set.Key(jws.Signatures[0].Header.KeyID) {
			if _, err := jws.Verify(k); err == nil {
				s.used[r.PostForm.Get("client_assertion")] = true
				w.Write([]byte(`{"access_token":"t","token_type":"Bearer","expires_in":60}`))
				return
			}
		}
	}
	w.WriteHeader(http.StatusUnauthorized)
	w.Write([]byte(`{"error":"invalid_client"}`))
}

// accepts reports whether every node would now accept an assertion signed with
// that key.
func (s *server) accepts(thumbprint string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for node := range max(s.nodes, 1) {
		set := s.keys(node)
		if len(set.Key(thumbprint)) == 0 {
			return false
		}
	}
	return true
}

func token(rt http.RoundTripper) func(context.Context, keys.Source) error {
	return func(ctx context.Context, key keys.Source) error {
		source := &assertion.TokenSource{
			Endpoint: "http://127.0.0.1/token", Base: rt,
			Auth: &assertion.Signer{ClientID: "app", Audience: "http://127.0.0.1", Key: key},
		}
		_, err := source.Token(ctx)
		return err
	}
}

// site publishes what a store holds, through a replica that never rotates.
func site(store selfservice.Store) http.RoundTripper {
	return providertest.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		replica := &selfservice.Rotator{Store: store} // a new one, so that it has just read the store
		(&keys.Handler{Keys: replica.Published}).ServeHTTP(w, r)
	}))
}

func TestEveryFaultAtEveryPoint(t *testing.T) {
	key, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	for _, nodes := range []int{1, 5} {
		t.Run(fmt.Sprint("nodes: ", nodes), func(t *testing.T) {
			providertest.Run(t, func(t *testing.T) *providertest.Target {
				store := &selfservice.Mem{}
				s := newServer(site(store))
				s.nodes = nodes
				return &providertest.Target{
					First: selfservice.Credential{Key: key},
					Store: store,
					Provider: func(io *providertest.IO) selfservice.Provider {
						return &jwksurl.Provider{
							URL: "http://127.0.0.1/jwks", Base: io.Transport(site(store)), Token: token(io.Transport(providertest.Handler(s))),
						}
					},
					Accepts: s.accepts,
					Nodes:   nodes,
				}
			})
		})
	}
}

func TestKeyIsUsedOnlyWhenEveryCopyIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &selfservice.Mem{}
		s := newServer(site(store))
		key, err := keys.Generate(keys.ES256)
		require.NoError(t, err)
		var asked []time.Time
		r := &selfservice.Rotator{Store: store, Provider: &jwksurl.Provider{
			URL: "http://127.0.0.1/jwks", Base: site(store),
			Token: func(ctx context.Context, key keys.Source) error {
				asked = append(asked, time.Now())
				return token(providertest.Handler(s))(ctx, key)
			},
		}}
		require.NoError(t, r.Adopt(t.Context(), selfservice.Credential{Key: key}))
		require.True(t, s.accepts(key.Thumbprint())) // the server has a copy now
		start := time.Now()
		require.NoError(t, r.Rotate(t.Context()))
		require.Len(t, asked, 1, "the first try with the new key succeeds")
		assert.GreaterOrEqual(t, asked[0].Sub(start), 6*time.Minute)
		set, err := r.Published(t.Context())
		require.NoError(t, err)
		assert.Len(t, set.Keys, 2, "both are published during the overlap")
		time.Sleep(2 * time.Hour)
		_, err = r.Step(t.Context())
		require.NoError(t, err)
		set, err = r.Published(t.Context())
		require.NoError(t, err)
		assert.Len(t, set.Keys, 1)
		time.Sleep(5 * time.Minute) // the server still has the copy from the previous proof
		assert.False(t, s.accepts(key.Thumbprint()))
	})
}

func TestNotPublishedIsSaid(t *testing.T) {
	key, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		url  string
		page http.HandlerFunc
		want error
	}{
		"another set": {"http://127.0.0.1/jwks", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"keys":[]}`)) }, jwksurl.ErrUnpublished},
		"html":        {"http://127.0.0.1/jwks", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`<html>`)) }, jwksurl.ErrNotReachable},
		"redirect": {"http://127.0.0.1/jwks", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1/other", http.StatusFound)
		}, jwksurl.ErrNotReachable},
		"http":   {"http://example.org/jwks", nil, jwksurl.ErrURL},
		"no URL": {"", nil, jwksurl.ErrURL},
	} {
		t.Run(name, func(t *testing.T) {
			p := &jwksurl.Provider{URL: test.url, Base: providertest.Handler(test.page)}
			_, err := p.Register(t.Context(), selfservice.Credential{}, selfservice.Credential{Key: key})
			require.ErrorIs(t, err, test.want)
		})
	}
}

func TestAProviderWithoutTokenVerifiesNothing(t *testing.T) {
	key, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	require.ErrorIs(t, new(jwksurl.Provider).Verify(t.Context(), selfservice.Credential{Key: key}), selfservice.ErrConfig)
}

func readJSON(r io.Reader, v any) error { return json.NewDecoder(r).Decode(v) }
