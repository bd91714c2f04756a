package selfservice_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/dcr"
	"github.com/nokkel/nokkel/selfservice/helseid"
	"github.com/nokkel/nokkel/selfservice/jwksurl"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bothKinds returns the providers of this module, each with a credential that it
// takes and one of the wrong kind.
func bothKinds(t *testing.T) []kind {
	secret := secretCredential("a secret that is long enough for it")
	key := selfservice.Credential{Key: keystest.Key(t, keys.ES256)}
	ofKeycloak := &keycloak.Client{ClientID: "app"}
	ofOkta, ofDCR := &okta.Client{}, &dcr.Client{}
	return []kind{
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
	}
}

type kind struct {
	provider     selfservice.Provider
	takes, wrong selfservice.Credential
}

// TestAdoptRefusesTheWrongKind of credential before it stores anything.
func TestAdoptRefusesTheWrongKind(t *testing.T) {
	for _, row := range bothKinds(t) {
		r := &selfservice.Rotator{Provider: row.provider, Store: &selfservice.Mem{}}
		require.ErrorIs(t, r.Adopt(t.Context(), row.wrong), selfservice.ErrConfig, "%T", row.provider)
		require.ErrorIs(t, r.Ready(t.Context()), selfservice.ErrNotAdopted, "%T", row.provider)
		require.NoError(t, r.Adopt(t.Context(), row.takes), "%T", row.provider)
	}
}

// TestStoreOfTheWrongKindIsRefused where something is done with it, rather than
// when a rotation is due.
func TestStoreOfTheWrongKindIsRefused(t *testing.T) {
	for _, row := range bothKinds(t) {
		store := &selfservice.Mem{}
		follower := &selfservice.Rotator{Store: store}
		require.NoError(t, follower.Adopt(t.Context(), row.wrong))
		r := &selfservice.Rotator{Provider: row.provider, Store: store}
		for name, err := range map[string]error{
			"Adopt":  r.Adopt(t.Context(), row.takes),
			"Enroll": r.Enroll(t.Context(), row.takes),
			"Ready":  r.Ready(t.Context()),
			"Check":  r.Check(t.Context()),
			"Rotate": r.Rotate(t.Context()),
		} {
			require.ErrorIs(t, err, selfservice.ErrConfig, "%T, %s", row.provider, name)
			require.ErrorContains(t, err, "give the Rotator another Store", "%T, %s", row.provider, name)
		}
		require.NoError(t, follower.Adopt(t.Context(), row.takes), "it has no provider")
		require.NoError(t, follower.Ready(t.Context()))
	}
}

// TestRunTellsOfAStoreOfTheWrongKind, and serves what is in it.
func TestRunTellsOfAStoreOfTheWrongKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret := secretCredential("a secret that is long enough for it")
		r := &selfservice.Rotator{Store: &selfservice.Mem{}}
		require.NoError(t, r.Adopt(t.Context(), secret))
		r = &selfservice.Rotator{Provider: &helseid.Client{}, Store: r.Store}
		events := record(r)
		runFor(t, r, time.Minute)
		require.NotEmpty(t, events.events)
		assert.ErrorContains(t, events.events[0].Err, "the store holds a secret")
		served := clientSecret(t, r)
		assert.True(t, served.Equal(secret.Secret))
	})
}

// TestStoreOfTheRightKindIsTaken though the provider would change or refuse the key
// today: an older version may have stored it.
func TestStoreOfTheRightKindIsTaken(t *testing.T) {
	edwards, err := keys.Generate(keys.EdDSA)
	require.NoError(t, err)
	for _, r := range []*selfservice.Rotator{
		{Provider: &helseid.Client{}, Store: &selfservice.Mem{}},
		{Provider: keycloak.Certificate{Client: &keycloak.Client{ClientID: "app"}}, Store: &selfservice.Mem{}},
	} {
		require.NoError(t, (&selfservice.Rotator{Store: r.Store}).Adopt(t.Context(), selfservice.Credential{Key: edwards}))
		require.NoError(t, r.Adopt(t.Context(), selfservice.Credential{Key: keystest.Key(t, keys.ES256)}))
		assert.NotErrorIs(t, r.Ready(t.Context()), selfservice.ErrConfig)
	}
}

// TestProvidersThatDoNotRemove are those whose server has no call for it, and may
// accept an old credential for ever: see Event.Unremoved.
func TestProvidersThatDoNotRemove(t *testing.T) {
	var those []string
	for _, row := range bothKinds(t) {
		if _, ok := row.provider.(selfservice.Remover); !ok {
			those = append(those, fmt.Sprintf("%T", row.provider))
		}
	}
	assert.Equal(t, []string{"*helseid.Client", "*jwksurl.Provider", "dcr.secretProvider"}, those)
}
