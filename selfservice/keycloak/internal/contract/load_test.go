package contract_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/internal/fake"
	"github.com/nokkel/nokkel/selfservice/internal/load"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// load starts requests that authenticate with what auth returns at that moment.
func (tg *target) load(auth assertion.Authenticator) *load.Load {
	return load.Start(4, tg.pause(), func() *assertion.TokenSource { return tg.realm.Tokens(auth, nil) })
}

// pause is the wait before each request of a goroutine.
func (tg *target) pause() time.Duration {
	if tg.live {
		return 20 * time.Millisecond
	}
	return 2 * time.Millisecond
}

// times returns n on a live server, and less on the fake, which other tests use
// enough, and on a cluster, where each rotation waits for the nodes.
func (tg *target) times(n int) int {
	switch {
	case tg.live && os.Getenv("NOKKEL_LONG") == "1":
		return 2 * n
	case tg.live && len(tg.realm.Nodes) == 0:
		return n
	}
	return n / 3
}

// auth authenticates with the credential that the rotator serves.
func (tg *target) auth(r *selfservice.Rotator, secret bool) assertion.Authenticator {
	if secret {
		return &assertion.Basic{ClientID: "app", Secret: r}
	}
	return tg.realm.Signer("app", r)
}

// rotate makes n complete rotations under load.
func (tg *target) rotate(name string, rotations int, r *selfservice.Rotator, secret bool) {
	t, ctx := tg.t, tg.t.Context()
	l := tg.load(tg.auth(r, secret))
	for range rotations {
		require.NoError(t, r.Rotate(ctx))
		for {
			next, err := r.Step(ctx)
			require.NoError(t, err)
			st, err := r.Status(ctx)
			require.NoError(t, err)
			if len(st.Retiring) == 0 {
				break
			}
			time.Sleep(time.Until(next))
		}
	}
	st, err := r.Status(ctx)
	require.NoError(t, err)
	assert.Equal(t, rotations, st.Rotations)
	l.Stop(t, fmt.Sprintf("%s, %d rotations", name, rotations))
}

func (tg *target) short() selfservice.Timing {
	t := selfservice.Timing{Overlap: 400 * time.Millisecond, Reread: 100 * time.Millisecond, Propagation: -1}
	if !tg.live {
		t.Overlap, t.Reread = 100*time.Millisecond, 25*time.Millisecond
	}
	if len(tg.realm.Nodes) > 1 {
		t.Propagation = 0 // the provider sets it
	}
	return t
}

func TestStoredKeysRotateUnderLoad(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, _ := tg.client("app", nil)
		tg.grant("app", "manage-clients")
		key := newKey(t)
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(key)))
		client := &keycloak.Client{Realm: tg.balanced(), ClientID: "app", DPoP: true}
		r := &selfservice.Rotator{Provider: keycloak.JWKS{Client: client}, Store: &selfservice.Mem{}, Timing: tg.short()}
		require.NoError(t, r.Adopt(ctx, selfservice.Credential{Key: key}))
		tg.rotate("stored keys, by itself", tg.times(10), r, false)
		stored, err := tg.admin.Keys(ctx, id)
		require.NoError(t, err)
		assert.Len(t, stored.Keys, 1)
		assert.False(t, tg.acceptsKey("app", key))
	})
}

func TestSecretsRotateUnderLoad(t *testing.T) {
	t.Parallel()
	for name, provider := range map[string]func(*keycloak.Client) selfservice.Provider{
		"the server's": func(c *keycloak.Client) selfservice.Provider { return keycloak.Secret{Client: c} },
		"our own":      func(c *keycloak.Client) selfservice.Provider { return keycloak.OwnSecret{Client: c} },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(tg *target) {
				t, ctx := tg.t, tg.t.Context()
				tg.policy(7*day, 2*day, day)
				_, secret := tg.client("app", nil)
				client := &keycloak.Client{Realm: tg.balanced(), ClientID: "app", Admin: tg.byAdmin()}
				r := &selfservice.Rotator{Provider: provider(client), Store: &selfservice.Mem{}, Timing: tg.short()}
				require.NoError(t, r.Adopt(ctx, selfservice.Credential{Secret: secret}))
				tg.rotate("secrets of "+name+" under a policy", tg.times(10), r, true)
				assert.False(t, tg.acceptsSecret("app", secret))
			})
		})
	}
}

// TestCutsRotateUnderLoad rotates credentials that Keycloak ends the moment it
// accepts the new one. A program whose request is refused then asks the Rotator
// again, which has already saved the new one.
func TestCutsRotateUnderLoad(t *testing.T) {
	t.Parallel()
	key := certified(t, keys.ES256)
	for name, secret := range map[string]bool{"a certificate": false, "our own secrets without a policy": true} {
		t.Run(name, func(t *testing.T) {
			each(t, func(tg *target) {
				t, ctx := tg.t, tg.t.Context()
				if !secret && len(tg.realm.Nodes) > 1 {
					t.Skip("each node cuts at its own time, up to 11 s apart, and no program waits that long for a token")
				}
				id, first := tg.client("app", nil)
				client := &keycloak.Client{Realm: tg.balanced(), ClientID: "app", Admin: tg.byAdmin()}
				r := &selfservice.Rotator{Provider: keycloak.OwnSecret{Client: client, AllowGap: true}, Store: &selfservice.Mem{}, Timing: tg.short()}
				adopted := selfservice.Credential{Secret: first}
				if !secret {
					// Without a list a removal makes 22 requests within a call, which ends
					// after 5 s here: too short for a busy machine.
					client.Realm.Nodes = []string{tg.realm.Server}
					r.Provider, adopted = keycloak.Certificate{Client: client}, selfservice.Credential{Key: key}
					require.NoError(t, tg.admin.Upload(ctx, id, certificateFile(key)))
				}
				require.NoError(t, r.Adopt(ctx, adopted))
				tg.rotate(name, tg.times(10), r, secret)
				assert.False(t, tg.accepts("app", adopted))
			})
		})
	}
}

// TestAProgramMovesFromASecretToAKey and back, while it runs. The server accepts
// one of the two at a time.
func TestAProgramMovesFromASecretToAKey(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		id, secret := tg.client("app", nil)
		key := newKey(t)
		auth := &assertion.Moving{From: &assertion.Basic{ClientID: "app", Secret: secret}, To: tg.realm.Signer("app", key)}
		request := func() {
			_, err := tg.realm.Tokens(auth, nil).Token(ctx)
			require.NoError(t, err)
		}
		request()
		require.NoError(t, tg.admin.SetKeys(ctx, id, set(key)))
		require.False(t, tg.acceptsSecret("app", secret))
		request()
		require.NoError(t, tg.admin.UpdateClient(ctx, id, admin.Change{Method: admin.MethodSecret}))
		require.True(t, tg.acceptsSecret("app", secret))
		request()
	})
}

// TestKeysAtAURLRotateUnderLoad takes 12 s for each rotation, so it runs on live
// servers only. Package keycloak rotates the fake in virtual time, with faults.
func TestKeysAtAURLRotateUnderLoad(t *testing.T) {
	tg := live(t)
	id, _ := tg.client("app", nil)
	key := newKey(t)
	r := &selfservice.Rotator{Store: &selfservice.Mem{}, Timing: tg.short()}
	published := fake.Listen(t, &keys.Handler{Keys: r.Published})
	require.NoError(t, tg.admin.SetJWKSURL(t.Context(), id, published))
	client := &keycloak.Client{Realm: tg.balanced(), ClientID: "app", Admin: tg.byAdmin()}
	r.Provider = keycloak.JWKSURL{Client: client, Margin: time.Second}
	require.NoError(t, r.Adopt(t.Context(), selfservice.Credential{Key: key}))
	tg.rotate("keys at a URL", tg.times(4), r, false)
	assert.False(t, tg.acceptsKey("app", key))
}
