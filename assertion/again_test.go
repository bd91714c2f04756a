package assertion_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stale gives an old credential until it is told that it was refused.
type stale struct {
	old, fresh       *keys.Key
	oldSec, freshSec keys.Secret
	told             int
}

func (s *stale) SigningKey(context.Context) (*keys.Key, error)     { return s.old, nil }
func (s *stale) ClientSecret(context.Context) (keys.Secret, error) { return s.oldSec, nil }
func (s *stale) KeyRefused(_ context.Context, k *keys.Key) (*keys.Key, error) {
	s.told++
	return s.fresh, nil
}
func (s *stale) SecretRefused(_ context.Context, k keys.Secret) (keys.Secret, error) {
	s.told++
	return s.freshSec, nil
}

// TestAnotherCredentialAfterARefusal is a rotation at a server that ends the
// old credential at once; go-jose and net/http judge what arrives.
func TestAnotherCredentialAfterARefusal(t *testing.T) {
	old, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	fresh, err := keys.Generate(keys.ES256)
	require.NoError(t, err)
	secret := keys.NewSecret("the new secret of the client, made here")
	status, code := http.StatusBadRequest, "invalid_client"
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		assert.NoError(t, r.ParseForm())
		ok := r.PostForm.Get("client_secret") == secret.Reveal()
		if _, password, basic := r.BasicAuth(); basic {
			ok = password == "the+new+secret+of+the+client%2C+made+here"
		}
		if jws, err := jose.ParseSignedCompact(r.PostForm.Get("client_assertion"), []jose.SignatureAlgorithm{jose.ES256, jose.HS256}); err == nil {
			_, byKey := jws.Verify(fresh.PublicKey().Public())
			_, bySecret := jws.Verify([]byte(secret.Reveal()))
			ok = byKey == nil || bySecret == nil
		}
		w.Header().Set("Content-Type", "application/json")
		if !ok {
			w.WriteHeader(status)
			w.Write([]byte(`{"error":"` + code + `"}`))
			return
		}
		w.Write([]byte(`{"access_token":"t","token_type":"Bearer","expires_in":60}`))
	}))
	defer server.Close()
	source := func() *stale {
		return &stale{old: old, fresh: fresh, oldSec: keys.NewSecret("the old secret of the client, long enough"), freshSec: secret}
	}
	auths := map[string]func(*stale) assertion.Authenticator{
		"private_key_jwt": func(s *stale) assertion.Authenticator {
			return &assertion.Signer{ClientID: "c", Audience: server.URL, Key: s}
		},
		"client_secret_jwt": func(s *stale) assertion.Authenticator {
			return &assertion.Signer{ClientID: "c", Audience: server.URL, Secret: s}
		},
		"basic": func(s *stale) assertion.Authenticator { return &assertion.Basic{ClientID: "c", Secret: s} },
		"post":  func(s *stale) assertion.Authenticator { return &assertion.Post{ClientID: "c", Secret: s} },
	}
	for name, auth := range auths {
		t.Run(name, func(t *testing.T) {
			requests = 0
			s := source()
			_, err := (&assertion.TokenSource{Endpoint: server.URL, Auth: auth(s)}).Token(t.Context())
			require.NoError(t, err)
			assert.Equal(t, 1, s.told)
			assert.Equal(t, 2, requests)
		})
		t.Run(name+", no other", func(t *testing.T) {
			requests = 0
			s := source()
			s.fresh, s.freshSec = s.old, s.oldSec
			_, err := (&assertion.TokenSource{Endpoint: server.URL, Auth: auth(s)}).Token(t.Context())
			require.ErrorIs(t, err, assertion.ErrInvalidClient)
			assert.Equal(t, 1, requests, "the same one is not tried twice")
		})
	}
	t.Run("other refusals are none of its business", func(t *testing.T) {
		status, code = http.StatusServiceUnavailable, "temporarily_unavailable"
		s := source()
		_, err := (&assertion.TokenSource{Endpoint: server.URL, Auth: auths["post"](s)}).Token(t.Context())
		require.ErrorIs(t, err, assertion.ErrRefused)
		assert.Zero(t, s.told)
	})
}
