package oktatest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newKey(t *testing.T) *keys.Key { return keystest.Key(t, keys.ES256) }

func serviceApp(list ...*keys.Key) oktatest.App {
	in := oktatest.App{Service: true, Scopes: []string{okta.ScopeRead, okta.ScopeManage}, Role: oktatest.SuperAdmin}
	for _, k := range list {
		in.Keys = append(in.Keys, k.PublicKey())
	}
	return in
}

// assertionOf authenticates with an assertion that go-jose signs.
func assertionOf(key *keys.Key, kid string, claims map[string]any) assertion.Authenticator {
	return authenticator(func(form url.Values) error {
		options := (&jose.SignerOptions{}).WithType("JWT")
		if kid != "" {
			options = options.WithHeader("kid", kid)
		}
		private, err := key.PrivateJOSE()
		if err != nil {
			return err
		}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private.Key}, options)
		if err != nil {
			return err
		}
		text, err := json.Marshal(claims)
		if err != nil {
			return err
		}
		jws, err := signer.Sign(text)
		if err != nil {
			return err
		}
		compact, err := jws.CompactSerialize()
		form["client_assertion"] = []string{compact}
		form["client_assertion_type"] = []string{assertion.AssertionType}
		return err
	})
}

func TestRefusedAssertions(t *testing.T) {
	server, key, other := oktatest.Start(t), newKey(t), newKey(t)
	id := server.AddApp(serviceApp(key))
	two := server.AddApp(serviceApp(other, newKey(t)))
	now := time.Now().Unix()
	with := func(change map[string]any) map[string]any {
		claims := map[string]any{"iss": id, "sub": id, "aud": server.URL + "/oauth2/v1/token", "exp": now + 60}
		for name, v := range change {
			claims[name] = v
		}
		return claims
	}
	get := func(auth assertion.Authenticator) error {
		_, err := (&assertion.TokenSource{Endpoint: server.URL + "/oauth2/v1/token", Auth: auth, Scopes: []string{okta.ScopeRead}}).Token(t.Context())
		return err
	}
	require.NoError(t, get(assertionOf(key, "", with(nil))), "a single key need not be named")
	require.NoError(t, get(assertionOf(key, key.KeyID(), with(map[string]any{"jti": "one"}))))
	for want, auth := range map[string]assertion.Authenticator{
		"already been used": assertionOf(key, key.KeyID(), with(map[string]any{"jti": "one"})),
		"endpoint invoked":  assertionOf(key, key.KeyID(), with(map[string]any{"aud": server.URL})),
		"expired":           assertionOf(key, key.KeyID(), with(map[string]any{"exp": now - 1})),
		"too far into":      assertionOf(key, key.KeyID(), with(map[string]any{"exp": now + 3700})),
		"in the future":     assertionOf(key, key.KeyID(), with(map[string]any{"iat": now + 60})),
		"kid is invalid":    assertionOf(other, "", with(map[string]any{"iss": two, "sub": two})), // which a second key needs
		"signature":         assertionOf(other, key.KeyID(), with(nil)),
		"must use the private_key_jwt": &assertion.Basic{ClientID: server.AddApp(oktatest.App{Service: true, Secret: keys.NewSecret("the-first-secret-of-the-app-1234")}),
			Secret: keys.NewSecret("the-first-secret-of-the-app-1234")},
	} {
		err := get(auth)
		require.ErrorIs(t, err, assertion.ErrInvalidClient, want)
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, get(assertionOf(other, other.KeyID(), with(map[string]any{"iss": two, "sub": two}))))
}

func TestDPoP(t *testing.T) {
	server, key := oktatest.Start(t), newKey(t)
	in := serviceApp(key)
	in.DPoP = true
	id := server.AddApp(in)
	org := server.Org()
	_, err := org.Tokens(org.Signer(id, key), nil).Token(t.Context())
	require.ErrorContains(t, err, "400 invalid_dpop_proof: The DPoP proof JWT header is missing.")
	tokens := org.Tokens(org.Signer(id, key), &dpop.Prover{})
	token, err := tokens.Token(t.Context())
	require.NoError(t, err)
	var reasons []string
	for _, e := range server.Events(oktatest.EventToken) {
		reasons = append(reasons, e.Reason)
	}
	assert.Equal(t, []string{"invalid_dpop_proof", "use_dpop_nonce", ""}, reasons)
	// A bound token is not a bearer token.
	req, err := http.NewRequest(http.MethodGet, server.URL+"/api/v1/apps/"+id, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token.AccessToken.Reveal())
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusBadRequest, resp.StatusCode)
	assert.Contains(t, resp.Header.Get("WWW-Authenticate"), "dpop_authentication_scheme_required")
}

func TestNodesLearnOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := oktatest.New("http://127.0.0.1")
		server.Nodes, server.Lag = 3, time.Minute
		org := okta.Org{URL: "http://127.0.0.1", Base: providertest.Handler(server)}
		admin := &okta.Admin{Org: org, APIToken: keys.NewSecret(oktatest.APIToken)}
		id := server.AddApp(oktatest.App{})
		time.Sleep(time.Hour)
		secret, err := admin.GenerateSecret(t.Context(), id)
		require.NoError(t, err)
		c := selfservice.Credential{Secret: secret.Value}
		client := &okta.Client{Org: org, AppID: id, Admin: admin}
		for minute := range 4 {
			accepted := 0
			for range 6 {
				if client.Verify(t.Context(), c) == nil {
					accepted++
				}
			}
			assert.Equal(t, min(2*(minute+1), 6), accepted, "after %d minutes", minute)
			assert.True(t, server.Knows(id, c.Fingerprint()))
			assert.Equal(t, minute >= 2, server.Accepts(id, c.Fingerprint()))
			time.Sleep(time.Minute)
		}
	})
}

// TestEveryReadMayBeStale: that of a list, of an app, and of one credential.
func TestEveryReadMayBeStale(t *testing.T) {
	server := oktatest.New("http://127.0.0.1")
	server.Nodes, server.Lag, server.Doubts.StaleReads = 2, time.Hour, true
	admin := &okta.Admin{Org: okta.Org{URL: "http://127.0.0.1", Base: providertest.Handler(server)}, APIToken: keys.NewSecret(oktatest.APIToken)}
	id := server.AddApp(serviceApp(newKey(t)))
	added, err := admin.AddKey(t.Context(), id, newKey(t).PublicKey())
	require.NoError(t, err)
	var lists, apps, one int
	for range 4 {
		list, err := admin.Keys(t.Context(), id)
		require.NoError(t, err)
		lists += len(list) - 1
		app, err := admin.App(t.Context(), id)
		require.NoError(t, err)
		apps += len(app.Keys) - 1
		if _, err = admin.Key(t.Context(), id, added.ID); err == nil {
			one++
		}
	}
	assert.Equal(t, []int{2, 2, 2}, []int{lists, apps, one}, "each is read at both nodes in turn")
}

type authenticator func(form url.Values) error

func (f authenticator) Authenticate(_ context.Context, _ http.Header, form url.Values) error {
	return f(form)
}
