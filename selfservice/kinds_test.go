package selfservice_test

import (
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/jwksurl"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/stretchr/testify/require"
)

// TestAdoptRefusesTheWrongKind of credential before it stores anything, with
// every provider of this module.
func TestAdoptRefusesTheWrongKind(t *testing.T) {
	secret := secretCredential("a secret that is long enough for it")
	key := selfservice.Credential{Key: keystest.Key(t, keys.ES256)}
	ofKeycloak := &keycloak.Client{ClientID: "app"}
	ofOkta, ofDCR := &okta.Client{}, &dcr.Client{}
	for _, row := range []struct {
		provider     selfservice.Provider
		takes, wrong selfservice.Credential
	}{
		{&helseid.Client{}, key, secret},
		{&jwksurl.Provider{}, key, secret},
		{ofDCR.Keys(), key, secret},
		{ofDCR.Secret(nil), secret, key},
		{okta.JWKS{Client: ofOkta}, key, secret},
		{okta.JWKSURL{Client: ofOkta}, key, secret},
		{okta.Secrets{Client: ofOkta}, secret, key},
		{keycloak.JWKS{Client: ofKeycloak}, key, secret},
		{keycloak.JWKSURL{Client: ofKeycloak}, key, secret},
		{keycloak.Certificate{Client: ofKeycloak}, key, secret},
		{keycloak.Secret{Client: ofKeycloak}, secret, key},
		{keycloak.OwnSecret{Client: ofKeycloak}, secret, key},
	} {
		r := &selfservice.Rotator{Provider: row.provider, Store: &selfservice.Mem{}}
		require.ErrorIs(t, r.Adopt(t.Context(), row.wrong), selfservice.ErrConfig, "%T", row.provider)
		require.ErrorIs(t, r.Ready(t.Context()), selfservice.ErrNotAdopted, "%T", row.provider)
		require.NoError(t, r.Adopt(t.Context(), row.takes), "%T", row.provider)
	}
}
