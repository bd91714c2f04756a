package contract_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/fake"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ended is the provider of a process that ends just before it registers.
type ended struct{ keycloak.JWKSURL }

var errEnded = errors.New("the process has ended")

func (ended) Register(context.Context, selfservice.Credential, selfservice.Credential) (selfservice.Registration, error) {
	return selfservice.Registration{}, errEnded
}

// TestAResumedRotationWaitsForEveryReplica has a process save a key and end. The
// key is at the URL, but not yet at that of every replica.
func TestAResumedRotationWaitsForEveryReplica(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		store := &selfservice.Mem{}
		timing := selfservice.Timing{Overlap: time.Second, CallTimeout: time.Second, Propagation: -1}
		client := &keycloak.Client{Realm: tg.realm, ClientID: "app", Admin: tg.admin}
		provider := keycloak.JWKSURL{Client: client, Margin: time.Minute}
		first := &selfservice.Rotator{Provider: ended{provider}, Store: store, Timing: timing}
		require.NoError(t, first.Adopt(ctx, selfservice.Credential{Key: newKey(t)}))
		published := fake.Listen(t, &keys.Handler{Keys: first.Published})
		require.NoError(t, tg.admin.SetJWKSURL(ctx, id, published))
		require.ErrorIs(t, first.Rotate(ctx), errEnded)

		second := &selfservice.Rotator{Provider: provider, Store: store, Timing: timing}
		next, err := second.Step(ctx)
		require.NoError(t, err)
		for time.Until(next) < 10*time.Second {
			time.Sleep(time.Until(next)) // until the first one's lease has expired
			next, err = second.Step(ctx)
			require.NoError(t, err)
		}
		assert.WithinDuration(t, time.Now().Add(71*time.Second), next, 5*time.Second)
	})
}

// publisher serves a JWKS that changes.
type publisher struct {
	mu      sync.Mutex
	set     keys.Set
	fetched int
	URL     string
}

func publish(t *testing.T, list ...*keys.Key) *publisher {
	p := &publisher{set: set(list...)}
	p.URL = fake.Listen(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.fetched++
		json.NewEncoder(w).Encode(p.set)
	}))
	return p
}

func (p *publisher) show(list ...*keys.Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set = set(list...)
}

// unlessCleared tries what depends on the cache of keys up to three times: a test
// that clears it clears that of all realms.
func unlessCleared(holds func() bool) bool {
	for range 3 {
		if holds() {
			return true
		}
	}
	return false
}

// TestTheServersCacheOfFetchedKeys pins down what JWKSURL is built on.
func TestTheServersCacheOfFetchedKeys(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		one, two := newKey(t), newKey(t)
		p := publish(t, one)
		require.NoError(t, tg.admin.SetJWKSURL(ctx, id, p.URL))
		kept := func() bool {
			p.show(one)
			require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{}))
			require.True(t, tg.acceptsKey("app", one))
			p.show(one, two)
			early := slices.Contains(tg.mindsOf(two), true) // within 10 s of the last fetch
			tg.wait(11 * time.Second)
			require.True(t, tg.acceptsKey("app", two), "an unknown kid makes it fetch")
			p.show(two)
			tg.wait(11 * time.Second)
			return !slices.Contains(tg.mindsOf(one), false) && !early // a known kid does not
		}
		assert.True(t, unlessCleared(kept), "the server fetches keys that it knows")
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{}))
		assert.False(t, tg.acceptsKey("app", one), "an update makes it forget")
		assert.True(t, tg.acceptsKey("app", two))
		p.show(one)
		require.NoError(t, tg.admin.ClearKeysCache(ctx))
		assert.True(t, tg.acceptsKey("app", one), "and so does clearing the cache")
		assert.Less(t, p.fetched, 24*len(tg.each()))
	})
}

// TestTheLastPlaceOfKeysCounts checks that each switch is told to the server, as
// a URL takes precedence over a stored set, and that over a certificate.
func TestTheLastPlaceOfKeysCounts(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		fetched, stored, uploaded := newKey(t), newKey(t), certified(t, keys.ES256)
		p := publish(t, fetched)
		client := &keycloak.Client{Realm: tg.realm, ClientID: "app", Admin: tg.admin}
		places := map[*keys.Key]func() error{
			fetched:  func() error { return tg.admin.SetJWKSURL(ctx, id, p.URL) },
			stored:   func() error { return tg.admin.SetKeys(ctx, id, set(stored)) },
			uploaded: func() error { return tg.admin.Upload(ctx, id, certificateFile(uploaded)) },
		}
		for _, now := range []*keys.Key{fetched, stored, fetched, uploaded, stored, uploaded, fetched} {
			require.NoError(t, places[now]())
			for key := range places {
				assert.Equal(t, key == now, tg.acceptsKey("app", key))
			}
			_, err := tg.admin.Keys(ctx, id)
			assert.Equal(t, now != stored, errors.Is(err, admin.ErrMode))
			_, err = keycloak.Certificate{Client: client}.List(ctx, selfservice.Credential{})
			assert.Equal(t, now != uploaded, errors.Is(err, admin.ErrMode))
			err = keycloak.JWKSURL{Client: client}.Remove(ctx, selfservice.Credential{}, selfservice.Registration{})
			assert.Equal(t, now != fetched, errors.Is(err, admin.ErrMode))
		}
	})
}
