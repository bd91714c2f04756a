package okta_test

import (
	"context"
	"fmt"
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

// TestAThirdSecretWaitsForRoom: a secret that somebody added by hand is only
// deleted with leave, and the one in use never is.
func TestAThirdSecretWaitsForRoom(t *testing.T) {
	secret, byHand := firstSecret(), selfservice.Credential{Secret: keys.NewSecret("a-secret-that-was-added-by-hand-1")}
	begin := func(t *testing.T) (*oktatest.Server, *okta.Admin, okta.Secrets, *selfservice.Rotator, *okta.Secret) {
		f := newFaulty(t)
		org := okta.Org{URL: fakeURL, Base: providertest.Handler(f.server)}
		admin := f.admin(serviceManager, org)
		id := f.server.AddApp(oktatest.App{Secret: secret.Secret})
		added, err := admin.AddSecret(t.Context(), id, byHand.Secret)
		require.NoError(t, err)
		p := okta.Secrets{Client: &okta.Client{Org: org, AppID: id, Admin: admin}}
		return f.server, admin, p, adopt(t, p, secret), added
	}
	bubble(t, "until it is deleted by hand", func(t *testing.T) {
		server, admin, p, r, added := begin(t)
		err := r.Rotate(t.Context())
		require.ErrorIs(t, err, selfservice.ErrLimit)
		require.ErrorContains(t, err, added.ID+" (active, created ")
		require.ErrorContains(t, err, "delete another if nobody uses it")
		assert.Empty(t, server.Events(oktatest.EventDeactivate, oktatest.EventDelete))
		for _, e := range server.Events(oktatest.EventCreate) {
			assert.Empty(t, e.Reason, "a third secret was tried")
		}
		require.NoError(t, admin.DeactivateSecret(t.Context(), p.AppID, added.ID))
		require.ErrorIs(t, r.Rotate(t.Context()), selfservice.ErrLimit, "an inactive one counts")
		require.NoError(t, admin.DeleteSecret(t.Context(), p.AppID, added.ID))
		require.NoError(t, r.Rotate(t.Context()))
		finish(t, r)
		assert.True(t, server.Accepts(p.AppID, fingerprint(t, r)))
	})
	for _, inactive := range []bool{false, true} {
		bubble(t, fmt.Sprint("unless it may be deleted, inactive: ", inactive), func(t *testing.T) {
			server, admin, p, r, added := begin(t)
			if inactive {
				require.NoError(t, admin.DeactivateSecret(t.Context(), p.AppID, added.ID))
			}
			var asked []string
			p.Yield = func(_ context.Context, s okta.Secret) bool {
				asked = append(asked, s.ID)
				return s.Is(byHand.Fingerprint())
			}
			r.Provider = p
			require.NoError(t, r.Rotate(t.Context()))
			assert.Equal(t, []string{added.ID}, asked, "Yield is not asked about the one in use")
			finish(t, r)
			assert.True(t, server.Accepts(p.AppID, fingerprint(t, r)))
		})
	}
	bubble(t, "if the active one fails without it", func(t *testing.T) {
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
		assert.True(t, server.Accepts(p.AppID, byHand.Fingerprint()), "it was not activated again")
		assert.Empty(t, server.Events(oktatest.EventDelete))
	})
	bubble(t, "until its own overlap has passed", func(t *testing.T) {
		server, admin, p, r, added := begin(t)
		require.NoError(t, admin.DeactivateSecret(t.Context(), p.AppID, added.ID))
		require.NoError(t, admin.DeleteSecret(t.Context(), p.AppID, added.ID))
		require.NoError(t, r.Rotate(t.Context()))
		require.ErrorIs(t, r.Rotate(t.Context()), selfservice.ErrLimit)
		assert.True(t, server.Accepts(p.AppID, secret.Fingerprint()), "the overlap has not passed")
		time.Sleep(time.Hour)
		persist(t, r, 2)
		assert.False(t, server.Accepts(p.AppID, secret.Fingerprint()))
	})
}

// TestADuplicateKid is resolved by hand; then the rotation continues.
func TestADuplicateKid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, admin := inMemory()
		key, next := newKey(t), newKey(t)
		id := server.AddApp(serviceApp(key))
		r := adopt(t, okta.JWKS{Client: &okta.Client{Org: admin.Org, AppID: id}}, credential(key))
		r.New = func(context.Context, selfservice.Credential) (selfservice.Credential, error) {
			return credential(next), nil
		}
		other, err := newKey(t).With(keys.Options{KeyID: next.KeyID()})
		require.NoError(t, err)
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

// TestTheLastActiveKeyStays: somebody deactivates the new key just before the
// old one is retired.
func TestTheLastActiveKeyStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, admin := inMemory()
		key := newKey(t)
		id := server.AddApp(serviceApp(key))
		provider := okta.JWKS{Client: &okta.Client{Org: admin.Org, AppID: id, Admin: admin}}
		r := adopt(t, provider, credential(key))
		require.NoError(t, r.Rotate(t.Context()))
		list, err := admin.Keys(t.Context(), id)
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.NoError(t, admin.DeactivateKey(t.Context(), id, list[1].ID))
		err = provider.Deactivate(t.Context(), credential(key), selfservice.Registration{Fingerprint: key.Thumbprint()})
		require.ErrorIs(t, err, okta.ErrLastActive)
		require.ErrorContains(t, err, "add another one")

		time.Sleep(2 * time.Hour)
		_, err = r.Step(t.Context()) // finds the ID of the old key
		require.NoError(t, err)
		_, err = r.Step(t.Context())
		require.NoError(t, err)
		assert.Equal(t, key.Thumbprint(), fingerprint(t, r), "the old key is not active again")
		persist(t, r, 2)
		assert.True(t, server.Accepts(id, fingerprint(t, r)))
		assert.False(t, server.Accepts(id, key.Thumbprint()))
	})
}

// TestASecondWriterDoesNotUndoARotation: somebody reads the app before a step of
// the rotation and writes it back after it, as Terraform does, with the secret
// that they know.
func TestASecondWriterDoesNotUndoARotation(t *testing.T) {
	for _, c := range kinds(t) {
		for _, all := range []bool{false, true} {
			for after := range 12 {
				bubble(t, fmt.Sprintf("%s, replaces all: %t, after %d", c.name, all, after), func(t *testing.T) {
					server, _ := inMemory()
					server.Doubts.SecretReplacesAll = all
					id := server.AddApp(c.app)
					w := &writer{t: t, base: providertest.Handler(server), id: id, after: after, secret: c.first.Secret}
					w.read()
					admin := adminOver(w)
					r := adopt(t, c.provider(&okta.Client{Org: admin.Org, AppID: id, Admin: admin}), c.first)
					persist(t, r, 1)
					for range 50 { // there is more to do if the write came last
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
			}
		}
	}
}

// reportRefusal does what an assertion.TokenSource does with a refusal.
func reportRefusal(t *testing.T, r *selfservice.Rotator) {
	if key, err := r.SigningKey(t.Context()); err == nil {
		r.KeyRefused(t.Context(), key)
		return
	}
	secret, err := r.ClientSecret(t.Context())
	require.NoError(t, err)
	r.SecretRefused(t.Context(), secret)
}

// TestALockOutEndsWithAnAdministrator: somebody deletes the credential in use. A
// program with an administrator recovers; an app that manages itself cannot.
func TestALockOutEndsWithAnAdministrator(t *testing.T) {
	unknown := selfservice.Credential{Secret: keys.NewSecret("a-secret-that-okta-never-knew-12")}
	key := newKey(t)
	for _, c := range append(kinds(t),
		kind{"adopted by mistake", oktatest.App{Secret: firstSecret().Secret}, unknown, secrets},
		kind{"by itself", serviceApp(key), credential(key), stored},
	) {
		bubble(t, c.name, func(t *testing.T) {
			server, admin := inMemory()
			id := server.AddApp(c.app)
			client := &okta.Client{Org: admin.Org, AppID: id}
			if !c.app.Service {
				client.Admin = admin
			}
			r := adopt(t, c.provider(client), c.first)
			switch {
			case c.first.Fingerprint() == unknown.Fingerprint():
			case c.first.Key != nil:
				to := okta.Authentication{Method: okta.MethodPrivateKey, Keys: keys.Set{Keys: publicKeys(newKey(t))}}
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
			if c.app.Service {
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
	}
}

// TestRegisterActivates a credential that is registered and inactive. It counts
// towards the limit, so it is not added a second time.
func TestRegisterActivates(t *testing.T) {
	server := oktatest.Start(t)
	ctx, admin := t.Context(), server.Admin()
	key, next := newKey(t), newKey(t)
	first, second := firstSecret(), selfservice.Credential{Secret: keys.NewSecret("the-second-secret-of-the-app-123")}
	service, web := server.AddApp(serviceApp(key)), server.AddApp(oktatest.App{Secret: first.Secret})
	added, err := admin.AddKey(ctx, service, next.PublicKey())
	require.NoError(t, err)
	require.NoError(t, admin.DeactivateKey(ctx, service, added.ID))
	secret, err := admin.AddSecret(ctx, web, second.Secret)
	require.NoError(t, err)
	require.NoError(t, admin.DeactivateSecret(ctx, web, secret.ID))

	reg, err := okta.JWKS{Client: &okta.Client{Org: server.Org(), AppID: service}}.Register(ctx, credential(key), credential(next))
	require.NoError(t, err)
	assert.Equal(t, added.ID, reg.ID)
	assert.False(t, reg.Inactive)
	assert.True(t, server.Accepts(service, next.Thumbprint()))
	reg, err = okta.Secrets{Client: &okta.Client{Org: server.Org(), AppID: web, Admin: admin}}.Register(ctx, first, second)
	require.NoError(t, err)
	assert.Equal(t, secret.ID, reg.ID)
	assert.False(t, reg.Inactive)
	assert.True(t, server.Accepts(web, second.Fingerprint()))
}

// TestAnInactiveSecretYieldsFirst when the program knows neither of the two.
func TestAnInactiveSecretYieldsFirst(t *testing.T) {
	server := oktatest.Start(t)
	ctx, admin := t.Context(), server.Admin()
	first := firstSecret()
	web := server.AddApp(oktatest.App{Secret: first.Secret})
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
	assert.True(t, server.Accepts(web, first.Fingerprint()), "the active one was deleted")
	assert.True(t, server.Accepts(web, next.Fingerprint()))
	deleted := server.Events(oktatest.EventDelete)
	require.Len(t, deleted, 1)
	assert.Equal(t, inactive.ID, deleted[0].Target)
}
