package dcr_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
)

const redirect = "https://app.example.no/cb"

// machine is the metadata of a client without users.
func machine() dcr.Metadata {
	return dcr.Metadata{
		"client_name": []byte(`"App"`), "grant_types": []byte(`["client_credentials"]`), "response_types": []byte(`[]`), "redirect_uris": []byte(`[]`),
	}
}

// live returns a client that has registered itself at a live server.
func live(t *testing.T, issuer string, token keys.Secret, m dcr.Metadata) (*dcr.Client, *selfservice.Rotator) {
	t.Helper()
	c := &dcr.Client{Store: &selfservice.Mem{}, Issuer: issuer}
	r := &selfservice.Rotator{
		Provider: c.Keys(), Store: &selfservice.Mem{},
		Timing: selfservice.Timing{Overlap: 100 * time.Millisecond, Reread: 50 * time.Millisecond, Propagation: 300 * time.Millisecond},
	}
	_, err := c.Register(t.Context(), dcr.Application{Metadata: m, Rotator: r, InitialAccessToken: token})
	require.NoError(t, err)
	return c, r
}

// rotates checks that the server refuses a key other than the client's, and then
// rotates the client's key.
func rotates(t *testing.T, c *dcr.Client, r *selfservice.Rotator) {
	t.Helper()
	old := current(t, r)
	require.NoError(t, c.Keys().Verify(t.Context(), old))
	require.ErrorIs(t, c.Keys().Verify(t.Context(), selfservice.Credential{Key: newKey(t)}), selfservice.ErrInvalidClient)
	require.NoError(t, r.Rotate(t.Context()))
	require.NotEqual(t, old.Fingerprint(), current(t, r).Fingerprint())
	require.NoError(t, c.Keys().Verify(t.Context(), current(t, r)))
}

func TestOIDCProviderRegisters(t *testing.T) {
	issuer := startOIDCProvider(t)
	c, r := live(t, issuer, keys.Secret{}, machine())
	rotates(t, c, r)
	assert.Equal(t, "App", read(t, c)["client_name"])

	for code, c := range map[string]struct {
		rule  error
		name  string
		value string
	}{
		"invalid_client_metadata": {dcr.ErrClientMetadata, "grant_types", `["no such grant"]`},
		"invalid_redirect_uri":    {dcr.ErrRedirectURI, "redirect_uris", `["no URI"]`},
	} {
		m := machine()
		m[c.name] = []byte(c.value)
		_, err := (&dcr.Client{Store: &selfservice.Mem{}, Issuer: issuer}).Register(t.Context(), dcr.Application{
			Metadata: m, Rotator: &selfservice.Rotator{Store: &selfservice.Mem{}},
		})
		require.ErrorIs(t, err, c.rule)
		var e *dcr.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, code, e.Code)
	}
}

func TestOIDCProviderWantsAnInitialAccessToken(t *testing.T) {
	issuer := startOIDCProvider(t, "what-an-administrator-gave-out")
	for _, token := range []string{"", "another"} {
		_, err := (&dcr.Client{Store: &selfservice.Mem{}, Issuer: issuer}).Register(t.Context(), dcr.Application{
			Metadata: machine(), Rotator: &selfservice.Rotator{Store: &selfservice.Mem{}}, InitialAccessToken: keys.NewSecret(token),
		})
		require.Error(t, err)
		t.Log(err)
		require.ErrorIs(t, err, dcr.ErrInitialToken)
	}
	c, r := live(t, issuer, keys.NewSecret("what-an-administrator-gave-out"), machine())
	rotates(t, c, r)
}

// TestOIDCProviderBoundTokens has a client that gets tokens only with DPoP proofs.
func TestOIDCProviderBoundTokens(t *testing.T) {
	m := machine()
	m["dpop_bound_access_tokens"] = []byte(`true`)
	c, r := live(t, startOIDCProvider(t), keys.Secret{}, m)
	err := c.Keys().Verify(t.Context(), current(t, r))
	require.ErrorIs(t, err, assertion.ErrRefused)
	require.NotErrorIs(t, err, selfservice.ErrInvalidClient)

	bound := &dcr.Client{Store: c.Store, Issuer: c.Issuer, Verify: dcr.ClientCredentials{Prover: &dpop.Prover{}}.Verify}
	r = &selfservice.Rotator{Provider: bound.Keys(), Store: r.Store, Timing: r.Timing}
	rotates(t, bound, r)
}

// TestOIDCProviderCodeOnly has a client that gets tokens only for users.
func TestOIDCProviderCodeOnly(t *testing.T) {
	m := machine()
	m["grant_types"], m["response_types"], m["redirect_uris"] = []byte(`["authorization_code"]`), []byte(`["code"]`), []byte(`["`+redirect+`"]`)
	c, r := live(t, startOIDCProvider(t), keys.Secret{}, m)
	err := c.Keys().Verify(t.Context(), current(t, r))
	require.ErrorIs(t, err, assertion.ErrRefused)
	require.NotErrorIs(t, err, selfservice.ErrInvalidClient)

	pushed := dcr.PushedRequest{Params: url.Values{"redirect_uri": {redirect}, "scope": {"openid"}}}
	unknown := dcr.UnknownCode{RedirectURI: redirect}
	c.Verify = pushed.Verify
	rotates(t, c, r)
	c = &dcr.Client{Store: c.Store, Issuer: c.Issuer, Verify: unknown.Verify}
	r = &selfservice.Rotator{Provider: c.Keys(), Store: r.Store, Timing: r.Timing}
	rotates(t, c, r)
}
