package assertion_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// pair is a key and a secret of one client.
type pair struct {
	key    *keys.Key
	secret keys.Secret
}

// replica returns the old credential until it learns of a refusal, like a process
// that has not read the store since another one rotated.
type replica struct {
	now, next pair
	knows     bool // of both; it then prefers now, whatever is refused
	told      int
}

func (s *replica) SigningKey(context.Context) (*keys.Key, error)     { return s.now.key, nil }
func (s *replica) ClientSecret(context.Context) (keys.Secret, error) { return s.now.secret, nil }
func (s *replica) KeyRefused(context.Context, *keys.Key) (*keys.Key, error) {
	s.refused()
	return s.next.key, nil
}
func (s *replica) SecretRefused(context.Context, keys.Secret) (keys.Secret, error) {
	s.refused()
	return s.next.secret, nil
}

func (s *replica) refused() {
	s.told++
	if !s.knows {
		s.now = s.next
	}
}

// strictServer accepts one credential, by every method. It verifies with go-jose
// and net/http.
type strictServer struct {
	t        *testing.T
	takes    pair
	stale    map[int]pair                                                 // of a request that meets a node which takes another one
	refuses  func(r *http.Request) (status int, code, description string) // for an unknown client
	answers  func(form url.Values) (status int, code string)              // for a known one; nil: success
	patience string                                                       // Retry-After of refusals
	requests int
	seen     map[string]bool // assertions
}

func (s *strictServer) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

func (s *strictServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests++
	require.NoError(s.t, r.ParseForm())
	a := r.PostForm.Get("client_assertion")
	assert.False(s.t, a != "" && s.seen[a], "an assertion that was there before")
	s.seen[a] = true
	_, _, basic := r.BasicAuth()
	assert.False(s.t, basic && (a != "" || r.PostForm.Has("client_secret")), "two methods in one request (RFC 6749 §2.3)")
	takes, ok := s.stale[s.requests]
	if !ok {
		takes = s.takes
	}
	if !takes.signed(s.t, r) {
		status, code, description := s.refuses(r)
		if s.patience != "" {
			w.Header().Set("Retry-After", s.patience)
		}
		replyError(w, status, code, fmt.Sprint(description, " refusal ", s.requests))
		return
	}
	if s.answers != nil {
		if status, code := s.answers(r.PostForm); status != 0 {
			replyError(w, status, code, "")
			return
		}
	}
	switch r.URL.Path {
	case "/par":
		reply(w, http.StatusCreated, map[string]any{"request_uri": "urn:example:par:1", "expires_in": 60})
	case "/device":
		reply(w, 200, map[string]any{"device_code": "d", "user_code": "u", "verification_uri": "https://as.example.com/d", "expires_in": 600, "interval": 1})
	default:
		reply(w, 200, map[string]any{"access_token": "t", "token_type": "Bearer", "expires_in": 60})
	}
}

func (p pair) signed(t *testing.T, r *http.Request) bool {
	if _, password, ok := r.BasicAuth(); ok {
		return password == url.QueryEscape(p.secret.Reveal())
	}
	if secret := r.PostForm.Get("client_secret"); secret != "" {
		return secret == p.secret.Reveal()
	}
	jws, err := jose.ParseSignedCompact(r.PostForm.Get("client_assertion"), []jose.SignatureAlgorithm{jose.ES256, jose.HS256})
	require.NoError(t, err)
	_, byKey := jws.Verify(p.key.PublicKey().Public())
	_, bySecret := jws.Verify([]byte(p.secret.Reveal()))
	return byKey == nil || bySecret == nil
}

func credentialPair(t testing.TB, secret string) pair {
	key, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	return pair{key, keys.NewSecret(secret)}
}

var methods = map[string]func(*replica) assertion.Authenticator{
	"private_key_jwt": func(s *replica) assertion.Authenticator {
		return &assertion.Signer{ClientID: clientID, Audience: issuer, Key: s}
	},
	"client_secret_jwt": func(s *replica) assertion.Authenticator {
		return &assertion.Signer{ClientID: clientID, Audience: issuer, Secret: s}
	},
	"client_secret_basic": func(s *replica) assertion.Authenticator { return &assertion.Basic{ClientID: clientID, Secret: s} },
	"client_secret_post":  func(s *replica) assertion.Authenticator { return &assertion.Post{ClientID: clientID, Secret: s} },
}

// flows are those of golang.org/x/oauth2, a form POST by the caller, and
// TokenSource. Each makes one request if nothing fails.
var flows = map[string]func(ctx context.Context, auth assertion.Authenticator) error{
	"code": func(ctx context.Context, _ assertion.Authenticator) error {
		_, err := flowConfig.Exchange(ctx, "the-code", oauth2.VerifierOption("the-verifier"))
		return err
	},
	"refresh": func(ctx context.Context, _ assertion.Authenticator) error {
		_, err := flowConfig.TokenSource(ctx, &oauth2.Token{RefreshToken: "the-refresh-token"}).Token()
		return err
	},
	"device": func(ctx context.Context, _ assertion.Authenticator) error {
		_, err := flowConfig.DeviceAuth(ctx)
		return err
	},
	"device poll": func(ctx context.Context, _ assertion.Authenticator) error {
		_, err := flowConfig.DeviceAccessToken(ctx, &oauth2.DeviceAuthResponse{DeviceCode: "the-device-code", Interval: 1, Expiry: time.Now().Add(time.Minute)})
		return err
	},
	"exchange": func(ctx context.Context, _ assertion.Authenticator) error {
		c := clientcredentials.Config{ClientID: clientID, TokenURL: endpoint, AuthStyle: oauth2.AuthStyleInParams, EndpointParams: url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {"the-subject-token"},
		}}
		_, err := c.Token(ctx)
		return err
	},
	"PAR": func(ctx context.Context, _ assertion.Authenticator) error {
		resp, err := ctx.Value(oauth2.HTTPClient).(*http.Client).PostForm(issuer+"/par", url.Values{"response_type": {"code"}})
		if err == nil && resp.StatusCode != http.StatusCreated {
			var body [500]byte
			n, _ := resp.Body.Read(body[:])
			err = errors.New(string(body[:n]))
		}
		return err
	},
	"TokenSource": func(ctx context.Context, auth assertion.Authenticator) error {
		base := ctx.Value(oauth2.HTTPClient).(*http.Client).Transport.(*assertion.Transport).Base
		_, err := (&assertion.TokenSource{Endpoint: endpoint, Auth: auth, Base: base}).Token(ctx)
		return err
	},
}

var flowConfig = &oauth2.Config{ClientID: clientID, Endpoint: oauth2.Endpoint{
	TokenURL: endpoint, DeviceAuthURL: issuer + "/device", AuthStyle: oauth2.AuthStyleInParams,
}}

// refusals are the ways in which servers refuse a credential.
var refusals = map[string]struct {
	methods []string // nil: all
	refuses func(r *http.Request) (int, string, string)
}{
	"RFC 6749": {nil, func(*http.Request) (int, string, string) { return 401, "invalid_client", "" }},
	"with 400": {nil, func(*http.Request) (int, string, string) { return 400, "invalid_client", "" }},
	"Keycloak, a secret": {[]string{"client_secret_basic", "client_secret_post"}, func(*http.Request) (int, string, string) {
		return 401, "unauthorized_client", "Invalid client or Invalid client credentials"
	}},
	"Keycloak, an assertion by secret": {[]string{"client_secret_jwt"}, func(*http.Request) (int, string, string) {
		return 400, "unauthorized_client", "Client authentication with client secret signed JWT failed"
	}},
	"Keycloak, PAR": {nil, func(*http.Request) (int, string, string) { return 401, "invalid_request", "Authentication failed." }},
	"Hydra, an unknown key": {[]string{"private_key_jwt"}, func(r *http.Request) (int, string, string) {
		jws, _ := jose.ParseSignedCompact(r.PostForm.Get("client_assertion"), []jose.SignatureAlgorithm{jose.ES256})
		return 400, "invalid_request", "The JSON Web Token uses signing key with kid '" + jws.Signatures[0].Header.KeyID + "', which could not be found."
	}},
}

// each calls f for every flow, method and refusal.
func each(t *testing.T, f func(t *testing.T, server *strictServer, source *replica, flow func() error)) {
	for how, refusal := range refusals {
		for method, auth := range methods {
			if refusal.methods != nil && !slices.Contains(refusal.methods, method) {
				continue
			}
			for flow, run := range flows {
				t.Run(flow+", "+method+", "+how, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						source := &replica{now: credentialPair(t, "the old secret of the client, long enough"), next: credentialPair(t, "the new secret of the client, made here")}
						server := &strictServer{t: t, takes: source.next, refuses: refusal.refuses, seen: map[string]bool{}}
						transport := &assertion.Transport{Auth: auth(source), Endpoint: endpoint, Base: server}
						ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: transport})
						f(t, server, source, func() error { return run(ctx, transport.Auth) })
					})
				})
			}
		}
	}
}

// The server refuses the old credential as soon as the new one is registered.
func TestFlowsSurviveARotation(t *testing.T) {
	each(t, func(t *testing.T, server *strictServer, source *replica, flow func() error) {
		require.NoError(t, flow())
		assert.Equal(t, 1, source.told)
		assert.Equal(t, 2, server.requests)
		require.NoError(t, flow())
		assert.Equal(t, 1, source.told)
		assert.Equal(t, 3, server.requests)
	})
}

// If the retries are refused too, the caller sees the first refusal.
func TestRefusedRetryReturnsTheFirstRefusal(t *testing.T) {
	each(t, func(t *testing.T, server *strictServer, source *replica, flow func() error) {
		server.takes = credentialPair(t, "one that nobody has")
		require.ErrorContains(t, flow(), "refusal 1")
		assert.Equal(t, 2, source.told)
		assert.Equal(t, 3, server.requests)

		source.next = source.now
		require.ErrorContains(t, flow(), "refusal 4")
		assert.Equal(t, 3, source.told)
		assert.Equal(t, 4, server.requests, "the same one is not tried twice")
	})
}

// TestNodesThatSwitchOneAfterTheOther meets a node that does not take the old
// credential any more, and then one that does not take the new one yet; or the
// other way round.
func TestNodesThatSwitchOneAfterTheOther(t *testing.T) {
	each(t, func(t *testing.T, server *strictServer, source *replica, flow func() error) {
		server.stale = map[int]pair{2: source.now}
		require.NoError(t, flow())
		assert.Equal(t, 3, server.requests)
	})
	each(t, func(t *testing.T, server *strictServer, source *replica, flow func() error) {
		source.knows, server.stale = true, map[int]pair{2: source.now}
		require.NoError(t, flow())
		assert.Equal(t, 4, server.requests, "the rotation goes on, and the source still prefers the old one")
	})
	each(t, func(t *testing.T, server *strictServer, source *replica, flow func() error) {
		source.now, source.next, source.knows = source.next, source.now, true
		server.stale = map[int]pair{1: source.next}
		require.NoError(t, flow())
		assert.Equal(t, 3, server.requests)
	})
}

// If the server accepts the new credential but refuses the request, the caller sees
// that refusal.
func TestRetryErrorOfAnAcceptedCredential(t *testing.T) {
	each(t, func(t *testing.T, server *strictServer, source *replica, flow func() error) {
		server.answers = func(url.Values) (int, string) { return 400, "invalid_target" }
		require.ErrorContains(t, flow(), "invalid_target")
		assert.Equal(t, 1, source.told)
		assert.Equal(t, 2, server.requests)
	})
}

// Other refusals are retried only if the source has replaced the credential in the
// meantime.
func TestOtherRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		status   int
		code     string
		replaced bool
		method   string
		told     int
	}{
		"the server is busy":            {503, "temporarily_unavailable", false, "client_secret_post", 0},
		"no grant for this client":      {400, "unauthorized_client", false, "private_key_jwt", 0},
		"no grant, basic":               {400, "unauthorized_client", false, "client_secret_basic", 0},
		"no grant, or a secret refused": {400, "unauthorized_client", false, "client_secret_jwt", 1},
		"an invalid request":            {400, "invalid_request", false, "private_key_jwt", 0},
		"an invalid grant":              {400, "invalid_grant", false, "private_key_jwt", 0},
		"invalid and replaced":          {400, "invalid_request", true, "private_key_jwt", 1},
		"a grant and replaced":          {400, "invalid_grant", true, "private_key_jwt", 1},
		"a secret that was replaced":    {403, "access_denied", true, "client_secret_basic", 1},
		"busy and replaced":             {503, "temporarily_unavailable", true, "private_key_jwt", 0},
		"a device's user and replaced":  {400, "authorization_pending", true, "private_key_jwt", 0},
	} {
		t.Run(name, func(t *testing.T) {
			source := &replica{now: credentialPair(t, "the old secret of the client, long enough"), next: credentialPair(t, "the new secret of the client, made here")}
			server := &strictServer{t: t, takes: source.next, seen: map[string]bool{}}
			server.refuses = func(*http.Request) (int, string, string) {
				if c.replaced {
					source.now = source.next // as by another goroutine during the request
				}
				return c.status, c.code, ""
			}
			tr := &assertion.Transport{Auth: methods[c.method](source), Endpoint: endpoint, Base: server}
			resp, err := tr.RoundTrip(formPost(t, endpoint, "grant_type=x"))
			require.NoError(t, err)
			assert.Equal(t, c.told, source.told)
			assert.Equal(t, 1+c.told, server.requests)
			if want := c.status; c.told == 0 {
				assert.Equal(t, want, resp.StatusCode)
			} else {
				assert.Equal(t, 200, resp.StatusCode)
			}
		})
	}
}

// With DPoP in Base each attempt has a new proof. A proof set by the caller is sent
// once.
func TestRetryHasANewProof(t *testing.T) {
	for _, inside := range []bool{true, false} {
		source := &replica{now: credentialPair(t, "old"), next: credentialPair(t, "new")}
		server := &strictServer{t: t, takes: source.next, refuses: refusals["RFC 6749"].refuses, seen: map[string]bool{}}
		var proofs []string
		base := network(func(r *http.Request) (*http.Response, error) {
			proofs = append(proofs, r.Header.Get("DPoP"))
			return server.RoundTrip(r)
		})
		transport := &assertion.Transport{Auth: methods["private_key_jwt"](source), Endpoint: endpoint, Base: base}
		var rt http.RoundTripper = transport
		prover := new(dpop.Prover)
		if inside {
			transport.Base = prover.Bind(base, testKey(t, keys.ES256))
		} else {
			rt = prover.Bind(transport, testKey(t, keys.ES256))
		}
		resp, err := rt.RoundTrip(formPost(t, endpoint, "grant_type=x"))
		require.NoError(t, err)
		if inside {
			assert.Equal(t, 200, resp.StatusCode)
			require.Len(t, proofs, 2)
			assert.NotEqual(t, proofs[0], proofs[1])
		} else {
			assert.Equal(t, 401, resp.StatusCode)
			assert.Len(t, proofs, 1)
			assert.Zero(t, source.told)
		}
	}
}
