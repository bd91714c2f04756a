package okta_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// checked is an app to be checked, with its manager.
type checked struct {
	server  *oktatest.Server
	key     *keys.Key
	app     oktatest.App
	manager *oktatest.App // nil: the app itself
}

func newChecked(t *testing.T) *checked {
	c := &checked{server: oktatest.New(fakeURL), key: newKey(t)}
	manager := serviceApp(c.key)
	manager.Role, manager.ID = oktatest.AppAdmin, "0oamanager0000000000"
	c.app, c.manager = oktatest.App{ID: "0oaapp00000000000000", Keys: publicKeys(c.key)}, &manager
	return c
}

// provider sets up the server and returns the provider under test.
func (c *checked) provider(of func(*okta.Client) selfservice.Provider, published func(context.Context) (keys.Set, error)) selfservice.Provider {
	c.server.AddApp(c.app)
	mux := http.NewServeMux()
	mux.Handle("/", c.server)
	mux.Handle("/jwks.json", &keys.Handler{Keys: published})
	base := providertest.Handler(mux)
	c.server.Fetch = base
	org := okta.Org{URL: fakeURL, Base: base}
	client := &okta.Client{Org: org, AppID: c.app.ID}
	if c.manager != nil {
		c.server.AddApp(*c.manager)
		client.Admin = &okta.Admin{Org: org, Tokens: org.Tokens(org.Signer(c.manager.ID, c.key), &dpop.Prover{})}
	}
	return of(client)
}

// check returns the error of Rotator.Check, which must change nothing.
func (c *checked) check(t *testing.T, of func(*okta.Client) selfservice.Provider) error {
	t.Helper()
	cred := credential(c.key)
	if !c.app.Secret.IsZero() {
		cred = selfservice.Credential{Secret: c.app.Secret}
	}
	r := &selfservice.Rotator{Store: &selfservice.Mem{}}
	r.Provider = c.provider(of, r.Published)
	require.NoError(t, r.Adopt(t.Context(), cred))
	err := r.Check(t.Context())
	assert.Empty(t, c.server.Events(oktatest.EventCreate, oktatest.EventDeactivate, oktatest.EventDelete, oktatest.EventUpdate), "Check made a change")
	return err
}

// The ways to set an app up.
func (c *checked) itself() {
	id := c.app.ID
	c.app, c.manager = serviceApp(c.key), nil
	c.app.ID = id
}
func (c *checked) withSecret() {
	c.app.Keys, c.app.Secret = nil, firstSecret().Secret
}
func (c *checked) withURL() { c.app.Keys, c.app.KeysURL = nil, fakeURL+"/jwks.json" }

func TestCheckNamesTheMissingRight(t *testing.T) {
	reads := []string{okta.ScopeRead}
	for name, c := range map[string]struct {
		provider func(*okta.Client) selfservice.Provider
		set      func(*checked)
		rule     error // nil: a rotation would work
		says     string
	}{
		"keys, by a manager":                      {stored, func(*checked) {}, nil, ""},
		"keys, by the app itself":                 {stored, (*checked).itself, nil, ""},
		"keys, and activating twice is refused":   {stored, func(c *checked) { c.server.Doubts.NoRepeat = true }, nil, ""},
		"secrets":                                 {secrets, (*checked).withSecret, nil, ""},
		"keys at a URL":                           {atURL, (*checked).withURL, nil, ""},
		"keys at a URL, by one who may only read": {atURL, func(c *checked) { c.withURL(); c.server.Doubts.SilentScopes, c.manager.Scopes = true, reads }, nil, ""},
		"the manager may only read":               {stored, func(c *checked) { c.manager.Scopes = reads }, okta.ErrScope, "okta.apps.manage"},
		"and Okta does not say so":                {stored, func(c *checked) { c.server.Doubts.SilentScopes, c.manager.Scopes = true, reads }, okta.ErrScope, "without okta.apps.manage"},
		"the app itself may only read":            {stored, func(c *checked) { c.itself(); c.app.Scopes = reads }, okta.ErrScope, "okta.apps.manage"},
		"the manager has no role":                 {stored, func(c *checked) { c.manager.Role = oktatest.NoRole }, okta.ErrForbidden, "assign the role"},
		"the app itself is no super admin":        {stored, func(c *checked) { c.itself(); c.app.Role = oktatest.AppAdmin }, okta.ErrForbidden, "Super Administrator"},
		"the app has scopes, the manager cannot":  {stored, func(c *checked) { c.app.Scopes = scopes() }, okta.ErrForbidden, "Super Administrator"},
		"values of secrets are hidden":            {secrets, func(c *checked) { c.withSecret(); c.manager.Role = oktatest.Custom }, nil, ""},
		"and their hash is of another kind": {secrets, func(c *checked) {
			c.withSecret()
			c.manager.Role, c.server.Doubts.OtherHash = oktatest.Custom, true
		}, okta.ErrUnknown, "okta.apps.clientCredentials.read"},
		"a key without kid": {stored, func(c *checked) { c.app.Bare = true }, okta.ErrKeyID, "under another kid or none"},
	} {
		bubble(t, name, func(t *testing.T) {
			s := newChecked(t)
			c.set(s)
			err := s.check(t, c.provider)
			if c.rule == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, c.rule)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestCheckNamesTheRightProvider(t *testing.T) {
	for name, c := range map[string]struct {
		provider func(*okta.Client) selfservice.Provider
		set      func(*checked)
		says     string
	}{
		"a secret":      {stored, (*checked).withSecret, "by client_secret_basic; okta.Secrets"},
		"keys":          {secrets, func(*checked) {}, "by private_key_jwt; okta.JWKS"},
		"stored keys":   {atURL, func(*checked) {}, "it has no JWKS URL"},
		"keys at a URL": {stored, (*checked).withURL, "okta.JWKSURL"},
	} {
		s := newChecked(t)
		c.set(s)
		p := s.provider(c.provider, func(context.Context) (keys.Set, error) { return keys.Set{}, nil })
		err := p.(selfservice.Checker).Check(t.Context(), credential(s.key))
		require.ErrorIs(t, err, okta.ErrMethod, name)
		require.ErrorContains(t, err, c.says, name)
	}
}

func TestCheckWithoutRoom(t *testing.T) {
	s := newChecked(t)
	s.withSecret()
	p := s.provider(secrets, nil).(okta.Secrets)
	cred := selfservice.Credential{Secret: s.app.Secret}
	require.NoError(t, p.Check(t.Context(), cred))
	other, err := p.Admin.GenerateSecret(t.Context(), s.app.ID)
	require.NoError(t, err)
	err = p.Check(t.Context(), cred)
	require.ErrorIs(t, err, selfservice.ErrLimit)
	require.ErrorContains(t, err, other.ID)
	p.Yield = func(context.Context, okta.Secret) bool { return true }
	require.NoError(t, p.Check(t.Context(), cred))

	s = newChecked(t)
	for len(s.app.Keys) < okta.MaxKeys {
		s.app.Keys = append(s.app.Keys, publicKeys(newKey(t))...)
	}
	require.ErrorIs(t, s.check(t, stored), selfservice.ErrLimit)
}

func TestCheckFindsAKeyThatIsNotPublished(t *testing.T) {
	s := newChecked(t)
	s.withURL()
	p := s.provider(atURL, func(context.Context) (keys.Set, error) { return keys.Set{Keys: publicKeys(newKey(t))}, nil })
	err := p.(selfservice.Checker).Check(t.Context(), credential(s.key))
	require.EqualError(t, err, "okta: the active key is not published at "+fakeURL+"/jwks.json")

}

func TestCheckFindsAnotherClientID(t *testing.T) {
	s := newChecked(t)
	s.app.ClientID = "another-name"
	p := s.provider(stored, nil)
	require.ErrorIs(t, p.(selfservice.Checker).Check(t.Context(), credential(s.key)), okta.ErrConfig)
}
