package selfservice_test

import (
	"testing"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/jwksurl"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryProviderIsLocated: a Fleet tells servers apart.
func TestEveryProviderIsLocated(t *testing.T) {
	const url = "https://as.example.no"
	cloak := &keycloak.Client{Realm: keycloak.Realm{Server: url, Name: "master"}}
	org := &okta.Client{Org: okta.Org{URL: url}}
	registered := &dcr.Client{Issuer: url}
	purged := &dcr.Client{Issuer: url, Propagation: 1}
	for _, p := range []selfservice.Provider{
		&helseid.Client{Environment: helseid.Environment{Authority: url}}, &jwksurl.Provider{URL: url},
		keycloak.JWKS{Client: cloak}, keycloak.JWKSURL{Client: cloak}, keycloak.Certificate{Client: cloak}, keycloak.Secret{Client: cloak}, keycloak.OwnSecret{Client: cloak},
		okta.JWKS{Client: org}, okta.JWKSURL{Client: org}, okta.Secrets{Client: org},
		registered.Keys(), registered.Secret(nil), purged.Keys(),
	} {
		l, ok := p.(selfservice.Located)
		require.True(t, ok, "%T", p)
		assert.Equal(t, url, l.Server(), "%T", p)
	}
}
