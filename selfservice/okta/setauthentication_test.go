package okta_test

import (
	"bytes"
	"encoding/json"
	"io"
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

func document(t *testing.T, s *oktatest.Server, id string) map[string]any {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v1/apps/"+id, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "SSWS "+oktatest.APIToken)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	var app map[string]any
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&app))
	return app
}

// TestSetAuthentication deletes only what the caller confirms, keeps all members
// that this module does not know, and sends no secret.
func TestSetAuthentication(t *testing.T) {
	server := oktatest.Start(t)
	ctx, a := t.Context(), server.Admin()
	first, second := firstSecret().Secret, keys.NewSecret("the-second-secret-of-the-app-123")
	id := server.AddApp(oktatest.App{Secret: first})
	added, err := a.AddSecret(ctx, id, second)
	require.NoError(t, err)
	before := document(t, server, id)
	key := newKey(t)
	toKeys := okta.Authentication{Method: okta.MethodPrivateKey, Keys: keys.Set{Keys: publicKeys(key)}}

	sent := &recorder{base: http.DefaultTransport}
	a = &okta.Admin{Org: okta.Org{URL: server.URL, Base: sent}, APIToken: keys.NewSecret(oktatest.APIToken)}
	losses, err := a.Losses(ctx, id, toKeys)
	require.NoError(t, err)
	require.Len(t, losses, 2)
	for _, confirmed := range [][]string{nil, {added.ID}, {"ocssomethingelse"}} {
		err := a.SetAuthentication(ctx, id, toKeys, confirmed)
		require.ErrorIs(t, err, okta.ErrUnconfirmed)
		require.ErrorContains(t, err, losses[0].ID)
	}
	assert.Equal(t, before, document(t, server, id))
	require.NoError(t, a.SetAuthentication(ctx, id, toKeys, []string{losses[0].ID, losses[1].ID}))
	assert.True(t, server.Accepts(id, key.Thumbprint()))

	after := document(t, server, id)
	assert.Equal(t, before["profile"], after["profile"])
	assert.Equal(t, before["settings"].(map[string]any)["notes"], after["settings"].(map[string]any)["notes"])
	assert.Equal(t, before["credentials"].(map[string]any)["signing"], after["credentials"].(map[string]any)["signing"])
	assert.Equal(t, true, after["credentials"].(map[string]any)["oauthClient"].(map[string]any)["autoKeyRotation"])

	// A URL deletes all saved keys.
	_, err = a.AddKey(ctx, id, newKey(t).PublicKey())
	require.NoError(t, err)
	toURL := okta.Authentication{Method: okta.MethodPrivateKey, KeysURL: "https://app.example.no/jwks.json"}
	require.ErrorIs(t, a.SetAuthentication(ctx, id, toURL, nil), okta.ErrUnconfirmed)
	require.NoError(t, a.SetAuthentication(ctx, id, toURL, ids(t, a, id, toURL)))
	app, err := a.App(ctx, id)
	require.NoError(t, err)
	assert.Equal(t, "https://app.example.no/jwks.json", app.KeysURL)
	assert.Empty(t, app.Keys)
	_, err = a.AddKey(ctx, id, key.PublicKey())
	require.ErrorIs(t, err, okta.ErrMethod)
	_, err = a.AddSecret(ctx, id, first)
	require.ErrorIs(t, err, okta.ErrMethod)

	// Back to stored keys, and to a secret that Okta generates.
	require.NoError(t, a.SetAuthentication(ctx, id, toKeys, nil))
	toSecret := okta.Authentication{Method: okta.MethodPost}
	require.NoError(t, a.SetAuthentication(ctx, id, toSecret, ids(t, a, id, toSecret)))
	list, err := a.Secrets(ctx, id)
	require.NoError(t, err)
	require.Len(t, list, 1)
	assert.NotZero(t, sent.puts)
	for _, body := range sent.bodies {
		assert.NotContains(t, body, "client_secret\"")
		assert.NotContains(t, body, first.Reveal())
	}
	// Another method may change the secret, as Okta has done.
	require.ErrorIs(t, a.SetAuthentication(ctx, id, okta.Authentication{Method: okta.MethodBasic}, nil), okta.ErrUnconfirmed)
}

func ids(t *testing.T, a *okta.Admin, id string, to okta.Authentication) (list []string) {
	losses, err := a.Losses(t.Context(), id, to)
	require.NoError(t, err)
	for _, l := range losses {
		list = append(list, l.ID)
	}
	return list
}

// recorder keeps the bodies of PUT requests.
type recorder struct {
	base   http.RoundTripper
	puts   int
	bodies []string
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPut {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		r.puts++
		r.bodies = append(r.bodies, string(body))
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	return r.base.RoundTrip(req)
}

// TestASecretInAnAppIsNotSentBack, which would roll back a rotation. No org is
// known that shows it to readers.
func TestASecretInAnAppIsNotSentBack(t *testing.T) {
	server := oktatest.Start(t)
	const secret = "the-first-secret-of-the-app-1234"
	id := server.AddApp(oktatest.App{Secret: keys.NewSecret(secret)})
	sent := &recorder{base: roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil || r.Method != http.MethodGet {
			return resp, err
		}
		body, err := io.ReadAll(resp.Body)
		body = bytes.Replace(body, []byte(`"client_id":`), []byte(`"client_secret":"`+secret+`","client_id":`), 1)
		resp.Body = io.NopCloser(bytes.NewReader(body))
		return resp, err
	})}
	a := &okta.Admin{Org: okta.Org{URL: server.URL, Base: sent}, APIToken: keys.NewSecret(oktatest.APIToken)}
	app, err := a.App(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, id, app.ClientID)
	require.NoError(t, a.SetAuthentication(t.Context(), id, okta.Authentication{Method: okta.MethodBasic}, nil))
	require.Len(t, sent.bodies, 1)
	assert.NotContains(t, sent.bodies[0], "client_secret\"")
	assert.NotContains(t, sent.bodies[0], secret)
	assert.Contains(t, sent.bodies[0], "1.5e+300", "a number has changed its form")
}

// TestAnEncryptionKeyStays when the signing keys are replaced.
func TestAnEncryptionKeyStays(t *testing.T) {
	server := oktatest.Start(t)
	ctx, a := t.Context(), server.Admin()
	key := newKey(t)
	id := server.AddApp(oktatest.App{Keys: publicKeys(key), Encryption: true})
	list, err := a.Keys(ctx, id)
	require.NoError(t, err)
	require.Len(t, list, 2)
	next := newKey(t)
	to := okta.Authentication{Method: okta.MethodPrivateKey, Keys: keys.Set{Keys: publicKeys(key, next)}}
	require.NoError(t, a.SetAuthentication(ctx, id, to, nil))
	list, err = a.Keys(ctx, id)
	require.NoError(t, err)
	require.Len(t, list, 3)
	registrations, err := okta.JWKS{Client: &okta.Client{Org: server.Org(), AppID: id, Admin: a}}.List(ctx, selfservice.Credential{})
	require.NoError(t, err)
	assert.Len(t, registrations, 2, "a key for encryption does not authenticate")
	for _, k := range list {
		switch k.Thumbprint() {
		case key.Thumbprint():
			require.NoError(t, a.DeactivateKey(ctx, id, k.ID))
		case next.Thumbprint():
			require.ErrorIs(t, a.DeactivateKey(ctx, id, k.ID), okta.ErrLastActive, "a key for encryption does not count")
		}
		if k.Use == "enc" {
			require.ErrorIs(t, a.DeactivateKey(ctx, id, k.ID), okta.ErrLastActive)
			require.ErrorIs(t, a.DeleteKey(ctx, id, k.ID), okta.ErrActive)
		}
	}
}

func TestInvalidAuthenticationIsNotSent(t *testing.T) {
	a := &okta.Admin{Org: okta.Org{URL: "http://127.0.0.1:1"}, APIToken: keys.NewSecret("x")}
	some := keys.Set{Keys: publicKeys(newKey(t))}
	for _, to := range []okta.Authentication{
		{}, {Method: "client_secret"}, {Method: okta.MethodPrivateKey}, {Method: okta.MethodPrivateKey, Keys: some, KeysURL: "https://a"},
		{Method: okta.MethodBasic, Keys: some}, {Method: okta.MethodNone, KeysURL: "https://a"},
	} {
		require.ErrorIs(t, a.SetAuthentication(t.Context(), "0oa", to, nil), okta.ErrConfig)
	}
}

// TestAnInactiveKeyStaysInactive: an administrator had a reason to deactivate it.
func TestAnInactiveKeyStaysInactive(t *testing.T) {
	server, a := inMemory()
	ctx, good, leaked := t.Context(), newKey(t), newKey(t)
	id := server.AddApp(oktatest.App{Keys: publicKeys(good, leaked)})
	require.NoError(t, a.DeactivateKey(ctx, id, byKid(t, a, id)[leaked.KeyID()].ID))
	renamed, err := leaked.With(keys.Options{KeyID: "renamed"})
	require.NoError(t, err)
	for _, inactive := range []*keys.Key{leaked, renamed} {
		to := okta.Authentication{Method: okta.MethodPrivateKey, Keys: keys.Set{Keys: publicKeys(good, inactive)}}
		require.NoError(t, a.SetAuthentication(ctx, id, to, ids(t, a, id, to)))
		assert.Equal(t, okta.Inactive, byKid(t, a, id)[inactive.KeyID()].Status)
		assert.True(t, server.Accepts(id, good.Thumbprint()))
		assert.False(t, server.Accepts(id, leaked.Thumbprint()))

		to.Keys.Keys = publicKeys(inactive)
		require.ErrorIs(t, a.SetAuthentication(ctx, id, to, ids(t, a, id, to)), okta.ErrInactive, "nobody could authenticate")
	}
}

// byKid returns an app's keys by their kid.
func byKid(t *testing.T, a *okta.Admin, id string) map[string]okta.Key {
	all, err := a.Keys(t.Context(), id)
	require.NoError(t, err)
	found := map[string]okta.Key{}
	for _, k := range all {
		found[k.KeyID] = k
	}
	return found
}

// TestAnotherKidIsALoss: programs that send the one before are refused.
func TestAnotherKidIsALoss(t *testing.T) {
	server, a := inMemory()
	key := newKey(t)
	id := server.AddApp(oktatest.App{Keys: publicKeys(key)})
	renamed, err := key.With(keys.Options{KeyID: "another"})
	require.NoError(t, err)
	to := okta.Authentication{Method: okta.MethodPrivateKey, Keys: keys.Set{Keys: publicKeys(renamed)}}
	require.ErrorIs(t, a.SetAuthentication(t.Context(), id, to, nil), okta.ErrUnconfirmed)
	to.Keys.Keys = publicKeys(renamed, key)
	require.NoError(t, a.SetAuthentication(t.Context(), id, to, nil))
}

// TestAnotherWriterAtTheSameTime is an error.
func TestAnotherWriterAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, other := inMemory()
		id := server.AddApp(oktatest.App{Keys: publicKeys(newKey(t))})
		back := okta.Authentication{Method: okta.MethodPrivateKey, Keys: keys.Set{Keys: publicKeys(newKey(t))}}
		base := providertest.Handler(server)
		a := adminOver(roundTripper(func(r *http.Request) (*http.Response, error) {
			resp, err := base.RoundTrip(r)
			if r.Method == http.MethodPut {
				require.NoError(t, other.SetAuthentication(r.Context(), id, back, ids(t, other, id, back)))
			}
			return resp, err
		}))
		to := okta.Authentication{Method: okta.MethodPrivateKey, Keys: keys.Set{Keys: publicKeys(newKey(t))}}
		require.ErrorIs(t, a.SetAuthentication(t.Context(), id, to, ids(t, a, id, to)), okta.ErrLost)
	})
}

// TestAStaleReadIsNoOtherWriter: the server that is read after the change may not
// have learned of it yet.
func TestAStaleReadIsNoOtherWriter(t *testing.T) {
	for ahead := range 2 { // requests, so that one of the two reads at the other node
		synctest.Test(t, func(t *testing.T) {
			server, a := inMemory()
			server.Nodes, server.Lag, server.Doubts.StaleReads = 2, 5*time.Second, true
			id := server.AddApp(oktatest.App{Keys: publicKeys(newKey(t))})
			time.Sleep(time.Minute)
			to := okta.Authentication{Method: okta.MethodPrivateKey, Keys: keys.Set{Keys: publicKeys(newKey(t))}}
			confirmed := ids(t, a, id, to)
			for range ahead {
				byKid(t, a, id)
			}
			require.NoError(t, a.SetAuthentication(t.Context(), id, to, confirmed))
		})
	}
}
