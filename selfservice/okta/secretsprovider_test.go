package okta_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/nokkel/nokkel/selfservice/providertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestASecretYieldsOnlyIfTheActiveOneWorksWithoutIt, also if the context ends
// before that is known.
func TestASecretYieldsOnlyIfTheActiveOneWorksWithoutIt(t *testing.T) {
	next := selfservice.Credential{Secret: keys.NewSecret("the-next-secret-of-the-app-12345")}
	for _, replyLost := range []bool{false, true} {
		server := oktatest.New(fakeURL)
		id := server.AddApp(oktatest.App{Secret: firstSecret().Secret})
		ctx, cancel := context.WithCancel(t.Context())
		base, broken := providertest.Handler(server), false
		admin := adminOver(roundTripper(func(r *http.Request) (*http.Response, error) {
			if err := r.Context().Err(); err != nil {
				return nil, err
			}
			if broken && r.URL.Path == "/oauth2/v1/introspect" {
				return nil, http.ErrServerClosed
			}
			resp, err := base.RoundTrip(r)
			if strings.HasSuffix(r.URL.Path, "/lifecycle/deactivate") {
				cancel()
				if replyLost {
					err = r.Context().Err()
				}
			}
			return resp, err
		}))
		other, err := admin.GenerateSecret(t.Context(), id)
		require.NoError(t, err)
		p := okta.Secrets{Client: &okta.Client{Org: admin.Org, AppID: id, Admin: admin}, Yield: func(context.Context, okta.Secret) bool { return true }}
		_, err = p.Register(ctx, firstSecret(), next)
		require.ErrorIs(t, err, context.Canceled)
		assert.True(t, server.Accepts(id, other.Fingerprint()), "it is left inactive")

		// One that was left inactive all the same.
		require.NoError(t, admin.DeactivateSecret(t.Context(), id, other.ID))
		broken = true
		_, err = p.Register(t.Context(), firstSecret(), next)
		require.ErrorIs(t, err, okta.ErrFull)
		assert.Empty(t, server.Events(oktatest.EventDelete))
		broken = false
		_, err = p.Register(t.Context(), firstSecret(), next)
		require.NoError(t, err)
		assert.True(t, server.Accepts(id, next.Fingerprint()))
	}
}
