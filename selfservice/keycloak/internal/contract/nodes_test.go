package contract_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/nokkel/nokkel/selfservice/internal/fake"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// eachCluster runs a test on a fake of two nodes and on the live ones that
// KEYCLOAK_NODES lists.
func eachCluster(t *testing.T, test func(*target)) {
	t.Parallel()
	t.Run("fake", func(t *testing.T) {
		server := keycloaktest.Start(t)
		server.Nodes = 2
		server.AddRealm("test")
		tg := &target{t: t, tokens: server.Admin(), wait: server.Advance, version: keycloaktest.Version}
		realm := keycloak.Realm{Server: server.URL, Name: "test"}
		for n := range server.Nodes {
			realm.Nodes = append(realm.Nodes, fake.Listen(t, server.Node(n)))
		}
		tg.use(realm)
		test(tg)
	})
	t.Run("live", func(t *testing.T) {
		if os.Getenv("KEYCLOAK_NODES") == "" {
			t.Skip("KEYCLOAK_NODES is not set")
		}
		test(live(t))
	})
}

// split brings a client into a state in which the first node refuses a key that
// the second one accepts. Both accept the other key.
func (tg *target) split(id string) (removed, kept *keys.Key, first, second *admin.API) {
	tg.t.Helper()
	ctx, ways := tg.t.Context(), tg.each()
	first, second = &admin.API{Realm: ways[0], Tokens: tg.tokens}, &admin.API{Realm: ways[1], Tokens: tg.tokens}
	removed, kept = newKey(tg.t), newKey(tg.t)
	require.NoError(tg.t, tg.admin.SetKeys(ctx, id, set(removed, kept)))
	require.True(tg.t, tg.acceptsKey("app", removed))
	require.NoError(tg.t, first.RemoveKey(ctx, id, removed.Thumbprint()))
	require.Equal(tg.t, []bool{false, true}, tg.mindsOf(removed))
	require.True(tg.t, tg.acceptsKey("app", kept))
	return removed, kept, first, second
}

func (tg *target) mindsOf(key *keys.Key) []bool {
	return tg.minds("app", selfservice.Credential{Key: key})
}

// TestANodeKeepsTheKeysThatItHasLoaded checks the behavior that the providers
// work around.
func TestANodeKeepsTheKeysThatItHasLoaded(t *testing.T) {
	eachCluster(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		loaded := time.Now()
		removed, _, first, _ := tg.split(id)
		added := newKey(t)
		require.NoError(t, first.AddKey(ctx, id, added.PublicKey()))
		if minds := tg.mindsOf(added); time.Since(loaded) < 10*time.Second {
			assert.Equal(t, []bool{true, false}, minds, "it loaded its keys less than 10 s ago")
		}
		require.NoError(t, first.UpdateClient(ctx, id, admin.Change{}))
		require.NoError(t, first.UpdateClient(ctx, id, admin.Change{Method: admin.MethodSecret}))
		require.NoError(t, first.UpdateClient(ctx, id, admin.Change{Method: admin.MethodSignedJWT}))
		assert.Equal(t, []bool{false, true}, tg.mindsOf(removed), "whatever is done at the other node")
		tg.wait(12 * time.Second)
		assert.Equal(t, []bool{false, true}, tg.mindsOf(removed), "and however long it waits")
		assert.Equal(t, []bool{true, true}, tg.mindsOf(added), "an unknown kid makes it load its keys")
		assert.Equal(t, []bool{false, false}, tg.mindsOf(removed))
	})
}

func TestReloadKeysReachesEveryNode(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]bool{"through the balancer": false, "at known nodes": true} {
		t.Run(name, func(t *testing.T) {
			eachCluster(t, func(tg *target) {
				t, ctx := tg.t, tg.t.Context()
				id, _ := tg.client("app", nil)
				removed, kept, _, _ := tg.split(id)
				client := &keycloak.Client{Realm: tg.balanced(), ClientID: "app"}
				if known {
					client.Realm = tg.realm
				}
				tg.wait(12 * time.Second)
				require.NoError(t, client.ReloadKeys(ctx, selfservice.Credential{Key: kept}))
				assert.Equal(t, []bool{false, false}, tg.mindsOf(removed))
				assert.Equal(t, []bool{true, true}, tg.mindsOf(kept))
				require.Error(t, client.ReloadKeys(ctx, selfservice.Credential{Secret: firstSecret()}))
			})
		})
	}
}

func TestKnownNodesTakeAnUpdateAtOnce(t *testing.T) {
	eachCluster(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		one, two := newKey(t), newKey(t)
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(one)))
		for range 3 {
			require.True(t, tg.acceptsKey("app", one))
			require.NoError(t, tg.admin.AddKey(ctx, id, two.PublicKey()))
			require.True(t, tg.acceptsKey("app", two))
			require.NoError(t, tg.admin.RemoveKey(ctx, id, one.Thumbprint()))
			require.False(t, tg.acceptsKey("app", one))
			one, two = two, newKey(t)
		}
		wrong := tg.realm
		wrong.Nodes = append([]string{"http://10.0.0.1"}, wrong.Nodes...)
		err := (&admin.API{Realm: wrong, Tokens: tg.tokens}).SetKeys(ctx, id, set(two))
		require.ErrorIs(t, err, admin.ErrConfig, "it is not https")
		assert.True(t, tg.acceptsKey("app", two), "the others know")
	})
}

// TestAClearedCacheHeedsTheOthers runs after the other tests of a live cluster,
// as it changes the nodes until they are restarted.
func TestAClearedCacheHeedsTheOthers(t *testing.T) {
	eachCluster(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		if !tg.live {
			removed, _, first, second := tg.split(id)
			require.NoError(t, first.ClearKeysCache(ctx))
			assert.Equal(t, []bool{false, true}, tg.mindsOf(removed), "it clears the node that is asked")
			require.NoError(t, second.ClearKeysCache(ctx))
			assert.Equal(t, []bool{false, false}, tg.mindsOf(removed))
		}
		require.NoError(t, tg.admin.ClearKeysCache(ctx))
		one, two := newKey(t), newKey(t)
		for i := range tg.each() {
			at := &admin.API{Realm: tg.each()[i], Tokens: tg.tokens}
			require.NoError(t, at.SetKeys(ctx, id, set(one, two)))
			require.Equal(t, []bool{true, true}, tg.mindsOf(one))
			require.NoError(t, at.RemoveKey(ctx, id, one.Thumbprint()))
			assert.Eventually(t, func() bool { m := tg.mindsOf(one); return !m[0] && !m[1] }, 2*time.Second, 100*time.Millisecond)
		}
	})
}

// alone signs with the Rotator's key, but does not report refusals to it.
type alone struct{ r *selfservice.Rotator }

func (a alone) SigningKey(ctx context.Context) (*keys.Key, error) { return a.r.SigningKey(ctx) }

// managers are the ways to rotate a client's stored keys. Each returns the
// provider for a client that has its first key.
var managers = map[string]func(*target, string) selfservice.Provider{
	"by an administrator": func(tg *target, _ string) selfservice.Provider {
		return keycloak.JWKS{Client: &keycloak.Client{Realm: tg.balanced(), ClientID: "app", Admin: tg.byAdmin()}}
	},
	"by itself": func(tg *target, _ string) selfservice.Provider {
		tg.grant("app", "manage-clients")
		return keycloak.JWKS{Client: &keycloak.Client{Realm: tg.balanced(), ClientID: "app"}}
	},
	"by a registration access token": func(tg *target, id string) selfservice.Provider {
		token, err := tg.admin.RegistrationToken(tg.t.Context(), id)
		require.NoError(tg.t, err)
		registered := (&keycloak.Client{Realm: tg.balanced(), ClientID: "app"}).Registered(&selfservice.Mem{})
		require.NoError(tg.t, registered.Adopt(tg.t.Context(), dcr.Registration{ClientID: "app", URI: tg.realm.RegistrationURI("app"), AccessToken: token}))
		return registered.Keys()
	},
}

// TestACallerWhoSignsAloneIsNotRefused rotates live, several times in quick
// succession. In the end every node refuses a removed key.
func TestACallerWhoSignsAloneIsNotRefused(t *testing.T) {
	t.Parallel()
	for name, provider := range managers {
		t.Run(name, func(t *testing.T) {
			tg := live(t)
			ctx := t.Context()
			id, _ := tg.client("app", nil)
			key := newKey(t)
			require.NoError(t, tg.admin.SetKeys(ctx, id, set(key)))
			r := &selfservice.Rotator{
				Provider: provider(tg, id), Store: &selfservice.Mem{},
				Timing: selfservice.Timing{Overlap: 4 * time.Second, Propagation: tg.short().Propagation},
			}
			require.NoError(t, r.Adopt(ctx, selfservice.Credential{Key: key}))
			running, stop := context.WithCancel(ctx)
			defer stop()
			go r.Run(running)
			rotations := 4
			if os.Getenv("NOKKEL_LONG") == "1" {
				rotations = 20
			}
			l := tg.load(tg.realm.Signer("app", alone{r}))
			var last *keys.Key // the last one that was removed
			for range rotations {
				var err error
				last, err = r.SigningKey(ctx)
				require.NoError(t, err)
				require.NoError(t, r.Rotate(ctx))
				time.Sleep(4 * time.Second)
			}
			require.Eventually(t, func() bool {
				st, err := r.Status(ctx)
				return err == nil && len(st.Retiring) == 0
			}, 2*time.Minute, 100*time.Millisecond)
			l.Stop(t, fmt.Sprintf("signing alone, %d nodes, %s, stored keys %s, %d rotations", max(1, len(tg.realm.Nodes)), tg.version, name, rotations))
			// With the Timing of one node nothing is purged, and a request that
			// loads the keys during a removal can bring the key back.
			if len(tg.realm.Nodes) > 0 {
				assert.False(t, tg.acceptsKey("app", last))
			}
		})
	}
}
