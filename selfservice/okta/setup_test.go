package okta_test

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/keys/keystest"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/require"
)

const fakeURL = "http://127.0.0.1:8080"

// bubble runs a subtest with a clock of its own.
func bubble(t *testing.T, name string, test func(*testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// inMemory returns a fake that works without a network, and its administrator.
func inMemory() (*oktatest.Server, *okta.Admin) {
	server := oktatest.New(fakeURL)
	return server, adminOver(providertest.Handler(server))
}

// adminOver returns an administrator with an API token whose requests go to
// base.
func adminOver(base http.RoundTripper) *okta.Admin {
	return &okta.Admin{Org: okta.Org{URL: fakeURL, Base: base}, APIToken: keys.NewSecret(oktatest.APIToken)}
}

// adopt returns a Rotator that starts with a credential.
func adopt(t *testing.T, p selfservice.Provider, first selfservice.Credential) *selfservice.Rotator {
	t.Helper()
	r := &selfservice.Rotator{Provider: p, Store: &selfservice.Mem{}}
	require.NoError(t, r.Adopt(t.Context(), first))
	return r
}

// finish steps until a rotation is complete. No step may fail.
func finish(t *testing.T, r *selfservice.Rotator) {
	t.Helper()
	for range 100 {
		next, err := r.Step(t.Context())
		require.NoError(t, err)
		st, err := r.Status(t.Context())
		require.NoError(t, err)
		if st.Pending == nil && len(st.Retiring) == 0 {
			return
		}
		time.Sleep(time.Until(next))
	}
	t.Fatal("the rotation does not end")
}

// persist steps through errors until so many rotations are complete.
func persist(t *testing.T, r *selfservice.Rotator, rotations int) {
	t.Helper()
	var last error
	for range 200 {
		st, err := r.Status(t.Context())
		require.NoError(t, err)
		if st.Rotations == rotations && st.Pending == nil && len(st.Retiring) == 0 {
			return
		}
		if st.Rotations < rotations {
			err = r.Rotate(t.Context())
		} else {
			var next time.Time
			next, err = r.Step(t.Context())
			time.Sleep(time.Until(next))
		}
		if err != nil {
			last = err
			time.Sleep(10 * time.Second)
		}
	}
	t.Fatalf("the rotation does not end: %v", last)
}

// kind is an app and its first credential.
type kind struct {
	name     string
	app      oktatest.App
	first    selfservice.Credential
	provider func(*okta.Client) selfservice.Provider
}

func kinds(t *testing.T) []kind {
	key, secret := newKey(t), firstSecret()
	return []kind{
		{"secret", oktatest.App{Secret: secret.Secret}, secret, secrets},
		{"key", oktatest.App{Keys: publicKeys(key)}, credential(key), stored},
	}
}

func stored(c *okta.Client) selfservice.Provider  { return okta.JWKS{Client: c} }
func secrets(c *okta.Client) selfservice.Provider { return okta.Secrets{Client: c} }
func atURL(c *okta.Client) selfservice.Provider   { return okta.JWKSURL{Client: c} }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func firstSecret() selfservice.Credential {
	return selfservice.Credential{Secret: keys.NewSecret("the-first-secret-of-the-app-1234")}
}

func newKey(t testing.TB) *keys.Key { return keystest.Key(t, keys.ES256) }

// rsaKey is generated once for all tests, to save time.
var rsaKey = sync.OnceValues(func() (*keys.Key, error) { return keys.GenerateRSA(keys.RS256, 2048) })

func newKeyOf(t testing.TB, alg keys.Algorithm) *keys.Key {
	if alg[0] == 'E' {
		return keystest.Key(t, alg)
	}
	key, err := rsaKey()
	require.NoError(t, err)
	key, err = key.With(keys.Options{Algorithm: alg})
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

// manager adds a service app that manages others.
func manager(t testing.TB, s *oktatest.Server, org okta.Org) *okta.Admin {
	key := newKey(t)
	id := s.AddApp(serviceApp(key))
	return &okta.Admin{Org: org, Tokens: org.Tokens(org.Signer(id, key), &dpop.Prover{})}
}
