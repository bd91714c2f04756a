package contract_test

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/keycloak"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/nokkel/nokkel/selfservice/keycloak/keycloaktest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rotationFeature is the state of client-secret-rotation on the live server.
// KEYCLOAK_FEATURES lists the preview features it was started with.
func rotationFeature() admin.State {
	if previews, told := os.LookupEnv("KEYCLOAK_FEATURES"); told && !strings.Contains(previews, "client-secret-rotation") {
		return admin.Off
	}
	return admin.On
}

// featureless answers like a server without the feature, as measured on 26.7.4.
type featureless struct{ http.RoundTripper }

func (f featureless) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := func(status int, body string) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
	switch {
	case r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/client-policies/profiles"):
		return answer(400, `{"errorMessage":"proposed client profile contains the executor, which does not have valid provider, or has invalid configuration."}`)
	case strings.HasSuffix(r.URL.Path, "/serverinfo"):
		return answer(200, `{"features":[{"name":"CLIENT_SECRET_ROTATION","enabled":false}]}`)
	}
	return f.RoundTripper.RoundTrip(r)
}

// TestWithoutTheFeature runs live on a server that was started without it.
func TestWithoutTheFeature(t *testing.T) {
	check := func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		err := tg.admin.PutRotationProfile(ctx, admin.RotationProfile{Name: "weekly", Expiration: 7 * day, Rotated: 2 * day, Remaining: day})
		require.ErrorIs(t, err, admin.ErrFeature)

		id, secret := tg.client("app", nil)
		overlap, err := tg.admin.Overlap(ctx, id)
		require.NoError(t, err)
		assert.False(t, overlap)
		client := &keycloak.Client{Realm: tg.balanced(), ClientID: "app", Admin: tg.byAdmin()}
		r := &selfservice.Rotator{Provider: keycloak.Secret{Client: client}, Store: &selfservice.Mem{}, Timing: tg.short()}
		require.NoError(t, r.Adopt(ctx, selfservice.Credential{Secret: secret}))
		require.NoError(t, r.Rotate(ctx))
		now, err := r.ClientSecret(ctx)
		require.NoError(t, err)
		assert.True(t, tg.acceptsSecret("app", now))
		assert.False(t, tg.acceptsSecret("app", secret), "it ends at once")
	}
	t.Run("fake", func(t *testing.T) {
		server := keycloaktest.Start(t)
		server.AddRealm("test")
		tg := &target{t: t, tokens: server.Admin(), wait: server.Advance, version: keycloaktest.Version}
		tg.use(keycloak.Realm{Server: server.URL, Name: "test", Base: featureless{http.DefaultTransport}})
		check(tg)
	})
	t.Run("live", func(t *testing.T) {
		if rotationFeature() == admin.On {
			t.Skip("the server was started with the feature, or there is no server")
		}
		check(live(t))
	})
}
