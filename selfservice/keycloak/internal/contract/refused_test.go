package contract_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// behind is a process that still holds a secret that was regenerated elsewhere.
type behind struct {
	old, next keys.Secret
	told      int
}

func (b *behind) ClientSecret(context.Context) (keys.Secret, error) { return b.old, nil }

func (b *behind) SecretRefused(context.Context, keys.Secret) (keys.Secret, error) {
	b.told++
	return b.next, nil
}

// TestARegeneratedSecretIsAskedFor runs without a policy, so that the old secret
// ends at once. The server then answers unauthorized_client: with 401 to the
// secret itself, with 400 to an assertion signed with it.
func TestARegeneratedSecretIsAskedFor(t *testing.T) {
	each(t, func(tg *target) {
		t := tg.t
		id, old := tg.client("app", nil)
		next, err := tg.admin.RegenerateSecret(t.Context(), id)
		require.NoError(t, err)
		for _, c := range []struct {
			name   string
			method admin.Method
			auth   func(*behind) assertion.Authenticator
		}{
			{"client_secret_basic", admin.MethodSecret, func(b *behind) assertion.Authenticator { return &assertion.Basic{ClientID: "app", Secret: b} }},
			{"client_secret_post", admin.MethodSecret, func(b *behind) assertion.Authenticator { return &assertion.Post{ClientID: "app", Secret: b} }},
			{"client_secret_jwt", admin.MethodSecretJWT, func(b *behind) assertion.Authenticator {
				signer := tg.realm.Signer("app", nil)
				signer.Key, signer.Secret = nil, b
				return signer
			}},
		} {
			require.NoError(t, tg.admin.UpdateClient(t.Context(), id, admin.Change{Method: c.method}))
			source := &behind{old: old, next: next}
			tokens := tg.realm.Tokens(c.auth(source), nil)
			_, err := tokens.Token(t.Context())
			require.NoError(t, err, c.name)
			assert.Equal(t, 1, source.told, c.name)

			transport := &assertion.Transport{Auth: c.auth(source), Endpoint: tokens.Endpoint}
			ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: transport})
			config := clientcredentials.Config{ClientID: "app", TokenURL: tokens.Endpoint, AuthStyle: oauth2.AuthStyleInParams}
			_, err = config.Token(ctx)
			require.NoError(t, err, c.name)
			assert.Equal(t, 2, source.told, c.name)

			source.next = source.old
			_, err = tg.realm.Tokens(c.auth(source), nil).Token(t.Context())
			require.ErrorIs(t, err, assertion.ErrInvalidClient, c.name)
		}
	})
}
