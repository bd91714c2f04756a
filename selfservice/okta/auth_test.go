package okta_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTheNonceIsKept: a prover is refused once, for the nonce.
func TestTheNonceIsKept(t *testing.T) {
	server := oktatest.Start(t)
	org, prover, key := server.Org(), &dpop.Prover{}, newKey(t)
	id := server.AddApp(serviceApp(key))
	reasons := func() map[string]int {
		count := map[string]int{}
		for _, e := range server.Events(oktatest.EventToken) {
			count[e.Reason]++
		}
		return count
	}
	for range 3 {
		a := &okta.Admin{Org: org, Tokens: org.Tokens(org.Signer(id, key), prover)}
		for range 3 {
			_, err := a.Keys(t.Context(), id)
			require.NoError(t, err)
		}
	}
	client := &okta.Client{Org: org, AppID: id}
	for range 3 {
		require.NoError(t, client.Verify(t.Context(), credential(key)))
	}
	assert.Equal(t, map[string]int{"": 6, "use_dpop_nonce": 2}, reasons(), "one for each prover")

	// Many apps of one manager.
	admin := &okta.Admin{Org: org, Tokens: org.Tokens(org.Signer(id, key), prover)}
	for range 5 {
		one := &okta.Client{Org: org, AppID: server.AddApp(serviceApp(key)), Admin: admin, Scopes: scopes()}
		require.NoError(t, one.Verify(t.Context(), credential(key)))
	}
	assert.Equal(t, map[string]int{"": 11, "use_dpop_nonce": 3}, reasons())
}

// TestEveryAttemptHasItsOwnProofAndAssertion, since the server accepts none
// twice.
func TestEveryAttemptHasItsOwnProofAndAssertion(t *testing.T) {
	for _, path := range []string{"/oauth2/v1/token", "/credentials/jwks"} {
		for name, f := range map[string]oktatest.Fault{
			"too many requests": {Execute: true, Status: 429, Header: http.Header{"X-Rate-Limit-Reset": {"1"}, "X-Rate-Limit-Limit": {"1"}}},
			"bad gateway":       {Execute: true, Status: 502},
			"connection lost":   {Execute: true, Cut: true},
		} {
			bubble(t, name+" at "+path, func(t *testing.T) {
				server := oktatest.New(fakeURL)
				base := providertest.Handler(server)
				org := okta.Org{URL: fakeURL, Base: roundTripper(func(r *http.Request) (resp *http.Response, err error) {
					defer func() {
						if recover() == http.ErrAbortHandler {
							err = io.ErrUnexpectedEOF
						}
					}()
					return base.RoundTrip(r)
				})}
				a := manager(t, server, org)
				id, failed := server.AddApp(oktatest.App{Keys: publicKeys(newKey(t))}), false
				server.Inject(func(_ int, r *http.Request) *oktatest.Fault {
					if failed || !strings.HasSuffix(r.URL.Path, path) {
						return nil
					}
					failed = true
					return &f
				})
				_, err := a.Keys(t.Context(), id)
				require.Error(t, err)
				time.Sleep(5 * time.Second) // a failed token request is not repeated at once
				_, err = a.Keys(t.Context(), id)
				require.NoError(t, err)
				for _, e := range server.Events(oktatest.EventToken) {
					assert.NotContains(t, e.Reason, "used")
				}
			})
		}
	}
}

// TestAProofThatNetHTTPRepeats: it repeats a GET on a broken idle connection,
// with a proof that the server has seen.
func TestAProofThatNetHTTPRepeats(t *testing.T) {
	server := oktatest.Start(t)
	a := manager(t, server, server.Org())
	id := server.AddApp(oktatest.App{Keys: publicKeys(newKey(t))})
	_, err := a.Keys(t.Context(), id)
	require.NoError(t, err)
	requests := 0
	server.Inject(func(n int, _ *http.Request) *oktatest.Fault {
		requests = n
		if n == 1 {
			return &oktatest.Fault{Execute: true, Cut: true}
		}
		return nil
	})
	_, err = a.Keys(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, 3, requests, "lost, repeated with the old proof, and sent with a new one")
}

// TestARefusedTokenIsReplaced, but only once.
func TestARefusedTokenIsReplaced(t *testing.T) {
	for _, bound := range []bool{true, false} {
		server := oktatest.Start(t)
		org, key := server.Org(), newKey(t)
		in := serviceApp(key)
		in.DPoP = bound
		id := server.AddApp(in)
		var prover *dpop.Prover
		if bound {
			prover = &dpop.Prover{}
		}
		a := &okta.Admin{Org: org, Tokens: org.Tokens(org.Signer(id, key), prover)}
		_, err := a.Keys(t.Context(), id)
		require.NoError(t, err)
		server.Revoke()
		_, err = a.Keys(t.Context(), id)
		require.NoError(t, err)
		server.Revoke()
		requests := 0
		server.Inject(func(n int, _ *http.Request) *oktatest.Fault { requests = n; return nil })
		_, err = a.Keys(t.Context(), id)
		assert.Equal(t, 1, requests)
		require.ErrorIs(t, err, okta.ErrUnauthorized, "a token request for each call to an API that refuses every token")
		require.ErrorContains(t, err, "401 invalid_token")
	}
}

func TestServiceAppsProveThemselvesWithAllAlgorithms(t *testing.T) {
	server := oktatest.Start(t)
	org := server.Org()
	for _, alg := range []keys.Algorithm{keys.RS256, keys.RS384, keys.RS512, keys.ES256, keys.ES384, keys.ES512} {
		key := newKeyOf(t, alg)
		id := server.AddApp(serviceApp(key))
		_, err := org.Tokens(org.Signer(id, key), &dpop.Prover{}).Token(t.Context())
		require.NoError(t, err, alg)
		issuer := org.Signer(id, key)
		issuer.Audience = server.URL
		_, err = org.Tokens(issuer, &dpop.Prover{}).Token(t.Context())
		require.ErrorIs(t, err, assertion.ErrInvalidClient, "the audience is the endpoint and not the issuer")
	}
}

// TestTokensOfACustomServer: it takes no assertion for the org's endpoint, nor for
// its own issuer.
func TestTokensOfACustomServer(t *testing.T) {
	server := oktatest.Start(t)
	org, key := server.Org(), newKey(t)
	id := server.AddApp(oktatest.App{Keys: publicKeys(key), Service: true, DPoP: true})
	for _, custom := range []okta.AuthorizationServer{{Org: org}, {Org: org, ID: "aus1internal"}} {
		_, err := custom.Tokens(custom.Signer(id, key), &dpop.Prover{}, "patients").Token(t.Context())
		require.NoError(t, err)
		_, err = org.Tokens(custom.Signer(id, key), &dpop.Prover{}, "patients").Token(t.Context())
		require.ErrorIs(t, err, assertion.ErrInvalidClient)
		_, err = custom.Tokens(org.Signer(id, key), &dpop.Prover{}, "patients").Token(t.Context())
		require.ErrorIs(t, err, assertion.ErrInvalidClient)
		issuer := custom.Signer(id, key)
		issuer.Audience = strings.TrimSuffix(issuer.Audience, "/v1/token")
		_, err = custom.Tokens(issuer, &dpop.Prover{}, "patients").Token(t.Context())
		require.ErrorIs(t, err, assertion.ErrInvalidClient)
	}
	assert.Equal(t, "https://acme.okta.com/oauth2/a%2Fb/v1/token", okta.AuthorizationServer{Org: okta.Org{URL: "https://acme.okta.com/"}, ID: "a/b"}.TokenEndpoint())
}

func TestVerifyEveryKindOfApp(t *testing.T) {
	server := oktatest.Start(t)
	admin := server.Admin()
	key, secret := newKey(t), firstSecret().Secret
	custom := server.URL + "/oauth2/default/v1/token"
	wrong := selfservice.Credential{Secret: keys.NewSecret("another-secret-of-the-app-123456")}
	post := func(id string) func(string, selfservice.Credential) assertion.Authenticator {
		return func(_ string, c selfservice.Credential) assertion.Authenticator {
			return &assertion.Post{ClientID: id, Secret: c}
		}
	}
	jwt := func(id string) func(string, selfservice.Credential) assertion.Authenticator {
		return func(endpoint string, c selfservice.Credential) assertion.Authenticator {
			return &assertion.Signer{ClientID: id, Audience: endpoint, Secret: c, Type: "JWT"}
		}
	}
	type auth = func(id string) func(string, selfservice.Credential) assertion.Authenticator
	for name, c := range map[string]struct {
		app    oktatest.App
		client *okta.Client // nil: all zero
		auth   auth
	}{
		"web app":                      {oktatest.App{Secret: secret}, nil, nil},
		"web app, post":                {oktatest.App{Secret: secret, Method: okta.MethodPost}, nil, post},
		"web app, secret JWT":          {oktatest.App{Secret: secret, Method: okta.MethodSecretJWT}, nil, jwt},
		"web app, key":                 {oktatest.App{Keys: publicKeys(key)}, nil, nil},
		"web app of a custom server":   {oktatest.App{Secret: secret}, &okta.Client{TokenEndpoint: custom, Scopes: []string{"x"}}, nil},
		"service of a custom server":   {oktatest.App{Secret: secret, Service: true}, &okta.Client{TokenEndpoint: custom, Scopes: []string{"x"}}, nil},
		"the same, bearer":             {oktatest.App{Secret: secret, Service: true}, &okta.Client{TokenEndpoint: custom, Scopes: []string{"x"}, Bearer: true}, nil},
		"the same, DPoP":               {oktatest.App{Secret: secret, Service: true, DPoP: true}, &okta.Client{TokenEndpoint: custom, Scopes: []string{"x"}}, nil},
		"key of a custom server":       {oktatest.App{Keys: publicKeys(key), Service: true}, &okta.Client{TokenEndpoint: custom, Scopes: []string{"x"}}, nil},
		"service app":                  {serviceApp(key), &okta.Client{Scopes: scopes()}, nil},
		"service app without its role": {oktatest.App{Keys: publicKeys(key), Service: true, Scopes: scopes()}, &okta.Client{Scopes: scopes()}, nil},
	} {
		for _, unasked := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				server.Doubts.BearerUnasked = unasked
				client := &okta.Client{}
				if c.client != nil {
					client.TokenEndpoint, client.Scopes, client.Bearer = c.client.TokenEndpoint, c.client.Scopes, c.client.Bearer
				}
				client.Org, client.AppID, client.Admin = server.Org(), server.AddApp(c.app), admin
				if c.auth != nil {
					client.Authenticate = c.auth(client.AppID)
				}
				good, bad := selfservice.Credential{Secret: secret}, wrong
				if len(c.app.Keys) > 0 {
					good, bad = credential(key), credential(newKey(t))
				}
				require.NoError(t, client.Verify(t.Context(), good))
				require.ErrorIs(t, client.Verify(t.Context(), bad), selfservice.ErrInvalidClient)
				for _, status := range []int{429, 503, 200} { // busy, or a proxy's page
					server.Inject(func(int, *http.Request) *oktatest.Fault { return &oktatest.Fault{Status: status, Body: "<html>"} })
					err := client.Verify(t.Context(), good)
					require.Error(t, err)
					require.NotErrorIs(t, err, selfservice.ErrInvalidClient)
				}
				server.Inject(nil)
			})
		}
	}
	err := (&okta.Client{Org: server.Org(), AppID: "0oanobody", Admin: admin}).Verify(t.Context(), wrong)
	require.Error(t, err)
	require.NotErrorIs(t, err, selfservice.ErrInvalidClient, "a wrong client_id says nothing of the credential")
}

// TestEachVerifyUsesANewConnection: an idle one would always lead to the same
// node.
func TestEachVerifyUsesANewConnection(t *testing.T) {
	server := oktatest.Start(t)
	key, secret := newKey(t), firstSecret()
	service := &okta.Client{Org: server.Org(), AppID: server.AddApp(serviceApp(key))}
	web := &okta.Client{Org: server.Org(), AppID: server.AddApp(oktatest.App{Secret: secret.Secret}), Admin: server.Admin()}
	require.NoError(t, service.Verify(t.Context(), credential(key))) // to learn the nonce
	var mu sync.Mutex
	connections, requests := map[string]bool{}, 0
	server.Inject(func(_ int, r *http.Request) *oktatest.Fault {
		mu.Lock()
		defer mu.Unlock()
		connections[r.RemoteAddr] = true
		requests++
		return nil
	})
	for range 5 {
		require.NoError(t, service.Verify(t.Context(), credential(key)))
		require.NoError(t, web.Verify(t.Context(), secret))
	}
	assert.Equal(t, 10, requests)
	assert.Len(t, connections, 10)
}

// TestAManagerRotatesItsOwnKey while it manages another app, for a month.
func TestAManagerRotatesItsOwnKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		server, admin := inMemory()
		org, key, secret := admin.Org, newKey(t), firstSecret()
		id, web := server.AddApp(serviceApp(key)), server.AddApp(oktatest.App{Secret: secret.Secret})
		failed := func(e selfservice.Event) {
			if e.Kind == selfservice.EventFailed {
				t.Errorf("%v", e.Err)
			}
		}
		const day = 24 * time.Hour
		own := &selfservice.Rotator{
			Provider: okta.JWKS{Client: &okta.Client{Org: org, AppID: id}}, Store: &selfservice.Mem{},
			Timing: selfservice.Timing{MaxAge: 2 * day}, OnEvent: failed,
		}
		manager := &okta.Admin{Org: org, Tokens: org.Tokens(org.Signer(id, own), &dpop.Prover{})}
		other := &selfservice.Rotator{
			Provider: okta.Secrets{Client: &okta.Client{Org: org, AppID: web, Admin: manager}}, Store: &selfservice.Mem{},
			Timing: selfservice.Timing{MaxAge: day}, OnEvent: failed,
		}
		require.NoError(t, own.Adopt(ctx, credential(key)))
		require.NoError(t, other.Adopt(ctx, secret))
		go own.Run(ctx)
		go other.Run(ctx)
		time.Sleep(30 * day)
		cancel()
		synctest.Wait()
		st, err := own.Status(t.Context())
		require.NoError(t, err)
		assert.GreaterOrEqual(t, st.Rotations, 14)
		st, err = other.Status(t.Context())
		require.NoError(t, err)
		assert.GreaterOrEqual(t, st.Rotations, 28)
	})
}

// TestARefusedManager says nothing of the app's own credential, unless the app
// manages itself.
func TestARefusedManager(t *testing.T) {
	server := oktatest.Start(t)
	org, key, wrong := server.Org(), newKey(t), newKey(t)
	id := server.AddApp(serviceApp(key))
	manager := &okta.Admin{Org: org, Tokens: org.Tokens(org.Signer(id, wrong), &dpop.Prover{})}
	for _, admin := range []*okta.Admin{manager, nil} {
		p := okta.JWKS{Client: &okta.Client{Org: org, AppID: id, Admin: admin}}
		as := credential(key)
		if admin == nil {
			as = credential(wrong)
		}
		_, err := p.List(t.Context(), as)
		require.ErrorIs(t, err, assertion.ErrInvalidClient)
		assert.Equal(t, admin == nil, errors.Is(err, selfservice.ErrInvalidClient))
		_, err = p.Register(t.Context(), as, credential(newKey(t)))
		assert.Equal(t, admin == nil, errors.Is(err, selfservice.ErrInvalidClient))
		assert.Equal(t, admin != nil, p.Independent())
	}
}
