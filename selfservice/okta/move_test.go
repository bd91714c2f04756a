package okta_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReplicasMoveFromASecretToAKey: no request fails, and no replica is told. The
// nodes at Okta learn of the move one after the other.
func TestReplicasMoveFromASecretToAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		server, admin := inMemory()
		server.Nodes, server.Lag = 3, 100*time.Millisecond
		secret := firstSecret()
		id := server.AddApp(oktatest.App{Secret: secret.Secret, Service: true})
		custom := okta.AuthorizationServer{Org: admin.Org}
		client := &okta.Client{Org: admin.Org, AppID: id, Admin: admin, TokenEndpoint: custom.TokenEndpoint(), Scopes: []string{"patients"}, Bearer: true}
		store, requests := &selfservice.Mem{}, make([]int, 3)
		var replicas []*selfservice.Rotator
		var all sync.WaitGroup
		for i := range requests {
			r := &selfservice.Rotator{Provider: okta.JWKS{Client: client}, Store: store, Timing: selfservice.Timing{MaxAge: 24 * time.Hour}, OnEvent: func(e selfservice.Event) {
				if e.Kind == selfservice.EventFailed {
					t.Errorf("%v", e.Err)
				}
			}}
			require.NoError(t, r.Adopt(ctx, credential(newKey(t)))) // the first one's counts
			replicas = append(replicas, r)
			all.Go(func() { r.Run(ctx) })
			auth := &assertion.Moving{From: &assertion.Basic{ClientID: id, Secret: secret}, To: custom.Signer(id, r)}
			all.Go(func() {
				for ; ctx.Err() == nil; time.Sleep(time.Duration(37+i) * time.Millisecond) {
					_, err := custom.Tokens(auth, nil, "patients").Token(t.Context())
					assert.NoError(t, err)
					requests[i]++
				}
			})
		}
		time.Sleep(time.Second)
		key, err := replicas[2].SigningKey(ctx)
		require.NoError(t, err)
		to := okta.Authentication{Method: okta.MethodPrivateKey, Keys: keys.Set{Keys: publicKeys(key)}}
		require.NoError(t, admin.SetAuthentication(ctx, id, to, ids(t, admin, id, to)))
		time.Sleep(time.Second)
		assert.False(t, server.Knows(id, secret.Fingerprint()))
		require.NoError(t, replicas[2].Check(ctx))
		time.Sleep(10 * time.Second)
		cancel()
		all.Wait()
		for i, r := range replicas {
			assert.Greater(t, requests[i], 100)
			assert.Equal(t, key.Thumbprint(), fingerprint(t, r))
		}
	})
}
