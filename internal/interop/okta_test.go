package interop_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nokkel/nokkel/dpop"
	"github.com/nokkel/nokkel/dpop/access"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/okta"
	"github.com/nokkel/nokkel/selfservice/okta/oktatest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// oktaTask is a task at Okta, which wants the endpoint that is called as "aud" of an
// assertion.
type oktaTask struct {
	task
	Audience string `json:"audience,omitempty"` // empty: the client's own choice, the issuer
}

// TestClientsDriveOkta has each client get a token of the org, and read its own app
// with it, then one of a custom authorization server, and call an API.
func TestClientsDriveOkta(t *testing.T) {
	t.Parallel()
	for _, client := range []program{oauth4webapi(), openidClient(), requestsOAuth2()} {
		t.Run(client.name, func(t *testing.T) {
			t.Parallel()
			server := oktatest.Start(t)
			key, private := newKey(t)
			id := server.AddApp(oktatest.App{
				ClientID: "stranger", Keys: []*keys.PublicKey{key.PublicKey()},
				Service: true, DPoP: true, Scopes: []string{okta.ScopeRead}, Role: oktatest.AppAdmin,
			})
			work := oktaTask{task: task{server.URL, "stranger", private, okta.ScopeRead, []call{{"GET", server.URL + "/api/v1/apps/" + id, ""}}}}
			var r result
			_, ok := client.run(t, work, &r)
			require.False(t, ok, "Okta accepted the issuer as audience")
			reasons := tokenReasons(server)
			require.Len(t, reasons, 1)
			assert.Contains(t, reasons[0], "must be the endpoint invoked")

			work.Audience = server.URL + "/oauth2/v1/token"
			complaint, ok := client.run(t, work, &r)
			require.True(t, ok, complaint)
			assert.Equal(t, okta.ScopeRead, r.Token.Scope)
			assert.Equal(t, "dpop", strings.ToLower(r.Token.Type))
			require.Len(t, r.Answers, 1)
			assert.Equal(t, 200, r.Answers[0].Status, r.Answers[0].Body)
			assert.Contains(t, r.Answers[0].Body, `"client_id":"stranger"`)
			assert.Equal(t, []string{"use_dpop_nonce", ""}, tokenReasons(server)[1:], "the first proof has no nonce")

			custom := okta.AuthorizationServer{Org: server.Org()}
			work.Issuer, work.Audience, work.Scope = server.URL+"/oauth2/default", custom.TokenEndpoint(), "patients"
			work.Calls = []call{{"GET", oktaAPI(t, work.Issuer) + "/patients", ""}}
			complaint, ok = client.run(t, work, &r)
			require.True(t, ok, complaint)
			assert.Equal(t, "patients", r.Token.Scope)
			require.Len(t, r.Answers, 1)
			assert.Equal(t, 200, r.Answers[0].Status)
			assert.Equal(t, "stranger", r.Answers[0].Body)
			assert.Equal(t, []string{"use_dpop_nonce", ""}, tokenReasons(server)[3:])
		})
	}
}

// tokenReasons returns what became of each token request; empty: a token.
func tokenReasons(server *oktatest.Server) (reasons []string) {
	for _, e := range server.Events(oktatest.EventToken) {
		reasons = append(reasons, e.Reason)
	}
	return reasons
}

// oktaAPI starts an API that takes bound tokens of the default authorization server,
// and answers with the name of the client.
func oktaAPI(t *testing.T, issuer string) (url string) {
	guard := &dpop.Middleware{
		Tokens: &access.Verifier{Issuer: issuer, Audiences: []string{"api://default"}, PlainType: true},
		Proofs: &dpop.Verifier{Replay: &dpop.Memory{}, Nonces: &dpop.Nonces{}},
	}
	api := httptest.NewUnstartedServer(guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, dpop.TokenFrom(r.Context()).ClientID)
	}), "patients"))
	guard.BaseURL = "http://" + api.Listener.Addr().String()
	api.Start()
	t.Cleanup(api.Close)
	return guard.BaseURL
}
