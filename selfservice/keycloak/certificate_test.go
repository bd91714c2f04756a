package keycloak_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/keys"
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

// TestRemoveEndsTheOldCertificateEverywhere: whoever has the old key, say because it
// leaked, uses it at a node that the program does not meet otherwise.
func TestRemoveEndsTheOldCertificateEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty(t, false, 2)
		first, next := certified(t), certified(t)
		require.NoError(t, f.admin.SetCertificate(t.Context(), f.id, first.PublicKey()))
		accepts := func(key *keys.Key) (nodes int) {
			for n := range 2 {
				at := &keycloak.Client{Realm: f.realm(providertest.Handler(f.server.Node(n))), ClientID: "app"}
				if err := at.Verify(t.Context(), selfservice.Credential{Key: key}); err == nil {
					nodes++
				}
			}
			return nodes
		}
		require.Equal(t, 2, accepts(first))
		here := providertest.Handler(f.server.Node(0))
		p := keycloak.Certificate{Client: &keycloak.Client{Realm: f.realm(here), ClientID: "app", Admin: f.administrator(here)}}
		_, err := p.Register(t.Context(), selfservice.Credential{Key: first}, selfservice.Credential{Key: next})
		require.NoError(t, err)
		for range 10 {
			time.Sleep(15 * time.Minute)
			require.Equal(t, 1, accepts(first))
		}
		p.Client = &keycloak.Client{Realm: f.realm(providertest.Handler(f.server)), ClientID: "app"}
		require.NoError(t, p.Remove(t.Context(), selfservice.Credential{Key: next}, selfservice.Registration{}))
		require.Zero(t, accepts(first))
		require.Equal(t, 2, accepts(next))
	})
}
