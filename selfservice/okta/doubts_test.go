package okta_test

import (
	"context"
	"net/http"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// eachDoubt runs a test with the likelier answers, and once with each other
// answer to a question that Okta's documentation leaves open.
func eachDoubt(t *testing.T, test func(t *testing.T, f *faulty)) {
	run := func(name string, set func(*oktatest.Doubts)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFaulty(t)
				set(&f.server.Doubts)
				test(t, f)
			})
		})
	}
	run("none", func(*oktatest.Doubts) {})
	fields := reflect.TypeFor[oktatest.Doubts]()
	for i := range fields.NumField() {
		run(fields.Field(i).Name, func(d *oktatest.Doubts) { reflect.ValueOf(d).Elem().Field(i).SetBool(true) })
	}
}

// lose makes the server carry out the n-th of the requests that match, and
// loses the reply.
func (f *faulty) lose(n int, method, path string) http.RoundTripper {
	base := providertest.Handler(f.server)
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := base.RoundTrip(r)
		if r.Method == method && r.URL.Path == path {
			if n--; n == 0 {
				return nil, http.ErrServerClosed
			}
		}
		return resp, err
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// try makes steps, through errors, until a rotation has come to its end.
func try(t *testing.T, r *selfservice.Rotator, rotations int) {
	t.Helper()
	var last error
	for range 200 {
		st, err := r.Status(t.Context())
		require.NoError(t, err)
		if st.Rotations == rotations && st.Pending == nil && len(st.Retiring) == 0 {
			return
		}
		if st.Rotations < rotations {
			err = r.Rotate(t.Context())
		} else {
			var next time.Time
			next, err = r.Step(t.Context())
			time.Sleep(time.Until(next))
		}
		if err != nil {
			last = err
			time.Sleep(10 * time.Second)
		}
	}
	t.Fatalf("the rotation does not end: %v", last)
}

// TestRotationsWhateverOktaDoes: the client passes with both answers to every
// question that is open, and with the reply to the addition lost.
func TestRotationsWhateverOktaDoes(t *testing.T) {
	secret := selfservice.Credential{Secret: keys.NewSecret("the-first-secret-of-the-app-1234")}
	key := newKey(t)
	eachDoubt(t, func(t *testing.T, f *faulty) {
		web, own := f.server.AddApp(oktatest.App{Secret: secret.Secret}), f.server.AddApp(serviceApp(key))
		org := okta.Org{URL: fakeURL}
		org.Base = f.lose(1, http.MethodPost, "/api/v1/apps/"+web+"/credentials/secrets")
		bySecret := &okta.Client{Org: org, AppID: web, Admin: f.admin(serviceManager, org)}
		org.Base = f.lose(1, http.MethodPost, "/api/v1/apps/"+own+"/credentials/jwks")
		byKey := &okta.Client{Org: org, AppID: own}
		for _, c := range []struct {
			id       string
			first    selfservice.Credential
			provider selfservice.Provider
		}{
			{web, secret, okta.Secrets{Client: bySecret}},
			{own, credential(key), okta.JWKS{Client: byKey}},
		} {
			r := &selfservice.Rotator{Provider: c.provider, Store: &selfservice.Mem{}}
			require.NoError(t, r.Adopt(t.Context(), c.first))
			for n := range 2 {
				try(t, r, n+1)
			}
			st, err := r.Status(t.Context())
			require.NoError(t, err)
			assert.True(t, f.server.Accepts(c.id, st.Active.Fingerprint))
			assert.False(t, f.server.Accepts(c.id, c.first.Fingerprint()))
		}
		created := 0
		for _, e := range f.server.Events(oktatest.EventCreate) {
			assert.Empty(t, e.Reason, "no attempt at a third secret")
			created++
		}
		assert.Equal(t, 4, created)
	})
}

// TestSecretsThatAreNotShown: an administrator without the permission
// okta.apps.clientCredentials.read goes by the hash.
func TestSecretsThatAreNotShown(t *testing.T) {
	secret := selfservice.Credential{Secret: keys.NewSecret("the-first-secret-of-the-app-1234")}
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t)
		f.hideSecrets()
		web := f.server.AddApp(oktatest.App{Secret: secret.Secret})
		org := okta.Org{URL: fakeURL, Base: f.lose(1, http.MethodPost, "/api/v1/apps/"+web+"/credentials/secrets")}
		client := &okta.Client{Org: org, AppID: web, Admin: f.admin(serviceManager, org)}
		r := &selfservice.Rotator{Provider: okta.Secrets{Client: client}, Store: &selfservice.Mem{}}
		require.NoError(t, r.Adopt(t.Context(), secret))
		try(t, r, 1)
		assert.False(t, f.server.Accepts(web, secret.Fingerprint()))
		assert.Empty(t, f.server.Events(oktatest.EventReadSecret))
		assert.Len(t, f.server.Events(oktatest.EventCreate), 1)
	})
	t.Run("and a hash of another kind", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFaulty(t)
			f.server.Doubts.OtherHash = true
			f.hideSecrets()
			web := f.server.AddApp(oktatest.App{Secret: secret.Secret})
			org := okta.Org{URL: fakeURL, Base: f.lose(1, http.MethodPost, "/api/v1/apps/"+web+"/credentials/secrets")}
			client := &okta.Client{Org: org, AppID: web, Admin: f.admin(serviceManager, org)}
			provider := okta.Secrets{Client: client, Yield: func(context.Context, okta.Secret) bool { return true }}
			r := &selfservice.Rotator{Provider: provider, Store: &selfservice.Mem{}}
			require.NoError(t, r.Adopt(t.Context(), secret))
			for range 2 { // the first time the reply is lost
				err := r.Rotate(t.Context())
				if err == nil {
					break
				}
				require.ErrorIs(t, err, http.ErrServerClosed)
			}
			require.NotEqual(t, secret.Fingerprint(), fingerprint(t, r))
			time.Sleep(2 * time.Hour)
			_, err := r.Step(t.Context()) // looks for the old one's id
			require.NoError(t, err)
			_, err = r.Step(t.Context())
			require.ErrorIs(t, err, okta.ErrUnknown, "which of the two is the old one, a person has to say")
			require.ErrorContains(t, err, "okta.apps.clientCredentials.read")
			assert.True(t, f.server.Accepts(web, secret.Fingerprint()), "nothing was deleted on a guess")
		})
	})
}

// TestReadsThatAreBehind: what is listed may come from a server that has not
// learned of the last change, also after a reply was lost.
func TestReadsThatAreBehind(t *testing.T) {
	secret := selfservice.Credential{Secret: keys.NewSecret("the-first-secret-of-the-app-1234")}
	key := newKey(t)
	for n := range 4 {
		synctest.Test(t, func(t *testing.T) {
			f := newFaulty(t)
			f.server.Nodes, f.server.Lag, f.server.Doubts.StaleReads = 3, 20*time.Second, true
			f.server.Doubts.NoRepeat = n%2 == 1
			web, own := f.server.AddApp(oktatest.App{Secret: secret.Secret}), f.server.AddApp(serviceApp(key))
			org := okta.Org{URL: fakeURL}
			org.Base = f.lose(1, http.MethodPost, "/api/v1/apps/"+web+"/credentials/secrets")
			bySecret := okta.Secrets{Client: &okta.Client{Org: org, AppID: web, Admin: f.admin(serviceManager, org)}}
			org.Base = f.lose(1, http.MethodPost, "/api/v1/apps/"+own+"/credentials/jwks")
			byKey := okta.JWKS{Client: &okta.Client{Org: org, AppID: own}}
			for range n { // another node's turn
				bySecret.Verify(t.Context(), secret)
			}
			for id, c := range map[string]struct {
				first    selfservice.Credential
				provider selfservice.Provider
			}{web: {secret, bySecret}, own: {credential(key), byKey}} {
				r := &selfservice.Rotator{Provider: c.provider, Store: &selfservice.Mem{}}
				require.NoError(t, r.Adopt(t.Context(), c.first))
				for rotation := range 3 {
					try(t, r, rotation+1)
					time.Sleep(time.Hour)
				}
				assert.True(t, f.server.Accepts(id, fingerprint(t, r)))
				assert.False(t, f.server.Accepts(id, c.first.Fingerprint()))
			}
			admin := &okta.Admin{Org: okta.Org{URL: fakeURL, Base: providertest.Handler(f.server)}, APIToken: keys.NewSecret(oktatest.APIToken)}
			secrets, err := admin.Secrets(t.Context(), web)
			require.NoError(t, err)
			assert.Len(t, secrets, 1)
			left, err := admin.Keys(t.Context(), own)
			require.NoError(t, err)
			assert.Len(t, left, 1)
		})
	}
}
