package okta_test

import (
	"context"
	"net/http"
	"reflect"
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

// eachDoubt runs a test with the likely answers, and once with each of the
// other answers to what Okta's documentation leaves open.
func eachDoubt(t *testing.T, test func(t *testing.T, f *faulty)) {
	run := func(name string, set func(*oktatest.Doubts)) {
		bubble(t, name, func(t *testing.T) {
			f := newFaulty(t)
			set(&f.server.Doubts)
			test(t, f)
		})
	}
	run("none", func(*oktatest.Doubts) {})
	fields := reflect.TypeFor[oktatest.Doubts]()
	for i := range fields.NumField() {
		run(fields.Field(i).Name, func(d *oktatest.Doubts) { reflect.ValueOf(d).Elem().Field(i).SetBool(true) })
	}
}

// rotated is an app with its first credential.
type rotated struct {
	id       string
	first    selfservice.Credential
	provider selfservice.Provider
}

// lossy adds an app with a secret and one that manages its own key. The reply
// to the first addition of a credential to either is lost.
func (f *faulty) lossy(t *testing.T) (web, own rotated) {
	key, secret := newKey(t), firstSecret()
	web = rotated{id: f.server.AddApp(oktatest.App{Secret: secret.Secret}), first: secret}
	org := okta.Org{URL: fakeURL, Base: f.loseReply("/api/v1/apps/" + web.id + "/credentials/secrets")}
	web.provider = okta.Secrets{Client: &okta.Client{Org: org, AppID: web.id, Admin: f.admin(serviceManager, org)}}
	own = rotated{id: f.server.AddApp(serviceApp(key)), first: credential(key)}
	org.Base = f.loseReply("/api/v1/apps/" + own.id + "/credentials/jwks")
	own.provider = okta.JWKS{Client: &okta.Client{Org: org, AppID: own.id}}
	return web, own
}

// loseReply loses the reply to the first POST to a path, which is carried out.
func (f *faulty) loseReply(path string) http.RoundTripper {
	base, lost := providertest.Handler(f.server), false
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(r)
		if r.Method == http.MethodPost && r.URL.Path == path && !lost {
			lost = true
			return nil, http.ErrServerClosed
		}
		return resp, err
	})
}

func TestRotationWithEachDoubt(t *testing.T) {
	eachDoubt(t, func(t *testing.T, f *faulty) {
		web, own := f.lossy(t)
		for _, c := range []rotated{web, own} {
			r := adopt(t, c.provider, c.first)
			for n := range 2 {
				persist(t, r, n+1)
			}
			assert.True(t, f.server.Accepts(c.id, fingerprint(t, r)))
			assert.False(t, f.server.Accepts(c.id, c.first.Fingerprint()))
		}
		created := f.server.Events(oktatest.EventCreate)
		assert.Len(t, created, 4)
		for _, e := range created {
			assert.Empty(t, e.Reason, "a third secret was tried")
		}
	})
}

// TestHiddenSecrets: an administrator without the permission
// okta.apps.clientCredentials.read compares hashes.
func TestHiddenSecrets(t *testing.T) {
	bubble(t, "known hash", func(t *testing.T) {
		f := newFaulty(t)
		f.hideSecrets()
		web, _ := f.lossy(t)
		r := adopt(t, web.provider, web.first)
		persist(t, r, 1)
		assert.False(t, f.server.Accepts(web.id, web.first.Fingerprint()))
		assert.Empty(t, f.server.Events(oktatest.EventReadSecret))
		assert.Len(t, f.server.Events(oktatest.EventCreate), 1)
	})
	bubble(t, "unknown hash", func(t *testing.T) {
		f := newFaulty(t)
		f.server.Doubts.OtherHash = true
		f.hideSecrets()
		web, _ := f.lossy(t)
		provider := web.provider.(okta.Secrets)
		provider.Yield = func(context.Context, okta.Secret) bool { return true }
		r := adopt(t, provider, web.first)
		require.ErrorIs(t, r.Rotate(t.Context()), http.ErrServerClosed)
		require.NoError(t, r.Rotate(t.Context()))
		require.NotEqual(t, web.first.Fingerprint(), fingerprint(t, r))
		time.Sleep(2 * time.Hour)
		_, err := r.Step(t.Context()) // looks for the ID of the old secret
		require.NoError(t, err)
		_, err = r.Step(t.Context())
		require.ErrorIs(t, err, okta.ErrUnknown, "only a person can tell which of the two is the old one")
		require.ErrorContains(t, err, "okta.apps.clientCredentials.read")
		assert.True(t, f.server.Accepts(web.id, web.first.Fingerprint()), "a secret was deleted on a guess")
	})
}

// TestStaleReads lists credentials at a node that has not learned of the last
// change.
func TestStaleReads(t *testing.T) {
	for n := range 4 {
		synctest.Test(t, func(t *testing.T) {
			f := newFaulty(t)
			f.server.Nodes, f.server.Lag, f.server.Doubts.StaleReads = 3, 20*time.Second, true
			f.server.Doubts.NoRepeat = n%2 == 1
			web, own := f.lossy(t)
			for range n { // start at another node
				web.provider.Verify(t.Context(), web.first)
			}
			for _, c := range []rotated{web, own} {
				r := adopt(t, c.provider, c.first)
				for rotation := range 3 {
					persist(t, r, rotation+1)
					time.Sleep(time.Hour)
				}
				assert.True(t, f.server.Accepts(c.id, fingerprint(t, r)))
				assert.False(t, f.server.Accepts(c.id, c.first.Fingerprint()))
			}
			admin := adminOver(providertest.Handler(f.server))
			secrets, err := admin.Secrets(t.Context(), web.id)
			require.NoError(t, err)
			assert.Len(t, secrets, 1)
			left, err := admin.Keys(t.Context(), own.id)
			require.NoError(t, err)
			assert.Len(t, left, 1)
		})
	}
}
