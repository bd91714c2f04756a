package keycloak_test

import (
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/require"
)

// TestIssueKeepsTheOldSecret checks that the secret in use is still accepted,
// whatever has become of it, where it must outlive the making of a new one.
func TestIssueKeepsTheOldSecret(t *testing.T) {
	for name, happens := range map[string]func(*faulty){
		"nothing":                func(*faulty) {},
		"it expires":             func(f *faulty) { f.server.Advance(8 * day) },
		"somebody makes a newer": func(f *faulty) { f.regenerate() },
		"a check after it expires": func(f *faulty) {
			f.server.Advance(8 * day)
			require.NoError(f.t, f.admin.UpdateClient(f.t.Context(), f.id, admin.Change{}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFaulty(t, false, 1)
			f.policy(day)
			require.NoError(t, f.admin.UpdateClient(t.Context(), f.id, admin.Change{}))
			base := providertest.Handler(f.server)
			p := keycloak.Secret{Client: &keycloak.Client{Realm: f.realm(base), ClientID: "app", Admin: f.administrator(base)}, KeepOld: true}
			first := selfservice.Credential{Secret: firstSecret()}
			happens(f)
			before, err := p.List(t.Context(), first)
			require.NoError(t, err)
			next, reg, err := p.Issue(t.Context(), first, before)
			require.NoError(t, err)
			require.Equal(t, next.Fingerprint(), reg.Fingerprint)
			require.NotEqual(t, first.Fingerprint(), next.Fingerprint())
			for _, c := range []selfservice.Credential{first, next} {
				require.True(t, f.server.Accepts("test", "app", c.Fingerprint()))
			}
		})
	}
}

func (f *faulty) regenerate() {
	_, err := f.admin.RegenerateSecret(f.t.Context(), f.id)
	require.NoError(f.t, err)
}

// TestAReferenceToAVaultIsNoSecret checks that a Rotator never serves one. A
// server without a vault would even accept it.
func TestAReferenceToAVaultIsNoSecret(t *testing.T) {
	f := newFaulty(t, false, 1)
	base := providertest.Handler(f.server)
	p := keycloak.Secret{Client: &keycloak.Client{Realm: f.realm(base), ClientID: "app", Admin: f.administrator(base)}}
	r := &selfservice.Rotator{Provider: p, Store: f.store}
	require.NoError(t, r.Adopt(t.Context(), selfservice.Credential{Secret: firstSecret()}))
	before, err := p.List(t.Context(), selfservice.Credential{Secret: firstSecret()})
	require.NoError(t, err)
	const reference = "${vault.app}"
	require.NoError(t, f.admin.UpdateClient(t.Context(), f.id, admin.Change{Secret: keys.NewSecret(reference)}))
	_, _, err = p.Issue(t.Context(), selfservice.Credential{Secret: firstSecret()}, before)
	require.ErrorIs(t, err, admin.ErrMode)

	_, err = r.SecretRefused(t.Context(), firstSecret())
	require.NoError(t, err)
	for range 20 {
		if _, err = r.Step(t.Context()); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, admin.ErrMode)
	s, _ := r.ClientSecret(t.Context())
	require.False(t, s.Equal(keys.NewSecret(reference)))
}
