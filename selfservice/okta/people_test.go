package okta_test

import (
	"context"
	"net/http"
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

// TestAThirdSecretWaitsForRoom: what a person added is not deleted without
// leave, the one in use never, and what to do is said.
func TestAThirdSecretWaitsForRoom(t *testing.T) {
	secret := selfservice.Credential{Secret: keys.NewSecret("the-first-secret-of-the-app-1234")}
	byHand := keys.NewSecret("a-secret-that-a-person-has-added")
	begin := func(t *testing.T) (*oktatest.Server, *okta.Admin, okta.Secrets, *selfservice.Rotator, *okta.Secret) {
		f := newFaulty(t)
		org := okta.Org{URL: fakeURL, Base: providertest.Handler(f.server)}
		admin := f.admin(serviceManager, org)
		id := f.server.AddApp(oktatest.App{Secret: secret.Secret})
		added, err := admin.AddSecret(t.Context(), id, byHand)
		require.NoError(t, err)
		p := okta.Secrets{Client: &okta.Client{Org: org, AppID: id, Admin: admin}}
		r := &selfservice.Rotator{Provider: p, Store: &selfservice.Mem{}}
		require.NoError(t, r.Adopt(t.Context(), secret))
		return f.server, admin, p, r, added
	}
	t.Run("and goes on when there is some", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server, admin, p, r, added := begin(t)
			err := r.Rotate(t.Context())
			require.ErrorIs(t, err, selfservice.ErrLimit)
			require.ErrorContains(t, err, added.ID+" (active, created ")
			require.ErrorContains(t, err, "delete another if nobody uses it")
			assert.Empty(t, server.Events(oktatest.EventDeactivate, oktatest.EventDelete))
			for _, e := range server.Events(oktatest.EventCreate) {
				assert.Empty(t, e.Reason, "no third one was tried")
			}
			require.NoError(t, admin.DeactivateSecret(t.Context(), p.AppID, added.ID))
			require.ErrorIs(t, r.Rotate(t.Context()), selfservice.ErrLimit, "an inactive one counts")
			require.NoError(t, admin.DeleteSecret(t.Context(), p.AppID, added.ID))
			require.NoError(t, r.Rotate(t.Context()))
			finish(t, r)
			assert.True(t, server.Accepts(p.AppID, fingerprint(t, r)))
		})
	})
	for _, inactive := range []bool{false, true} {
		t.Run("unless it may be deleted", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, admin, p, r, added := begin(t)
				if inactive {
					require.NoError(t, admin.DeactivateSecret(t.Context(), p.AppID, added.ID))
				}
				var asked []string
				p.Yield = func(_ context.Context, s okta.Secret) bool {
					asked = append(asked, s.ID)
					return s.Is(selfservice.Credential{Secret: byHand}.Fingerprint())
				}
				r.Provider = p
				require.NoError(t, r.Rotate(t.Context()))
				assert.Equal(t, []string{added.ID}, asked, "the one in use is not asked about")
				finish(t, r)
				assert.True(t, server.Accepts(p.AppID, fingerprint(t, r)))
			})
		})
	}
	t.Run("or the active one does not work without it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server, _, p, r, added := begin(t)
			base, off := p.Org.Base, false
			p.Org.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
				off = off || r.URL.Path == "/api/v1/apps/"+p.AppID+"/credentials/secrets/"+added.ID+"/lifecycle/deactivate"
				if off && r.URL.Path == "/oauth2/v1/introspect" {
					return nil, http.ErrServerClosed
				}
				return base.RoundTrip(r)
			})
			p.Admin.Org.Base = p.Org.Base
			p.Yield = func(context.Context, okta.Secret) bool { return true }
			r.Provider = p
			err := r.Rotate(t.Context())
			require.ErrorIs(t, err, okta.ErrFull)
			require.ErrorContains(t, err, "stays")
			assert.True(t, server.Accepts(p.AppID, selfservice.Credential{Secret: byHand}.Fingerprint()), "it was activated again")
			assert.Empty(t, server.Events(oktatest.EventDelete))
		})
	})
	t.Run("of its own old one it waits for the overlap", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server, admin, p, r, added := begin(t)
			require.NoError(t, admin.DeactivateSecret(t.Context(), p.AppID, added.ID))
			require.NoError(t, admin.DeleteSecret(t.Context(), p.AppID, added.ID))
			require.NoError(t, r.Rotate(t.Context()))
			require.ErrorIs(t, r.Rotate(t.Context()), selfservice.ErrLimit)
			assert.True(t, server.Accepts(p.AppID, secret.Fingerprint()), "the overlap has not ended")
			time.Sleep(time.Hour)
			try(t, r, 2)
			assert.False(t, server.Accepts(p.AppID, secret.Fingerprint()))
		})
	})
}

// TestADuplicateKidIsForAPersonToSolve, and the rotation goes on after that.
func TestADuplicateKidIsForAPersonToSolve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := oktatest.New(fakeURL)
		org := okta.Org{URL: fakeURL, Base: providertest.Handler(server)}
		key := newKey(t)
		id := server.AddApp(serviceApp(key))
		next := newKey(t)
		r := &selfservice.Rotator{Provider: okta.JWKS{Client: &okta.Client{Org: org, AppID: id}}, Store: &selfservice.Mem{}}
		r.New = func(context.Context, selfservice.Credential) (selfservice.Credential, error) {
			return credential(next), nil
		}
		require.NoError(t, r.Adopt(t.Context(), credential(key)))
		other, err := newKey(t).With(keys.Options{KeyID: next.KeyID()})
		require.NoError(t, err)
		admin := &okta.Admin{Org: org, APIToken: keys.NewSecret(oktatest.APIToken)}
		blocking, err := admin.AddKey(t.Context(), id, other.PublicKey())
		require.NoError(t, err)
		err = r.Rotate(t.Context())
		require.ErrorIs(t, err, okta.ErrKeyID)
		require.ErrorContains(t, err, blocking.ID+" is another one with the same kid: delete it")
		require.NoError(t, admin.DeactivateKey(t.Context(), id, blocking.ID))
		require.NoError(t, admin.DeleteKey(t.Context(), id, blocking.ID))
		require.NoError(t, r.Rotate(t.Context()))
		finish(t, r)
		assert.True(t, server.Accepts(id, next.Thumbprint()))
	})
}

// TestTheLastActiveOneStays: a person has deactivated the new key at the
// moment of the rotation's end, so the old one is the only one that is active.
func TestTheLastActiveOneStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := oktatest.New(fakeURL)
		org := okta.Org{URL: fakeURL, Base: providertest.Handler(server)}
		admin := &okta.Admin{Org: org, APIToken: keys.NewSecret(oktatest.APIToken)}
		key := newKey(t)
		id := server.AddApp(serviceApp(key))
		client := &okta.Client{Org: org, AppID: id, Admin: admin}
		r := &selfservice.Rotator{Provider: okta.JWKS{Client: client}, Store: &selfservice.Mem{}}
		require.NoError(t, r.Adopt(t.Context(), credential(key)))
		require.NoError(t, r.Rotate(t.Context()))
		list, err := admin.Keys(t.Context(), id)
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.NoError(t, admin.DeactivateKey(t.Context(), id, list[1].ID))
		direct := okta.JWKS{Client: client}
		err = direct.Deactivate(t.Context(), credential(key), selfservice.Registration{Fingerprint: key.Thumbprint()})
		require.ErrorIs(t, err, okta.ErrLastActive)
		require.ErrorContains(t, err, "add another one")

		time.Sleep(2 * time.Hour)
		_, err = r.Step(t.Context()) // finds the old one's id
		require.NoError(t, err)
		_, err = r.Step(t.Context())
		require.NoError(t, err, "the old one serves again")
		assert.Equal(t, key.Thumbprint(), fingerprint(t, r))
		try(t, r, 2)
		assert.True(t, server.Accepts(id, fingerprint(t, r)))
		assert.False(t, server.Accepts(id, key.Thumbprint()))
	})
}

// TestASecondWriterDoesNotUndoARotation: somebody reads the app before a step
// of the rotation and writes it back after that, with the secret that he knows
// as well (as Terraform does). Whenever that is, the rotation comes to its
// end, and what is active then is accepted.
func TestASecondWriterDoesNotUndoARotation(t *testing.T) {
	secret := selfservice.Credential{Secret: keys.NewSecret("the-first-secret-of-the-app-1234")}
	key := newKey(t)
	for name, c := range map[string]struct {
		app      oktatest.App
		first    selfservice.Credential
		provider func(*okta.Client) selfservice.Provider
	}{
		"secrets": {oktatest.App{Secret: secret.Secret}, secret, func(c *okta.Client) selfservice.Provider {
			return okta.Secrets{Client: c}
		}},
		"keys": {oktatest.App{Keys: publicKeys(key)}, credential(key), func(c *okta.Client) selfservice.Provider { return okta.JWKS{Client: c} }},
	} {
		for _, all := range []bool{false, true} {
			for after := range 12 {
				t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						server := oktatest.New(fakeURL)
						server.Doubts.SecretReplacesAll = all
						id := server.AddApp(c.app)
						w := &writer{t: t, base: providertest.Handler(server), id: id, after: after, secret: c.first.Secret}
						w.read()
						org := okta.Org{URL: fakeURL, Base: w}
						admin := &okta.Admin{Org: org, APIToken: keys.NewSecret(oktatest.APIToken)}
						r := &selfservice.Rotator{Provider: c.provider(&okta.Client{Org: org, AppID: id, Admin: admin}), Store: &selfservice.Mem{}}
						require.NoError(t, r.Adopt(t.Context(), c.first))
						try(t, r, 1)
						for range 50 { // what is left to do when the write was the last event
							if server.Accepts(id, fingerprint(t, r)) {
								break
							}
							reportRefusal(t, r)
							r.Step(t.Context())
							time.Sleep(time.Minute)
						}
						assert.True(t, w.written)
						assert.True(t, server.Accepts(id, fingerprint(t, r)))
						assert.NotEqual(t, c.first.Fingerprint(), fingerprint(t, r))
					})
				})
			}
		}
	}
}

// reportRefusal is what a program's assertion.TokenSource does.
func reportRefusal(t *testing.T, r *selfservice.Rotator) {
	if key, err := r.SigningKey(t.Context()); err == nil {
		r.KeyRefused(t.Context(), key)
		return
	}
	secret, err := r.ClientSecret(t.Context())
	require.NoError(t, err)
	r.SecretRefused(t.Context(), secret)
}

// TestALockOutEndsWithAnAdministrator: a person has deleted what the program
// used. An app that manages itself says that it is locked out.
func TestALockOutEndsWithAnAdministrator(t *testing.T) {
	key, other := newKey(t), newKey(t)
	secret := selfservice.Credential{Secret: keys.NewSecret("the-first-secret-of-the-app-1234")}
	for name, c := range map[string]struct {
		app      oktatest.App
		first    selfservice.Credential
		managed  bool
		provider func(*okta.Client) selfservice.Provider
	}{
		"a key":            {oktatest.App{Keys: publicKeys(key)}, credential(key), true, func(c *okta.Client) selfservice.Provider { return okta.JWKS{Client: c} }},
		"a secret":         {oktatest.App{Secret: secret.Secret}, secret, true, func(c *okta.Client) selfservice.Provider { return okta.Secrets{Client: c} }},
		"a key, by itself": {serviceApp(key), credential(key), false, func(c *okta.Client) selfservice.Provider { return okta.JWKS{Client: c} }},
		"adopted by mistake": {oktatest.App{Secret: secret.Secret}, selfservice.Credential{Secret: keys.NewSecret("a-secret-that-okta-never-knew-12")}, true, func(c *okta.Client) selfservice.Provider {
			return okta.Secrets{Client: c}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := oktatest.New(fakeURL)
				id := server.AddApp(c.app)
				org := okta.Org{URL: fakeURL, Base: providertest.Handler(server)}
				admin := &okta.Admin{Org: org, APIToken: keys.NewSecret(oktatest.APIToken)}
				client := &okta.Client{Org: org, AppID: id}
				if c.managed {
					client.Admin = admin
				}
				r := &selfservice.Rotator{Provider: c.provider(client), Store: &selfservice.Mem{}}
				require.NoError(t, r.Adopt(t.Context(), c.first))
				switch {
				case name == "adopted by mistake":
				case c.first.Key != nil: // another key in its place
					to := okta.Authentication{Method: okta.MethodPrivateKey, Keys: keys.Set{Keys: publicKeys(other)}}
					require.NoError(t, admin.SetAuthentication(t.Context(), id, to, ids(t, admin, id, to)))
				default:
					list, err := admin.Secrets(t.Context(), id)
					require.NoError(t, err)
					_, err = admin.GenerateSecret(t.Context(), id)
					require.NoError(t, err)
					require.NoError(t, admin.DeactivateSecret(t.Context(), id, list[0].ID))
					require.NoError(t, admin.DeleteSecret(t.Context(), id, list[0].ID))
				}
				reportRefusal(t, r)
				if !c.managed {
					_, err := r.Step(t.Context())
					require.ErrorIs(t, err, selfservice.ErrLockedOut)
					return
				}
				for range 100 {
					r.Step(t.Context())
					time.Sleep(time.Minute)
				}
				assert.True(t, server.Accepts(id, fingerprint(t, r)))
			})
		})
	}
}

// TestWhatIsRegisteredAndInactiveIsActivated: somebody has turned off what was
// about to be used. It counts towards the limit, so it is not added once more.
func TestWhatIsRegisteredAndInactiveIsActivated(t *testing.T) {
	server := oktatest.Start(t)
	ctx, admin := t.Context(), server.Admin()
	key, next := newKey(t), newKey(t)
	first, second := keys.NewSecret("the-first-secret-of-the-app-1234"), keys.NewSecret("the-second-secret-of-the-app-123")
	service, web := server.AddApp(serviceApp(key)), server.AddApp(oktatest.App{Secret: first})
	added, err := admin.AddKey(ctx, service, next.PublicKey())
	require.NoError(t, err)
	require.NoError(t, admin.DeactivateKey(ctx, service, added.ID))
	secret, err := admin.AddSecret(ctx, web, second)
	require.NoError(t, err)
	require.NoError(t, admin.DeactivateSecret(ctx, web, secret.ID))

	reg, err := okta.JWKS{Client: &okta.Client{Org: server.Org(), AppID: service}}.Register(ctx, credential(key), credential(next))
	require.NoError(t, err)
	assert.Equal(t, added.ID, reg.ID)
	assert.False(t, reg.Inactive)
	assert.True(t, server.Accepts(service, next.Thumbprint()))
	was, is := selfservice.Credential{Secret: first}, selfservice.Credential{Secret: second}
	reg, err = okta.Secrets{Client: &okta.Client{Org: server.Org(), AppID: web, Admin: admin}}.Register(ctx, was, is)
	require.NoError(t, err)
	assert.Equal(t, secret.ID, reg.ID)
	assert.False(t, reg.Inactive)
	assert.True(t, server.Accepts(web, is.Fingerprint()))
}

// TestAnInactiveSecretGoesFirst when both places are taken by what the program
// does not know.
func TestAnInactiveSecretGoesFirst(t *testing.T) {
	server := oktatest.Start(t)
	ctx, admin := t.Context(), server.Admin()
	first := keys.NewSecret("the-first-secret-of-the-app-1234")
	web := server.AddApp(oktatest.App{Secret: first})
	inactive, err := admin.GenerateSecret(ctx, web)
	require.NoError(t, err)
	require.NoError(t, admin.DeactivateSecret(ctx, web, inactive.ID))
	p := okta.Secrets{
		Client: &okta.Client{Org: server.Org(), AppID: web, Admin: admin},
		Yield:  func(context.Context, okta.Secret) bool { return true },
	}
	gone := selfservice.Credential{Secret: keys.NewSecret("a-secret-that-has-been-deleted-1")}
	next := selfservice.Credential{Secret: keys.NewSecret("the-next-secret-of-the-app-12345")}
	_, err = p.Register(ctx, gone, next)
	require.NoError(t, err)
	assert.True(t, server.Accepts(web, selfservice.Credential{Secret: first}.Fingerprint()), "the active one is left alone")
	assert.True(t, server.Accepts(web, next.Fingerprint()))
	deleted := server.Events(oktatest.EventDelete)
	require.Len(t, deleted, 1)
	assert.Equal(t, inactive.ID, deleted[0].Target)
}
