package admin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nokkel/nokkel/assertion"
	"github.com/nokkel/nokkel/keys"
	"github.com/nokkel/nokkel/selfservice/keycloak/admin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fixed is a bearer token that is never refreshed.
type fixed string

func (f fixed) BoundToken(context.Context) (string, *keys.Key, error) { return string(f), nil, nil }

// TestShapesOfErrors covers answers that no live server gives on demand.
func TestShapesOfErrors(t *testing.T) {
	const secret = "tZ3kq9vRr2mWc8yLh5pXn7bJd4gFs6aE"
	for name, test := range map[string]struct {
		status int
		body   string
		want   error
		text   string
	}{
		"OAuth":           {403, `{"error":"HTTP 403 Forbidden"}`, admin.ErrForbidden, "keycloak: the role for this is missing: 403 HTTP 403 Forbidden"},
		"OAuth with text": {400, `{"error":"invalid_request","error_description":"no"}`, admin.ErrRefused, "keycloak: the server refused the request: 400 invalid_request: no"},
		"admin":           {409, `{"errorMessage":"Client app already exists","field":null,"params":null}`, admin.ErrConflict, "keycloak: already exists: 409: Client app already exists"},
		"feature off":     {501, `{"error":"Feature not enabled"}`, admin.ErrFeature, "keycloak: the server's feature is off: 501 Feature not enabled"},
		"HTML":            {502, "<html>Bad Gateway</html>", admin.ErrRefused, "keycloak: the server refused the request: 502"},
		"nothing":         {500, "", admin.ErrRefused, "keycloak: the server refused the request: 500"},
		"other types":     {400, `{"error":{"a":1},"errorMessage":7}`, admin.ErrRefused, "keycloak: the server refused the request: 400"},
		"a secret in it":  {400, `{"errorMessage":"bad secret ` + secret + `\n\u001b[31m!"}`, admin.ErrRefused, "keycloak: the server refused the request: 400: bad secret [redacted]  [31m!"},
		"endless":         {400, `{"errorMessage":"` + strings.Repeat("no ", 2000) + `"}`, admin.ErrRefused, ""},
		"a redirect":      {302, "", admin.ErrRefused, "keycloak: the server refused the request: 302"},
		"no JSON":         {200, "<html>", admin.ErrMalformed, ""},
		"another type":    {200, `{"value":7}`, admin.ErrMalformed, ""},
		"a mask":          {200, `{"type":"secret","value":"**********"}`, admin.ErrMasked, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "7")
				if test.status == 302 {
					w.Header().Set("Location", "http://203.0.113.1/")
				}
				w.WriteHeader(test.status)
				w.Write([]byte(test.body))
			}))
			defer server.Close()
			api := &admin.API{Realm: admin.Realm{Server: server.URL, Name: "r"}, Tokens: fixed("token")}
			_, err := api.ClientSecret(t.Context(), "id")
			require.ErrorIs(t, err, test.want)
			if test.text != "" {
				assert.Equal(t, test.text, err.Error())
			}
			assert.Less(t, len(err.Error()), 400)
			assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), secret)
			var e *admin.Error
			if require.ErrorAs(t, err, &e); test.status >= 300 {
				assert.Equal(t, 7*time.Second, e.RetryAfter())
			}
		})
	}
}

func TestTokensDoNotLeaveInClear(t *testing.T) {
	for _, server := range []string{"http://keycloak.example.no", "ftp://127.0.0.1", "https://", "http:///", "https://keycloak.example.no?a=b", "https://user@keycloak.example.no", "\x7f"} {
		api := &admin.API{Realm: admin.Realm{Server: server, Name: "r"}, Tokens: fixed("token")}
		_, err := api.FindClient(t.Context(), "app")
		require.ErrorIs(t, err, admin.ErrConfig, server)
	}
	_, err := new(admin.API).FindClient(t.Context(), "app")
	require.ErrorIs(t, err, admin.ErrConfig)
}

// TestATokenThatIsRefusedIsReplacedOnce has a server that no longer knows its
// tokens, as after a restart, or that looks for roles in the token, as before
// 26.1.
func TestATokenThatIsRefusedIsReplacedOnce(t *testing.T) {
	for refusal, want := range map[int]error{http.StatusUnauthorized: admin.ErrUnauthorized, http.StatusForbidden: admin.ErrForbidden} {
		given, calls, accepted := 0, 0, "Bearer t2"
		mux := http.NewServeMux()
		mux.HandleFunc("POST /realms/r/protocol/openid-connect/token", func(w http.ResponseWriter, _ *http.Request) {
			given++
			fmt.Fprintf(w, `{"access_token":"t%d","token_type":"Bearer","expires_in":60}`, given)
		})
		mux.HandleFunc("GET /admin/", func(w http.ResponseWriter, r *http.Request) {
			calls++
			if r.Header.Get("Authorization") != accepted {
				w.WriteHeader(refusal)
				return
			}
			w.Write([]byte(`[{"id":"1","clientId":"app"}]`))
		})
		server := httptest.NewServer(mux)
		defer server.Close()
		realm := admin.Realm{Server: server.URL, Name: "r"}
		api := &admin.API{Realm: realm, Tokens: realm.Tokens(&assertion.Post{ClientID: "a", Secret: keys.NewSecret("s")}, nil)}
		info, err := api.FindClient(t.Context(), "app")
		require.NoError(t, err)
		assert.Equal(t, "1", info.ID)
		assert.Equal(t, 2, given)
		assert.Equal(t, 2, calls)
		accepted = "none"
		_, err = api.FindClient(t.Context(), "app")
		require.ErrorIs(t, err, want)
		assert.Equal(t, 2, given, "the second one is only seconds old")
		assert.Equal(t, 3, calls)
	}
}

// unasked returns an administrator that fails the test if it asks the server.
func unasked(t *testing.T) *admin.API {
	return &admin.API{Tokens: fixed("token"), Realm: admin.Realm{Server: "http://127.0.0.1", Name: "test", Base: roundTripper(func(r *http.Request) (*http.Response, error) {
		t.Errorf("%s %s was sent", r.Method, r.URL.Path)
		return nil, http.ErrServerClosed
	})}}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

const day = 24 * time.Hour
