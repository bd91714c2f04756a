package okta_test

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAServiceAppRotatesItsOwnKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, admin := inMemory()
		key := newKey(t)
		id := server.AddApp(serviceApp(key))
		r := adopt(t, okta.JWKS{Client: &okta.Client{Org: admin.Org, AppID: id}}, credential(key))
		require.NoError(t, r.Rotate(t.Context()))
		finish(t, r)

		next, err := r.SigningKey(t.Context())
		require.NoError(t, err)
		assert.NotEqual(t, key.Thumbprint(), next.Thumbprint())
		assert.True(t, server.Accepts(id, next.Thumbprint()))
		assert.False(t, server.Accepts(id, key.Thumbprint()))
		var steps []string
		for _, e := range server.Events(oktatest.EventCreate, oktatest.EventDeactivate, oktatest.EventDelete) {
			assert.Empty(t, e.Reason)
			assert.Equal(t, id, e.Actor)
			steps = append(steps, e.Type)
		}
		assert.Equal(t, []string{oktatest.EventCreate, oktatest.EventDeactivate, oktatest.EventDelete}, steps)
	})
}

// TestAKeyUnderTwoKids, as when somebody has pasted it a second time, neither
// stops a rotation nor outlives it.
func TestAKeyUnderTwoKids(t *testing.T) {
	server, admin := inMemory()
	ctx, key := t.Context(), newKey(t)
	pasted, err := key.With(keys.Options{KeyID: "pasted"})
	require.NoError(t, err)
	for _, list := range [][]*keys.Key{{pasted, key}, {key, pasted}} {
		id, next := server.AddApp(oktatest.App{Keys: publicKeys(list...)}), newKey(t)
		p := okta.JWKS{Client: &okta.Client{Org: admin.Org, AppID: id, Admin: admin}}
		require.NoError(t, p.Check(ctx, credential(key)))
		again, err := p.Register(ctx, credential(key), credential(key))
		require.NoError(t, err)
		_, err = p.Register(ctx, credential(key), credential(next))
		require.NoError(t, err)

		old := selfservice.Registration{ID: again.ID, KeyID: key.KeyID(), Fingerprint: key.Thumbprint()}
		require.NoError(t, p.Deactivate(ctx, credential(next), old))
		assert.False(t, server.Accepts(id, key.Thumbprint()))
		require.NoError(t, p.Activate(ctx, credential(next), old))
		require.NoError(t, p.Verify(ctx, credential(key)))
		require.NoError(t, p.Remove(ctx, credential(next), old))
		assert.Equal(t, []string{next.KeyID()}, slices.Collect(maps.Keys(byKid(t, admin, id))))
	}

	// The entry that is in use stays.
	id := server.AddApp(oktatest.App{Keys: publicKeys(pasted, key)})
	p := okta.JWKS{Client: &okta.Client{Org: admin.Org, AppID: id, Admin: admin}}
	require.NoError(t, p.Remove(ctx, credential(key), selfservice.Registration{KeyID: "pasted", Fingerprint: key.Thumbprint()}))
	require.NoError(t, p.Verify(ctx, credential(key)))
	assert.Len(t, byKid(t, admin, id), 1)
}
