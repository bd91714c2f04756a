package keycloak_test

import (
	"testing"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/require"
)

// TestACertificateReplacesNoJWKS checks that nothing is registered for a client
// that was moved to a JWKS, stored or at a URL, which other programs may use.
func TestACertificateReplacesNoJWKS(t *testing.T) {
	mine, other := certified(t), newKey(t)
	for name, move := range map[string]func(*faulty) error{
		"stored": func(f *faulty) error {
			return f.admin.SetKeys(f.t.Context(), f.id, set(mine, other))
		},
		"at a URL": func(f *faulty) error {
			return f.admin.SetJWKSURL(f.t.Context(), f.id, "https://keys.example/jwks.json")
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFaulty(t, false, 1)
			base := providertest.Handler(f.server)
			require.NoError(t, f.admin.SetCertificate(t.Context(), f.id, mine.PublicKey()))
			p := keycloak.Certificate{Client: &keycloak.Client{Realm: f.realm(base), ClientID: "app", Admin: f.administrator(base)}}
			require.NoError(t, move(f))
			moved, err := f.admin.Client(t.Context(), f.id)
			require.NoError(t, err)
			_, err = p.Register(t.Context(), selfservice.Credential{Key: mine}, selfservice.Credential{Key: certified(t)})
			require.ErrorIs(t, err, admin.ErrMode)
			after, err := f.admin.Client(t.Context(), f.id)
			require.NoError(t, err)
			require.Equal(t, moved.Attributes, after.Attributes)
		})
	}
}

// TestAdoptedLeavesAnAdoptedKeyAlone: each step of a Rotator asks, and making a key
// costs more than a signature.
func TestAdoptedLeavesAnAdoptedKeyAlone(t *testing.T) {
	given := selfservice.Credential{Key: newKey(t)}
	adopted, err := keycloak.Certificate{}.Adopted(given)
	require.NoError(t, err)
	require.NotEqual(t, given.KeyID(), adopted.KeyID())
	again, err := keycloak.Certificate{}.Adopted(adopted)
	require.NoError(t, err)
	require.Same(t, adopted.Key, again.Key)
}
