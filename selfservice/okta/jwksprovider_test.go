package okta_test

import (
	"testing"
	"testing/synctest"

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
