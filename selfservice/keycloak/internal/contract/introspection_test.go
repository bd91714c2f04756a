package contract_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/access"
	"github.com/nokkel/nokkel/keys"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestIntrospection has resource servers introspect a token that is bound to a key.
// It is active only to those in its audience.
func TestIntrospection(t *testing.T) {
	each(t, func(tg *target) {
		t, ctx := tg.t, tg.t.Context()
		_, secret := tg.client("app", nil)
		secrets := map[string]keys.Secret{"app": secret}
		for _, name := range []string{"api", "other"} {
			_, secrets[name] = tg.client(name, nil)
		}
		tg.audience("app", "api")
		endpoint := tg.realm.Endpoint("token/introspect")
		token, err := tg.realm.Tokens(&assertion.Basic{ClientID: "app", Secret: secret}, &dpop.Prover{}).Token(ctx)
		require.NoError(t, err)

		ask := func(as string, token keys.Secret) (answer map[string]any) {
			t.Helper()
			client := &http.Client{Transport: &assertion.Transport{Endpoint: endpoint, Auth: &assertion.Basic{ClientID: as, Secret: secrets[as]}}}
			resp, err := client.Post(endpoint, "application/x-www-form-urlencoded", strings.NewReader(url.Values{"token": {token.Reveal()}}.Encode()))
			require.NoError(t, err)
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, resp.StatusCode, "%s", text)
			require.NoError(t, json.Unmarshal(text, &answer))
			return answer
		}
		answer := ask("api", token.AccessToken)
		for name, want := range map[string]any{"active": true, "client_id": "app", "token_type": "DPoP", "iss": tg.realm.URL(), "username": "service-account-app"} {
			assert.Equal(t, want, answer[name], name)
		}
		for _, name := range []string{"app", "other"} {
			assert.Equal(t, tg.old(), ask(name, token.AccessToken)["active"], "%s is not in its audience; 26.0 tells everybody", name)
		}
		assert.Equal(t, map[string]any{"active": false}, ask("api", keys.NewSecret("none")))

		api := &access.Introspector{Endpoint: endpoint, Issuer: tg.realm.URL(), Audiences: []string{"api"}, Auth: &assertion.Basic{ClientID: "api", Secret: secrets["api"]}}
		checked, err := api.Token(ctx, token.AccessToken.Reveal())
		require.NoError(t, err)
		assert.Equal(t, token.Key.Thumbprint(), checked.JKT)
		assert.ElementsMatch(t, []string{"profile", "email"}, checked.Scopes)
	})
}
