package sdktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// checker validates requests of the management API and their answers against
// Okta's OpenAPI document, and collects errors.
type checker struct {
	mu       sync.Mutex
	seen     map[string]int // by operation and status
	problems []error
}

func (c *checker) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(req.URL.Path, "/api/") { // other paths are in another document
		return http.DefaultTransport.RoundTrip(req)
	}
	var sent []byte
	if req.Body != nil {
		var err error
		if sent, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	req.Body = body(sent)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(got))
	c.check(req, sent, resp, got)
	return resp, nil
}

func body(text []byte) io.ReadCloser {
	if len(text) == 0 {
		return http.NoBody // with a known length
	}
	return io.NopCloser(bytes.NewReader(text))
}

func (c *checker) check(req *http.Request, sent []byte, resp *http.Response, got []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	bad := func(what string, err error) {
		c.problems = append(c.problems, fmt.Errorf("%s of %s %s (%d): %w", what, req.Method, req.URL.Path, resp.StatusCode, err))
	}
	r, err := router()
	if err != nil {
		bad("document", err)
		return
	}
	again := req.Clone(context.Background())
	again.Body = body(sent)
	again.URL.Scheme, again.URL.Host, again.Host = "", "", ""
	route, params, err := r.FindRoute(again)
	if err != nil {
		bad("path", err)
		return
	}
	c.seen[fmt.Sprintf("%s %d", route.Operation.OperationID, resp.StatusCode)]++
	in := &openapi3filter.RequestValidationInput{
		Request: again, PathParams: params, Route: route,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if resp.StatusCode/100 == 2 { // a refused request may be invalid
		if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
			bad("request", err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header, Options: in.Options}
	out.SetBodyBytes(got)
	if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
		bad("answer", err)
	}
}

// TestRequestsAndAnswersAreValid in whole rotations and in every call.
func TestRequestsAndAnswersAreValid(t *testing.T) {
	c := &checker{seen: map[string]int{}}
	server := oktatest.Start(t)
	all := calls(t, server, &okta.Org{URL: server.URL, Base: c})
	all()
	require.NoError(t, errors.Join(c.problems...))
	for _, operation := range []string{
		"listOAuth2ClientSecrets 200", "createOAuth2ClientSecret 201", "createOAuth2ClientSecret 400", "getOAuth2ClientSecret 200", "getOAuth2ClientSecret 404",
		"activateOAuth2ClientSecret 200", "deactivateOAuth2ClientSecret 200", "deactivateOAuth2ClientSecret 400", "deleteOAuth2ClientSecret 204", "deleteOAuth2ClientSecret 400",
		"listJwk 200", "addJwk 201", "getJwk 200", "activateOAuth2ClientJsonWebKey 200", "deactivateOAuth2ClientJsonWebKey 200", "deletejwk 204", "deletejwk 400",
		"getApplication 200", "replaceApplication 200", "listOAuth2ClientSecrets 401", "listOAuth2ClientSecrets 429",
	} {
		assert.Positive(t, c.seen[operation], operation)
	}
	t.Log(c.seen)
}

// TestCapturedAnswersAreInvalid: the client accepts captured answers although they
// violate the document.
func TestCapturedAnswersAreInvalid(t *testing.T) {
	for name, d := range map[string]oktatest.Doubts{"an array of keys": {ArrayOfKeys: true}} {
		t.Run(name, func(t *testing.T) {
			c := &checker{seen: map[string]int{}}
			server := oktatest.Start(t)
			server.Doubts = d
			calls(t, server, &okta.Org{URL: server.URL, Base: c})()
			require.NotEmpty(t, c.problems)
			for _, err := range c.problems {
				assert.ErrorContains(t, err, "/credentials/jwks")
				assert.ErrorContains(t, err, "answer of GET")
			}
		})
	}
	t.Run("keys without use and alg", func(t *testing.T) {
		c := &checker{seen: map[string]int{}}
		server := oktatest.Start(t)
		key := keystest.Key(t, keys.ES256)
		id := server.AddApp(oktatest.App{Keys: []*keys.PublicKey{key.PublicKey()}, Bare: true})
		list, err := (&okta.Admin{Org: okta.Org{URL: server.URL, Base: c}, APIToken: keys.NewSecret(oktatest.APIToken)}).Keys(t.Context(), id)
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.NotEmpty(t, c.problems)
	})
}

// calls returns a function that makes every call of package okta as a service app.
func calls(t *testing.T, server *oktatest.Server, org *okta.Org) func() {
	own := keystest.Key(t, keys.ES256)
	service := server.AddApp(oktatest.App{
		Keys: []*keys.PublicKey{own.PublicKey()}, Service: true, DPoP: true, Scopes: []string{okta.ScopeRead, okta.ScopeManage}, Role: oktatest.SuperAdmin,
	})
	first := selfservice.Credential{Secret: keys.NewSecret("the-first-secret-of-the-app-1234")}
	web := server.AddApp(oktatest.App{Secret: first.Secret})
	a := &okta.Admin{Org: *org, Tokens: org.Tokens(org.Signer(service, own), &dpop.Prover{})}
	ctx := t.Context()
	ok := func(err error) { t.Helper(); require.NoError(t, err) }
	return func() {
		for _, c := range []struct {
			provider selfservice.Provider
			first    selfservice.Credential
		}{
			{okta.Secrets{Client: &okta.Client{Org: *org, AppID: web, Admin: a, Propagates: time.Millisecond}}, first},
			{okta.JWKS{Client: &okta.Client{Org: *org, AppID: service, Propagates: time.Millisecond}}, selfservice.Credential{Key: own}},
		} {
			r := &selfservice.Rotator{Provider: c.provider, Store: &selfservice.Mem{}}
			ok(r.Adopt(ctx, c.first))
			ok(r.Rotate(ctx))
			a.Tokens = org.Tokens(org.Signer(service, own), &dpop.Prover{})
		}
		list, err := a.Secrets(ctx, web)
		ok(err)
		require.Len(t, list, 2)
		_, err = a.GenerateSecret(ctx, web)
		require.ErrorIs(t, err, okta.ErrFull)
		require.ErrorIs(t, a.DeleteSecret(ctx, web, list[0].ID), okta.ErrActive)
		ok(a.DeactivateSecret(ctx, web, list[0].ID))
		require.ErrorIs(t, a.DeactivateSecret(ctx, web, list[1].ID), okta.ErrLastActive)
		ok(a.ActivateSecret(ctx, web, list[0].ID))
		_, err = a.Secret(ctx, web, list[0].ID)
		ok(err)
		ok(a.DeactivateSecret(ctx, web, list[0].ID))
		ok(a.DeleteSecret(ctx, web, list[0].ID))
		_, err = a.Secret(ctx, web, list[0].ID)
		require.ErrorIs(t, err, okta.ErrNotFound)
		_, err = a.GenerateSecret(ctx, web)
		ok(err)

		rsa := keystest.Key(t, keys.RS256)
		to := okta.Authentication{Method: okta.MethodPrivateKey, Keys: keys.Set{Keys: []*keys.PublicKey{rsa.PublicKey()}}}
		losses, err := a.Losses(ctx, web, to)
		ok(err)
		var confirmed []string
		for _, l := range losses {
			confirmed = append(confirmed, l.ID)
		}
		ok(a.SetAuthentication(ctx, web, to, confirmed))
		added, err := a.AddKey(ctx, web, keystest.Key(t, keys.ES384).PublicKey())
		ok(err)
		require.ErrorIs(t, a.DeleteKey(ctx, web, added.ID), okta.ErrActive)
		ok(a.DeactivateKey(ctx, web, added.ID))
		ok(a.ActivateKey(ctx, web, added.ID))
		_, err = a.Key(ctx, web, added.ID)
		ok(err)
		ok(a.DeactivateKey(ctx, web, added.ID))
		ok(a.DeleteKey(ctx, web, added.ID))

		_, err = (&okta.Admin{Org: *org, APIToken: keys.NewSecret("wrong")}).Secrets(ctx, web)
		require.ErrorIs(t, err, okta.ErrUnauthorized)
		server.Limit = 1
		_, err = a.Secrets(ctx, web)
		require.ErrorIs(t, err, okta.ErrBusy)
	}
}
