package okta_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// secretsNow lists the secrets of an app in order of creation.
func secretsNow(t *testing.T, a *okta.Admin, id string) string {
	list, err := a.Secrets(t.Context(), id)
	require.NoError(t, err)
	var parts []string
	for _, s := range list {
		parts = append(parts, fmt.Sprintf("%s %s", s.Value.Reveal()[:3], s.Status))
	}
	return strings.Join(parts, ", ")
}

func keysNow(t *testing.T, a *okta.Admin, id string) string {
	list, err := a.Keys(t.Context(), id)
	require.NoError(t, err)
	var parts []string
	for _, k := range list {
		parts = append(parts, fmt.Sprintf("%s %s", k.KeyID, k.Status))
	}
	return strings.Join(parts, ", ")
}

// TestRotateAClientSecret follows the eight steps of the section of Okta's guide
// with that name, and lists the secrets after each.
func TestRotateAClientSecret(t *testing.T) {
	server := oktatest.Start(t)
	ctx, a := t.Context(), manager(t, server, server.Org())
	id := server.AddApp(oktatest.App{Secret: keys.NewSecret("old-secret-of-the-app-1234567890")})
	client := &okta.Client{Org: server.Org(), AppID: id, Admin: a}
	works := func(s *okta.Secret) error { return client.Verify(ctx, selfservice.Credential{Secret: s.Value}) }
	step := func(n, what, want string) {
		t.Helper()
		got := secretsNow(t, a, id)
		t.Logf("step %s, %s: %s", n, what, got)
		assert.Equal(t, want, got)
	}
	app, err := a.App(ctx, id)
	require.NoError(t, err)
	require.Equal(t, okta.MethodBasic, app.Method)
	list, err := a.Secrets(ctx, id)
	require.NoError(t, err)
	former := &list[0]
	step("1 and 2", "the app is looked up", "old ACTIVE")

	next, err := a.AddSecret(ctx, id, keys.NewSecret("new-secret-of-the-app-1234567890"))
	require.NoError(t, err)
	step("3", "a second secret is added", "old ACTIVE, new ACTIVE")
	_, err = a.GenerateSecret(ctx, id)
	require.ErrorIs(t, err, okta.ErrFull, "two is the limit")
	require.NoError(t, works(former), "requests with the previous secret still work")

	uses := next
	step("4", "the app is updated", "old ACTIVE, new ACTIVE")
	require.NoError(t, works(uses))
	step("5", "it works with the new one", "old ACTIVE, new ACTIVE")
	require.ErrorIs(t, a.DeleteSecret(ctx, id, former.ID), okta.ErrActive)
	require.NoError(t, a.DeactivateSecret(ctx, id, former.ID))
	step("6", "the old one is deactivated", "old INACTIVE, new ACTIVE")
	require.NoError(t, works(uses))
	require.ErrorIs(t, works(former), selfservice.ErrInvalidClient)
	require.ErrorIs(t, a.DeactivateSecret(ctx, id, next.ID), okta.ErrLastActive)
	step("7", "it still works", "old INACTIVE, new ACTIVE")
	require.NoError(t, a.ActivateSecret(ctx, id, former.ID))
	require.NoError(t, works(former))
	step("7", "had there been issues, the old one is activated again", "old ACTIVE, new ACTIVE")
	require.NoError(t, a.DeactivateSecret(ctx, id, former.ID))
	require.NoError(t, a.DeleteSecret(ctx, id, former.ID))
	step("8", "the old one is deleted", "new ACTIVE")
	require.NoError(t, works(uses))
}

// TestGenerateAndManageKeys follows the guide's other sections: from a secret to
// keys that are saved in Okta, their management, and a URL.
func TestGenerateAndManageKeys(t *testing.T) {
	server := oktatest.Start(t)
	ctx, a := t.Context(), manager(t, server, server.Org())
	named := func(kid string) *keys.Key {
		key, err := newKey(t).With(keys.Options{KeyID: kid})
		require.NoError(t, err)
		return key
	}
	former, next := named("old"), named("new")
	id := server.AddApp(oktatest.App{Secret: keys.NewSecret("old-secret-of-the-app-1234567890")})
	client := &okta.Client{Org: server.Org(), AppID: id, Admin: a}
	works := func(k *keys.Key) error { return client.Verify(ctx, credential(k)) }
	step := func(section, what, wantSecrets, wantKeys string) {
		t.Helper()
		gotSecrets, gotKeys := secretsNow(t, a, id), keysNow(t, a, id)
		t.Logf("%s, %s: secrets [%s], keys [%s]", section, what, gotSecrets, gotKeys)
		assert.Equal(t, wantSecrets, gotSecrets)
		assert.Equal(t, wantKeys, gotKeys)
	}
	saved := okta.Authentication{Method: okta.MethodPrivateKey, Keys: keys.Set{Keys: publicKeys(former)}}
	require.ErrorIs(t, a.SetAuthentication(ctx, id, saved, nil), okta.ErrUnconfirmed)
	step("generate JWK key pairs, step 3", "the method stays until the loss is confirmed", "old ACTIVE", "")
	require.NoError(t, a.SetAuthentication(ctx, id, saved, ids(t, a, id, saved)))
	require.NoError(t, works(former))
	step("save keys in Okta, step 4", "the method is changed, and the secret deleted", "", "old ACTIVE")

	_, err := a.AddKey(ctx, id, next.PublicKey())
	require.NoError(t, err)
	require.NoError(t, works(former))
	require.NoError(t, works(next))
	step("JWK management, step 4", "a second key is added", "", "old ACTIVE, new ACTIVE")
	list, err := a.Keys(ctx, id)
	require.NoError(t, err)
	require.ErrorIs(t, a.DeleteKey(ctx, id, list[0].ID), okta.ErrActive)
	require.NoError(t, a.DeactivateKey(ctx, id, list[0].ID))
	require.NoError(t, works(next))
	require.ErrorIs(t, works(former), selfservice.ErrInvalidClient)
	require.ErrorIs(t, a.DeactivateKey(ctx, id, list[1].ID), okta.ErrLastActive)
	step("JWK management, step 5", "the old one is deactivated", "", "old INACTIVE, new ACTIVE")
	require.NoError(t, a.DeleteKey(ctx, id, list[0].ID))
	step("JWK management, step 6", "the old one is deleted", "", "new ACTIVE")

	published := httptest.NewServer(&keys.Handler{Keys: func(context.Context) (keys.Set, error) { return keys.Set{Keys: publicKeys(former, next)}, nil }})
	defer published.Close()
	url := okta.Authentication{Method: okta.MethodPrivateKey, KeysURL: published.URL}
	require.ErrorIs(t, a.SetAuthentication(ctx, id, url, nil), okta.ErrUnconfirmed)
	require.NoError(t, a.SetAuthentication(ctx, id, url, ids(t, a, id, url)))
	require.NoError(t, works(former))
	require.NoError(t, works(next))
	step("use a URL to fetch keys dynamically, step 2", "the saved keys are deleted", "", "")
}

// TestTheOldOneIsActivatedAgain is step 7 of the guide gone wrong: once the old
// credential is inactive, the new one is refused.
func TestTheOldOneIsActivatedAgain(t *testing.T) {
	for _, c := range kinds(t) {
		bubble(t, c.name, func(t *testing.T) {
			server, _ := inMemory()
			id := server.AddApp(c.app)
			broken, base := false, providertest.Handler(server)
			refuses := providertest.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusUnauthorized)
				w.Write([]byte(`{"error":"invalid_client"}`))
			}))
			admin := adminOver(roundTripper(func(r *http.Request) (*http.Response, error) {
				switch {
				case strings.HasSuffix(r.URL.Path, "/lifecycle/deactivate"):
					broken = true
				case strings.HasSuffix(r.URL.Path, "/lifecycle/activate"):
					broken = false
				case broken && r.URL.Path == "/oauth2/v1/introspect":
					return refuses.RoundTrip(r)
				}
				return base.RoundTrip(r)
			}))
			r := adopt(t, c.provider(&okta.Client{Org: admin.Org, AppID: id, Admin: admin}), c.first)
			require.NoError(t, r.Rotate(t.Context()))
			require.NotEqual(t, c.first.Fingerprint(), fingerprint(t, r))
			time.Sleep(time.Hour + time.Second)
			_, err := r.Step(t.Context()) // finds the ID of the old credential
			require.NoError(t, err)
			r.Step(t.Context())
			assert.Equal(t, c.first.Fingerprint(), fingerprint(t, r), "the old one is not in use")
			assert.True(t, server.Accepts(id, c.first.Fingerprint()), "the old one is not active at Okta")
			assert.Len(t, server.Events(oktatest.EventActivate), 1)
			assert.Empty(t, server.Events(oktatest.EventDelete))
		})
	}
}
