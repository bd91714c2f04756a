package okta_test

import (
	"testing"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/stretchr/testify/require"
)

func newKey(t testing.TB) *keys.Key {
	key, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	return key
}

// newKeyOf makes RSA keys of the least size: making them is what takes time.
func newKeyOf(t testing.TB, alg keys.Algorithm) *keys.Key {
	key, err := keys.GenerateRSA(alg, 2048)
	if err != nil {
		key, err = keys.Generate(alg)
	}
	require.NoError(t, err)
	return key
}

func publicKeys(list ...*keys.Key) (out []*keys.PublicKey) {
	for _, k := range list {
		out = append(out, k.PublicKey())
	}
	return out
}

func credential(key *keys.Key) selfservice.Credential { return selfservice.Credential{Key: key} }

func scopes() []string { return []string{okta.ScopeRead, okta.ScopeManage} }

// serviceApp is an app that may manage apps, itself among them.
func serviceApp(key *keys.Key) oktatest.App {
	return oktatest.App{Keys: publicKeys(key), Service: true, DPoP: true, Scopes: scopes(), Role: oktatest.SuperAdmin}
}

// manager is a service app and what it calls the management API with.
func manager(t testing.TB, s *oktatest.Server, org okta.Org) *okta.Admin {
	key := newKey(t)
	id := s.AddApp(serviceApp(key))
	return &okta.Admin{Org: org, Tokens: org.Tokens(org.Signer(id, key), &dpop.Prover{})}
}
