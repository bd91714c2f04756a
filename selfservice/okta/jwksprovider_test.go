package okta_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const fakeURL = "http://127.0.0.1:8080"

// finish makes the steps of a rotation until nothing is left of it.
func finish(t *testing.T, r *selfservice.Rotator) {
	for range 100 {
		next, err := r.Step(t.Context())
		require.NoError(t, err)
		st, err := r.Status(t.Context())
		require.NoError(t, err)
		if st.Pending == nil && len(st.Retiring) == 0 {
			return
		}
		time.Sleep(time.Until(next))
	}
	t.Fatal("the rotation does not end")
}

// TestAServiceAppRotatesItsOwnKey: add a key, see that it works, use it,
// deactivate the old one, see that the new one works alone, delete the old one.
func TestAServiceAppRotatesItsOwnKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := oktatest.New(fakeURL)
		key := newKey(t)
		id := server.AddApp(serviceApp(key))
		org := okta.Org{URL: fakeURL, Base: providertest.Handler(server)}
		r := &selfservice.Rotator{Provider: okta.JWKS{Client: &okta.Client{Org: org, AppID: id}}, Store: &selfservice.Mem{}}
		require.NoError(t, r.Adopt(t.Context(), credential(key)))
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
